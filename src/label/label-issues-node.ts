/**
 * @module `findLabelIssues`: examples whose labels are probably wrong, ambiguous or of no class, and classes that are taken for each other.
 */
import { cell, isText, rowSize } from "../data/node.js";
import { brightened } from "../data/inspect/image-collection-node.js";
import { imageName, imageSource, isEncoded } from "../data/images/encoded.js";
import { decodeImage, encodeJpeg, imageHeader } from "../vision/images-node.js";
import { pixelsOf } from "../vision/index.js";
import type { LabelScore } from "./confident-learning.js";
import {
  classOverlaps,
  confidentJoint,
  confidentThresholds,
  inDistributionScores,
  labelScores,
  margins,
} from "./confident-learning.js";
import type { CrossValidated, CrossValidationContext, CrossValidationOptions } from "./cross-validate-node.js";
import { crossValidate } from "./cross-validate-node.js";
import { argMax } from "../util/vectors.js";

/** One example that deserves a look. */
export interface LabelIssue {
  /** The row in its file, counted from 1; where there is no file of rows, in the order of reading. */
  readonly row: number;
  /** The example's place among all that were read, counted from 0. */
  readonly index: number;
  readonly given: string;
  /** The likeliest class. */
  readonly suggested: string;
  /** The probability of the label that was given. */
  readonly confidence: number;
  readonly score: number;
  /** Confidently of another class (confident learning), not only unlikely. */
  readonly isConfident: boolean;
  /** The text, or the image's name. */
  readonly shown: string;
}

export interface LabelReport {
  readonly name: string;
  readonly task: string;
  readonly model: string;
  readonly examples: number;
  readonly classes: readonly string[];
  /** Examples whose likeliest class is the label. */
  readonly accuracy: number;
  /** Confidently of another class than labelled: the estimate of how many labels are wrong. */
  readonly confidentIssues: number;
  /** Probably wrong labels, the worst first. */
  readonly issues: readonly LabelIssue[];
  readonly ambiguous: readonly LabelIssue[];
  readonly outOfDistribution: readonly LabelIssue[];
  /** Classes that are taken for each other. */
  readonly overlaps: readonly { readonly a: string; readonly b: string; readonly count: number }[];
}

export interface LabelIssuesOptions extends CrossValidationOptions {
  readonly score?: LabelScore;
  /** Examples of each kind that are listed. */
  readonly most?: number;
}

const LONGEST_SHOWN = 300;

/** Text by which a person recognizes an example. */
function shownOf({ rows, target, shown }: CrossValidated, i: number): string {
  if (shown.image !== undefined) return isEncoded(rows.column("image")) ? imageName(rows, i) : `image ${i + 1}`;
  const names = shown.text === undefined ? rows.names.filter((name) => name !== target) : [shown.text];
  const values = names
    .filter((name) => rows.has(name))
    .map((name) => {
      const column = rows.column(name);
      if (!isText(column) && rowSize(column) > 1) return "";
      const value = cell(column, i);
      const text = value instanceof Date ? value.toISOString().slice(0, 10) : String(value ?? "");
      return names.length === 1 ? text : `${name}=${text}`;
    });
  return values.join(", ").slice(0, LONGEST_SHOWN);
}

const order = (scores: Float64Array): number[] =>
  Array.from(scores.keys()).sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);

/** Finds issues in the labels of probabilities that are there. */
export function issuesOf(
  found: CrossValidated,
  { score = "self-confidence", most = 1000 }: LabelIssuesOptions = {},
): LabelReport {
  const { labels, probabilities, classes } = found;
  const K = classes.length;
  const scored = { labels, probabilities, classes: K };
  const thresholds = confidentThresholds(scored);
  const joint = confidentJoint(scored, thresholds);
  const confident = new Set(joint.issues);
  const { positions } = found.rows.column(found.shown.text ?? found.rows.names[0] ?? "");
  const scores = labelScores(scored, score);
  const likeliest = Array.from(labels, (_, i) => argMax(probabilities.subarray(i * K, (i + 1) * K)));
  const issue = (i: number, value: number): LabelIssue => ({
    row: positions?.rows[i] ?? i + 1,
    index: i,
    given: classes[labels[i] as number] as string,
    suggested: classes[likeliest[i] as number] as string,
    confidence: probabilities[i * K + (labels[i] as number)] as number,
    score: value,
    isConfident: confident.has(i),
    shown: shownOf(found, i),
  });
  const listed = (values: Float64Array, isListed: (i: number) => boolean): LabelIssue[] =>
    order(values)
      .filter(isListed)
      .slice(0, most)
      .map((i) => issue(i, values[i] as number));
  const right = likeliest.filter((k, i) => k === labels[i]).length;
  return {
    name: found.name,
    task: found.task,
    model: found.model,
    examples: labels.length,
    classes,
    accuracy: right / labels.length,
    confidentIssues: joint.issues.length,
    issues: listed(scores, (i) => likeliest[i] !== labels[i]),
    ambiguous: listed(margins(scored), () => true).slice(0, Math.min(most, 100)),
    outOfDistribution: listed(inDistributionScores(scored, thresholds), () => true).slice(0, Math.min(most, 100)),
    overlaps: classOverlaps(joint)
      .slice(0, 50)
      .map(({ a, b, count }) => ({ a: classes[a] as string, b: classes[b] as string, count })),
  };
}

/** Trains by cross-validation, and finds issues in the labels of data. Errors: those of `crossValidate`. */
export async function findLabelIssues(
  data: string,
  options: LabelIssuesOptions = {},
  context: CrossValidationContext = {},
): Promise<{ readonly report: LabelReport; readonly found: CrossValidated }> {
  const found = await crossValidate(data, options, context);
  return { report: issuesOf(found, options), found };
}

const THUMBNAIL = 112;

/** A small JPEG of an example's image; undefined where examples are none. */
export async function thumbnailOf({ rows, maximum }: CrossValidated, i: number): Promise<Uint8Array | undefined> {
  if (!rows.has("image")) return undefined;
  const column = rows.column("image");
  if (!isEncoded(column)) return isText(column) ? undefined : encodeJpeg(brightened(pixelsOf(column, i), maximum));
  const source = imageSource(column, i);
  const header = await imageHeader(source, { where: imageName(rows, i) });
  const scale = Math.min(1, THUMBNAIL / Math.max(header.width, header.height));
  const size = { height: Math.max(1, Math.round(header.height * scale)), width: Math.max(1, Math.round(header.width * scale)) };
  const box = { top: 0, left: 0, height: header.height, width: header.width };
  return encodeJpeg(
    await decodeImage(source, { where: imageName(rows, i), channels: header.channels === 1 ? 1 : 3, box, ...size }),
  );
}
