/**
 * @module Object detection with files: images from a command line, pictures of what was found, and its part of a report.
 */
import { Dataset } from "../../../data/node.js";
import { boxBatch } from "../../../data/images/boxes-batch-node.js";
import type { TensorData } from "../../../graph/index.js";
import { DataError } from "../../../util/errors.js";
import { boxesSvg, classColor, parseBoxAugment } from "../../../vision/index.js";
import { drawOver, endsWhole, imageHeader } from "../../../vision/images-node.js";
import type { FoundImage } from "./report-node.js";
import { classTable, curvesSection, imagesSection, judgeImage } from "./report-node.js";
import { expectInputs } from "../../shared/inputs.js";
import { imageFiles } from "../image-inputs-node.js";
import { viewOfBox } from "./box-view-node.js";
import type { DetectionInfo } from "./object-detection.js";
import { ANSWER_THRESHOLD, detectedIn, DetectionMeasurement, trueBoxesIn } from "./object-detection.js";
import type { InputOptions, NamedInputs, NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import type { Answer } from "../../task.js";
import type { TrainedModel } from "../../trained-model.js";

/** An object in an answer, in pixels of the image. */
interface FoundObject {
  readonly label: string;
  readonly score: number;
  readonly box: readonly [number, number, number, number];
}

/** Image files and folders of them; each is looked at, and decoded when its turn comes. */
async function readImages(_model: TrainedModel, inputs: readonly string[], options: InputOptions): Promise<NamedInputs> {
  expectInputs(inputs);
  const files = (await Promise.all(inputs.map(imageFiles))).flat();
  const good: string[] = [];
  for (const file of files) {
    try {
      await imageHeader(file, options.maxMegapixels === undefined ? {} : { maxMegapixels: options.maxMegapixels });
      if (!(await endsWhole(file))) throw new DataError(`${file}: expected a whole image, got a truncated one`);
      good.push(file);
    } catch (error) {
      if (options.skipBadRows !== true || !(error instanceof DataError)) throw error;
    }
  }
  if (good.length === 0) throw new DataError(`${inputs.join(", ")}: expected at least one image that can be read, found none`);
  return { examples: new Dataset({ image: good, file: good }), names: good, badRows: files.length - good.length };
}

async function draw(model: TrainedModel, input: string, answer: Answer): Promise<Uint8Array> {
  const { classes } = model.info as DetectionInfo;
  const objects = answer["objects"] as readonly FoundObject[];
  const marks = objects.map(({ label, score, box }) => ({
    box,
    label: `${label} ${score.toFixed(2)}`,
    color: classColor(classes.indexOf(label)),
  }));
  // The surest on top.
  return drawOver(input, (size) => boxesSvg(size, marks.toReversed()));
}

/** Images of the report: of those with most mistakes, and of others from all over. */
const WORST = 6;
const SAMPLES = 6;

/** Images of the training part as the network sees them, in the first passes over the data. */
async function trainingImages({ used, train, config, summary }: ReportSources): Promise<FoundImage[]> {
  const info = used.info as DetectionInfo;
  const [channels = 3, height = 1, width = 1] = info.imageShape;
  const size = channels * height * width;
  const augment = config.options["augment"];
  const options = {
    shape: info.imageShape,
    mostBoxes: info.mostBoxes,
    augmentation: parseBoxAugment(typeof augment === "string" ? augment : "none"),
  };
  const count = Math.min(SAMPLES, train.length);
  const indices = Uint32Array.from({ length: count }, (_, i) => Math.floor((i * train.length) / count));
  const { image, boxes } = (await boxBatch(train, { indices, seed: summary.seed, epoch: 0, offset: 0 }, options)) as {
    image: TensorData;
    boxes: TensorData;
  };
  return Array.from(indices, (row, i) => ({
    name: train.texts("file")[row] ?? "",
    image: { channels, height, width, data: (image.data as Uint8Array).subarray(i * size, (i + 1) * size) },
    judged: judgeImage([], trueBoxesIn(boxes, i, 1), info.classes.length),
  }));
}

/** Findings on the test part: counts by class, images from all over it, and those with most mistakes. */
interface Looked {
  readonly tallies: readonly Record<"found" | "missed" | "wrong", number>[];
  readonly samples: readonly FoundImage[];
  readonly worst: readonly FoundImage[];
}

async function lookAt({ used, test }: ReportSources): Promise<Looked> {
  const info = used.info as DetectionInfo;
  const [channels = 3, height = 1, width = 1] = info.imageShape;
  const size = channels * height * width;
  const every = Math.max(1, Math.floor(test.length / SAMPLES));
  const samples: FoundImage[] = [];
  let worst: FoundImage[] = [];
  const tallies = info.classes.map(() => ({ found: 0, missed: 0, wrong: 0 }));
  await used.run(test, (outputs, rows, batch) => {
    const [image, boxes] = [batch["image"], batch["boxes"]] as [TensorData, TensorData];
    for (const [i, row] of rows.entries()) {
      const judged = judgeImage(detectedIn(outputs, i, 1, ANSWER_THRESHOLD), trueBoxesIn(boxes, i, 1), info.classes.length);
      judged.tallies.forEach((tally, k) => {
        const all = tallies[k] as (typeof tallies)[0];
        for (const name of ["found", "missed", "wrong"] as const) all[name] += tally[name];
      });
      const isSample = row % every === 0 && samples.length < SAMPLES;
      const isWorse = judged.mistakes > 0 && (worst.length < WORST || judged.mistakes > (worst.at(-1)?.judged.mistakes ?? 0));
      if (!isSample && !isWorse) continue;
      const data = (image.data as Uint8Array).slice(i * size, (i + 1) * size);
      const seen: FoundImage = { name: test.texts("file")[row] ?? "", image: { channels, height, width, data }, judged };
      if (isSample) samples.push(seen);
      if (isWorse) worst = [...worst, seen].sort((a, b) => b.judged.mistakes - a.judged.mistakes).slice(0, WORST);
    }
  });
  return { tallies, samples, worst };
}

const FOUND = {
  en: "Images from all over the test part: what was found with its score, and dashed what is there.",
  zh: "测试集中各处的图像：实线为检测结果及其得分，虚线为真值。",
};
const MISTAKES = {
  en: "Only what is wrong: red, what is there and was missed; orange, what was found and is not there, or of another class.",
  zh: "仅显示错误：红色为漏检，橙色为误检或类别错误。",
};
const TRAINED_ON = {
  en: "Training images after random changes, as the network saw them in the first pass, with their annotations.",
  zh: "经过随机变换的训练图像及其标注，即网络在第一轮中所见。",
};

async function report(sources: ReportSources): Promise<TaskReport> {
  const { used, measurement } = sources;
  const primaryMetric = "map50";
  if (!(measurement instanceof DetectionMeasurement)) return { primaryMetric };
  const { classes: names } = used.info as DetectionInfo;
  const { tallies, samples, worst } = await lookAt(sources);
  const { classes } = measurement.report();
  const sections = [
    {
      title: { en: "Class by class", zh: "逐类别" },
      html: classTable(names, classes, tallies) + curvesSection(names, measurement.metric),
    },
    { title: { en: "Found and true", zh: "检测结果与真值" }, html: await imagesSection(samples, names, FOUND) },
    { title: { en: "Most mistakes", zh: "错误最多的图像" }, html: await imagesSection(worst, names, MISTAKES, "mistakes") },
    {
      title: { en: "What it was trained on", zh: "训练所用的图像" },
      html: await imagesSection(await trainingImages(sources), names, TRAINED_ON, "truth"),
    },
  ];
  return { primaryMetric, sections: sections.filter(({ html }) => html !== "") };
}

export const objectDetectionNode: NodeTask = {
  readInputs: readImages,
  view: viewOfBox,
  report,
  present: { pictures: { format: "png", draw } },
};
