/** @module The thread of the head that learns as people label: features once, then a training for each request. */
import { parentPort, workerData } from "node:worker_threads";
import type { Matrix } from "../classical/matrix.js";
import { selectRows } from "../classical/matrix.js";
import { imageFeatures, TextFeatures } from "./features.js";
import { chooseDiverse, uncertainty } from "./active-learning.js";
import { fitHead, likeliest, probabilities } from "./head.js";
import type { HeadOptions, Labelled } from "./head.js";

export interface LearnerData {
  readonly options: HeadOptions;
  /** The items in their order: texts, or the files of images and their folder. */
  readonly texts?: readonly string[];
  readonly images?: { readonly folder: string; readonly files: readonly string[] };
}

export interface LearnRequest {
  readonly labelled: readonly Labelled[];
  /** Rows that people still label, or a sample of them. */
  readonly open: readonly number[];
}

/** An item to label next, with the model's answer if it has one. */
export interface NextItem {
  readonly row: number;
  readonly prediction:
    | {
        readonly classes: readonly number[];
        readonly confidence: number;
        readonly reasons?: readonly { readonly start: number; readonly end: number; readonly weight: number }[];
      }
    | undefined;
}

export interface Learned {
  /** Those that teach most first. */
  readonly next: readonly NextItem[];
  readonly seconds: number;
}

/** Items that are chosen at once: enough until the next training, also for several people. */
const BATCH = 40;
/** Every so many-th row, so that at most `most` are left. */
const thinned = (rows: readonly number[], most: number): readonly number[] => {
  const step = Math.ceil(rows.length / most);
  return step <= 1 ? rows : rows.filter((_, i) => i % step === 0);
};

function learn(
  x: Matrix,
  features: TextFeatures | undefined,
  options: HeadOptions,
  { labelled, open }: LearnRequest,
): NextItem[] {
  const head = fitHead(x, labelled, options);
  if (head === undefined) {
    // Nothing is known yet: what is unlike the rest shows most of the data.
    const candidates = thinned(open, 10 * BATCH);
    const equal = new Float64Array(candidates.length).fill(1);
    return chooseDiverse(x, candidates, equal, BATCH).map((row) => ({ row, prediction: undefined }));
  }
  const { classes, several } = options;
  const p = probabilities(head, selectRows(x, open));
  const own = (i: number): Float64Array => p.subarray(i * classes, (i + 1) * classes);
  const positions = new Map(open.map((row, i) => [row, i]));
  const worth = Float64Array.from(open, (_, i) => uncertainty(own(i), several));
  return chooseDiverse(x, open, worth, BATCH).map((row) => {
    const { classes: found, confidence } = likeliest(own(positions.get(row) as number), several);
    const [first] = found;
    const weights = first === undefined ? undefined : head.model.weights.subarray(first * x.columns, (first + 1) * x.columns);
    const reasons = features === undefined || weights === undefined ? undefined : features.reasons(row, weights);
    return { row, prediction: { classes: found, confidence, ...(reasons === undefined ? {} : { reasons }) } };
  });
}

async function main({ options, texts, images }: LearnerData): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  const features = texts === undefined ? undefined : new TextFeatures(texts);
  const x: Matrix = features?.x ?? (await imageFeatures(images?.folder ?? "", images?.files ?? []));
  port.on("message", (request: LearnRequest) => {
    const start = performance.now();
    const next = learn(x, features, options, request);
    port.postMessage({ next, seconds: (performance.now() - start) / 1000 } satisfies Learned);
  });
}

await main(workerData as LearnerData);
