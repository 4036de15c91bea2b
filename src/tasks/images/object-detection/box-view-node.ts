/**
 * @module A found box as explanations ask about it: its place among those that the detector scores.
 */
import { basename } from "node:path";
import type { Dataset } from "../../../data/node.js";
import type { DetectedBox } from "../../../metrics/index.js";
import { toNumbers } from "../../../graph/index.js";
import type { TensorData } from "../../../graph/index.js";
import type { Detector } from "../../../models/index.js";
import type { PixelImage } from "../../../charts/image.js";
import { ConfigError } from "../../../util/errors.js";
import { unknownName } from "../../../util/nearest.js";
import { own } from "../../../util/record.js";
import { batchOfRows } from "../../shared/rows-node.js";
import type { ScoreQuestion, ViewOf } from "../../task-node.js";
import type { TaskContext } from "../../task.js";
import type { TrainedModel } from "../../trained-model.js";
import { picturesOf } from "../pictures-node.js";
import type { DetectionInfo } from "./object-detection.js";
import { ANSWER_THRESHOLD, detectedIn } from "./object-detection.js";

/** Everything that the detector scores in one image: logits [A, K] and boxes [A, 4] in pixels of the input. */
async function rawOutputs(model: TrainedModel, one: Dataset): Promise<{ logits: Float64Array; boxes: Float64Array }> {
  const context: TaskContext<DetectionInfo> = { info: model.info as DetectionInfo, use: "eval", options: {} };
  const run = await model.evaluator(model.task.inputs(context, 1), (batch) => ({
    ...(model.model as Detector).forward(model.task.features(batch, context, model.model)),
  }));
  const { logits, boxes } = await run(await batchOfRows(model.task, context, one));
  return { logits: toNumbers(logits as TensorData), boxes: toNumbers(boxes as TensorData) };
}

/** The place that a found box stands at: its score there is the same, and its sides are, within the image. */
function placeOf(found: DetectedBox, raw: { logits: Float64Array; boxes: Float64Array }, info: DetectionInfo): number {
  const [, height = 1, width = 1] = info.imageShape;
  const most = [width, height, width, height];
  const classes = info.classes.length;
  let [best, least] = [0, Infinity];
  for (let place = 0; place < raw.logits.length / classes; place++) {
    const score = 1 / (1 + Math.exp(-(raw.logits[place * classes + found.class] as number)));
    const sides = found.box.map((side, k) => side - Math.min(Math.max(raw.boxes[place * 4 + k] as number, 0), most[k] as number));
    const off = Math.abs(score - found.score) + Math.max(...sides.map(Math.abs));
    if (off < least) [best, least] = [place, off];
  }
  return best;
}

/** The number of the box asked about among those found. ConfigError where there is none such. */
function boxAsked(name: string, found: readonly DetectedBox[], classes: readonly string[], question: ScoreQuestion): number {
  const { box, target } = question;
  const listed = `${found.length === 1 ? "1 object" : `${found.length} objects`} in ${name}`;
  if (box !== undefined) {
    if (box > found.length)
      throw new ConfigError(`--box: expected at most ${found.length}, since there are ${listed}, got ${box}`);
    return box - 1;
  }
  if (target === undefined) {
    if (found.length === 0)
      throw new ConfigError(`${name}: expected an image in which an object is found, to explain its score, got none`);
    return 0;
  }
  const wanted = typeof target === "number" ? target : classes.indexOf(target);
  if (wanted < 0) throw new ConfigError(`--target: ${unknownName("class", String(target), classes)}`);
  const place = found.findIndex((one) => one.class === wanted);
  if (place < 0)
    throw new ConfigError(
      `--target: expected a class that is found, got ${classes[wanted]}, of which there is none among ${listed}`,
    );
  return place;
}

const SIDES: Readonly<Record<string, string>> = { left: "左", top: "上", right: "右", bottom: "下" };

/** An image as the model is given it, and one of the objects that were found in it. Errors: ConfigError for an object that is not there. */
export const viewOfBox: ViewOf = async (model, { examples }, row, name, question) => {
  const info = model.info as DetectionInfo;
  const one = examples.select([row]);
  let found: DetectedBox[] = [];
  await model.run(one, (outputs) => {
    found = detectedIn(outputs, 0, 1, ANSWER_THRESHOLD);
  });
  const number = boxAsked(basename(name), found, info.classes, question);
  const box = found[number] as DetectedBox;
  const pictures = await picturesOf(info, model.task, examples, [row]);
  const sides = box.box.map((at) => Math.round(at)).join(", ");
  const [left, top, right, bottom] = box.box;
  const { side } = question;
  const asked =
    side === undefined
      ? { en: "its score before the sigmoid", zh: "它在 sigmoid 之前的得分" }
      : { en: `where its ${side} side is`, zh: `它的${own(SIDES, side) ?? side}边在哪里` };
  return {
    name: basename(name),
    input: { kind: "image", image: pictures.get(row) as PixelImage },
    boxes: [
      { left, top, width: right - left, height: bottom - top, label: `${info.classes[box.class]} ${box.score.toFixed(2)}` },
    ],
    asked: { position: placeOf(box, await rawOutputs(model, one), info), ...(side === undefined ? {} : { sides: true }) },
    target: side ?? question.target ?? box.class,
    remarks: [
      {
        en: `Asked about: box ${number + 1} of ${found.length}, ${info.classes[box.class]} ${box.score.toFixed(2)}, at ${sides} in pixels of the model's input; ${asked.en}.`,
        zh: `所问：${found.length} 个框中的第 ${number + 1} 个，${info.classes[box.class]} ${box.score.toFixed(2)}，位于 ${sides}（以模型输入的像素计）；${asked.zh}。`,
      },
    ],
  };
};
