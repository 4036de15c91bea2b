/**
 * @module The thread of the head that learns as people label: features once, then a training for each request. It reads the labels through a connection of its own, so
 * that nobody's answer waits for it.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Kysely } from "kysely";
import type { Matrix } from "../classical/matrix.js";
import { selectRows } from "../classical/matrix.js";
import { imageFeatures, TextFeatures } from "./features.js";
import { chooseDiverse, uncertainty } from "./active-learning.js";
import { fitHead, likeliest, probabilities } from "./head.js";
import type { HeadOptions, Labelled } from "./head.js";
import { valueSchema } from "./scheme.js";
import type { Scheme } from "./scheme.js";
import { openStore } from "../store/store.js";
import type { Tables } from "../store/tables.js";
import { giveWay } from "../util/thread-node.js";

export interface LearnerData {
  readonly scheme: Pick<Scheme, "labels" | "several">;
  /** The database, as `openStore` takes it, and the project in it. */
  readonly store: string;
  readonly project: string;
  /** The items in their order: texts, or the files of images and their folder. */
  readonly texts?: readonly string[];
  readonly images?: { readonly folder: string; readonly files: readonly string[] };
}

interface Known {
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
  /** Labels that it was trained on. */
  readonly labels: number;
  readonly seconds: number;
}

/** The answer to a request: what was learned, or why nothing was. */
export type LearnerAnswer = Learned | { readonly failed: string };

/** Items that are chosen at once: enough until the next training, also for several people. */
const BATCH = 40;
/** Open items that are looked at: of more, every so many-th, and others each time. */
const MOST_CANDIDATES = 20_000;
/** Every so many-th row, so that at most `most` are left. */
const thinned = (rows: readonly number[], most: number): readonly number[] => {
  const step = Math.ceil(rows.length / most);
  return step <= 1 ? rows : rows.filter((_, i) => i % step === 0);
};

function learn(x: Matrix, features: TextFeatures | undefined, options: HeadOptions, { labelled, open }: Known): NextItem[] {
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
    return { row, prediction: { classes: found, confidence, reasons } };
  });
}

/** Reads the labels so far, and the items that are still open. */
async function readKnown(db: Kysely<Tables>, { project, scheme }: LearnerData, round: number): Promise<Known> {
  const indices = new Map(scheme.labels.map(({ name }, k) => [name, k]));
  const answers = await db
    .selectFrom("annotation")
    .select(["position", "value"])
    .where((eb) => eb.and({ project, state: "submitted" }))
    .execute();
  const openItems = db.selectFrom("item").where("project", "=", project).where("open", "=", 1);
  const { count } = await openItems.select(({ fn }) => fn.countAll<number | string>().as("count")).executeTakeFirstOrThrow();
  const step = Math.max(1, Math.ceil(Number(count) / MOST_CANDIDATES));
  const open = await openItems
    .select("position")
    .where((query) => query(query("position", "%", query.lit(step)), "=", round % step))
    .orderBy("position")
    .execute();
  return {
    labelled: answers.flatMap(({ position, value }) => {
      const parsed = valueSchema.parse(JSON.parse(value));
      return "classes" in parsed ? [{ row: position, classes: parsed.classes.map((name) => indices.get(name) as number) }] : [];
    }),
    open: open.map(({ position }) => position),
  };
}

async function main(data: LearnerData): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  // People come first.
  giveWay();
  const { scheme, texts, images } = data;
  const options: HeadOptions = { classes: scheme.labels.length, several: scheme.several };
  const features = texts === undefined ? undefined : new TextFeatures(texts);
  const x: Matrix = features?.x ?? (await imageFeatures(images?.folder ?? "", images?.files ?? []));
  const { db } = await openStore(data.store);
  let rounds = 0;
  const answer = async (): Promise<Learned> => {
    const start = performance.now();
    const known = await readKnown(db, data, rounds++);
    const next = learn(x, features, options, known);
    return { next, labels: known.labelled.length, seconds: (performance.now() - start) / 1000 };
  };
  const send = (message: LearnerAnswer): void => port.postMessage(message);
  port.on("message", () => {
    answer().then(send, (error: unknown) => send({ failed: (error as Error).message }));
  });
}

await main(workerData as LearnerData);
