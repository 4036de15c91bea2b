/**
 * @module Image classification with files: its part of a report.
 */
import { basename } from "node:path";
import { imageName } from "../../../data/images/encoded.js";
import { ClassificationMeasurement } from "../../shared/classification.js";
import type { ImageInfo } from "../images.js";
import { readImageInputs } from "../image-inputs-node.js";
import { sampleSections } from "../image-samples-node.js";
import type { ShowExample } from "../../shared/judged-node.js";
import { classResult, judgeClasses, judgedExamples } from "../../shared/judged-node.js";
import { classCurves } from "../../shared/precision-recall-report.js";
import type { PixelImage } from "../../../charts/image.js";
import { picturesOf } from "../pictures-node.js";
import type { NamedInputs, NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import type { TrainedModel } from "../../trained-model.js";
import type { View } from "../../view.js";

function overChannels(values: Float64Array, [channels = 1, height = 1, width = 1]: readonly number[]): Float64Array {
  const plane = height * width;
  return Float64Array.from({ length: plane }, (_, p) =>
    Array.from({ length: channels }, (_, c) => values[c * plane + p] as number).reduce((a, b) => a + b, 0),
  );
}

const showImage =
  ({ imageShape, maximum, classes, mean, deviation }: ImageInfo): ShowExample =>
  (judged, { rows, index, shape, features, attribution }) => {
    const [channels = 1, height = 1, width = 1] = imageShape;
    // What the model saw, as pixels again: the row itself may be a file.
    const data = features.map((value, i) => {
      const c = Math.floor(i / (height * width));
      return Math.round((value * (deviation[c] as number) + (mean[c] as number)) * maximum);
    });
    return {
      input: { kind: "image", image: { width, height, channels: channels === 3 ? 3 : 1, data, maximum } },
      attribution: overChannels(attribution, shape),
      ...classResult(judged, classes),
      name: rows.has("file") ? basename(imageName(rows, index)) : undefined,
    };
  };

async function report(sources: ReportSources): Promise<TaskReport> {
  const info = sources.used.info as ImageInfo;
  const augment = sources.config.options["augment"];
  const judged = await judgeClasses(sources);
  return {
    primaryMetric: "accuracy",
    ...(sources.measurement instanceof ClassificationMeasurement ? sources.measurement.confusionOf(info.classes) : {}),
    ...(await judgedExamples(sources, judged, showImage(info))),
    sections: [
      ...classCurves(judged, info.classes),
      ...(await sampleSections({
        ...info,
        rows: sources.train,
        augment: typeof augment === "string" ? augment : "none",
        seed: sources.summary.seed,
      })),
    ],
  };
}

/** The pixels that the model is given. */
async function view(model: TrainedModel, { examples }: NamedInputs, row: number, name: string): Promise<View> {
  const pictures = await picturesOf(model.info as ImageInfo, model.task, examples, [row]);
  return { name: basename(name), input: { kind: "image", image: pictures.get(row) as PixelImage } };
}

export const imageClassificationNode: NodeTask = { readInputs: readImageInputs, view, report };
