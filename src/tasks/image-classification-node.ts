/**
 * @module Image classification with files: images from a command line, and its part of a report.
 */
import { Dataset, parseIdx } from "../data/node.js";
import { readFileBytes, unwrapGzip } from "../data/files-node.js";
import { DataError } from "../util/errors.js";
import { readImage } from "../vision/images-node.js";
import { ClassificationMeasurement } from "./classification.js";
import type { ImageInfo } from "./image-classification.js";
import type { ShowExample } from "./judged-node.js";
import { classResult, judgeClasses, judgedExamples } from "./judged-node.js";
import type { NamedInputs, NodeTask, ReportSources, TaskReport } from "./task-node.js";
import type { TrainedModel } from "./trained-node.js";

/** Image files and IDX files as pixels of the size that the model was trained on. */
async function readImages(model: TrainedModel, inputs: readonly string[]): Promise<NamedInputs> {
  const info = model.info as ImageInfo;
  const size = info.imageShape.reduce((product, d) => product * d, 1);
  const pieces: { name: string; pixels: Uint8Array }[] = [];
  for (const path of inputs) {
    if (/idx\d/.test(path)) {
      const images = parseIdx(await unwrapGzip(await readFileBytes(path), path), path);
      const [count = 0, ...rest] = images.shape;
      if (rest.reduce((product, d) => product * d, 1) !== size)
        throw new DataError(`${path}: expected images of ${info.imageShape.join("×")}, got ${rest.join("×")}`);
      for (let i = 0; i < count; i++)
        pieces.push({ name: `${path}#${i}`, pixels: images.data.subarray(i * size, (i + 1) * size) as Uint8Array });
    } else {
      const { data } = await readImage(path, info.imageShape);
      // Files are 0…255; the model may have been trained on fewer shades.
      const pixels =
        info.maximum === 255
          ? (data as Uint8Array)
          : Uint8Array.from(data as Uint8Array, (v) => Math.round((v / 255) * info.maximum));
      pieces.push({ name: path, pixels });
    }
  }
  const pixels = new Uint8Array(pieces.length * size);
  pieces.forEach((piece, i) => pixels.set(piece.pixels, i * size));
  const examples = model.task.encode(
    new Dataset({ image: { dtype: "uint8", shape: [pieces.length, ...info.imageShape], data: pixels } }),
    info,
  );
  return { examples, names: pieces.map(({ name }) => name), badRows: 0 };
}

function overChannels(values: Float64Array, [channels = 1, height = 1, width = 1]: readonly number[]): Float64Array {
  const plane = height * width;
  return Float64Array.from({ length: plane }, (_, p) =>
    Array.from({ length: channels }, (_, c) => values[c * plane + p] as number).reduce((a, b) => a + b, 0),
  );
}

const showImage =
  ({ imageShape, maximum, classes }: ImageInfo): ShowExample =>
  (judged, { rows, index, attribution }) => {
    const [channels = 1, height = 1, width = 1] = imageShape;
    const size = channels * height * width;
    const data = rows.tensor("image").data.subarray(index * size, (index + 1) * size) as Uint8Array;
    return {
      input: { kind: "image", image: { width, height, channels: channels === 3 ? 3 : 1, data, maximum } },
      attribution: overChannels(attribution, imageShape),
      ...classResult(judged, classes),
    };
  };

async function report(sources: ReportSources): Promise<TaskReport> {
  const info = sources.used.info as ImageInfo;
  return {
    primaryMetric: "accuracy",
    ...(sources.measurement instanceof ClassificationMeasurement
      ? { confusion: { labels: info.classes, counts: sources.measurement.report().matrix } }
      : {}),
    examples: await judgedExamples(sources, await judgeClasses(sources), showImage(info)),
    attributionMethod: { en: "input × gradient", zh: "输入 × 梯度" },
  };
}

export const imageClassificationNode: NodeTask = { readInputs: readImages, report };
