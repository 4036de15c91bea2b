/**
 * @module Active learning beside the labelling: a thread trains the head on the labels so far, and the items that it would learn most from
 * come next, with its answers to them.
 */
import type { Worker } from "node:worker_threads";
import { TaskQueue } from "../util/task-queue.js";
import type { ModelState } from "./api.js";
import type { Learned, LearnRequest, LearnerData } from "./learner-thread.js";
import { sameValue } from "./same-value.js";
import { valueSchema } from "./scheme.js";
import type { Value } from "./scheme.js";
import type { Workspace } from "./workspace.js";
import { newThread } from "../util/thread-node.js";

/** Labels between two trainings. */
const EVERY = 5;
/** Open items that are looked at: of more, every so many-th, and others each time. */
const MOST_CANDIDATES = 20_000;
/** Answers that the model's agreement is counted over. */
const RECENT = 50;

export interface LearnerOptions {
  readonly note?: (text: string) => void;
  readonly proposes?: boolean;
}

/** The model of a project that learns as people label. */
export class Learner implements AsyncDisposable {
  readonly #workspace: Workspace;
  readonly #worker: Worker;
  readonly #queue = new TaskQueue();
  readonly #recent: boolean[] = [];
  readonly #note: (text: string) => void;
  readonly #proposes: boolean;
  #answered: ((learned: Learned) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #labels = 0;
  #trained = 0;
  #trainedOn = 0;
  #seconds: number | undefined;
  #closed = false;

  /** `proposes` is false where another model proposes answers: this one then only orders the items. */
  constructor(workspace: Workspace, data: LearnerData, { note = () => undefined, proposes = true }: LearnerOptions = {}) {
    this.#workspace = workspace;
    this.#note = note;
    this.#proposes = proposes;
    this.#worker = newThread(new URL("./learner-thread.js", import.meta.url), data);
    this.#worker.on("message", (learned: Learned) => this.#answered?.(learned));
    this.#worker.on("error", (error: Error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(new Error("the model's thread has ended")));
    this.#worker.unref();
    this.#train();
  }

  /** Tells the learner of a label: it counts how often it was right, and trains again after a few. */
  noteLabel(predicted: Value | undefined, given: Value): void {
    if (predicted !== undefined) {
      this.#recent.push(sameValue(predicted, given));
      if (this.#recent.length > RECENT) this.#recent.shift();
    }
    this.#labels++;
    if (this.#labels - this.#trainedOn >= EVERY && this.#queue.isIdle) this.#train();
  }

  state(): ModelState {
    const right = this.#recent.filter(Boolean).length;
    return {
      labels: this.#labels,
      trainedOn: this.#trainedOn,
      agreement: this.#recent.length === 0 ? undefined : right / this.#recent.length,
      seconds: this.#seconds,
    };
  }

  /** Waits for the training that is under way. */
  settled(): Promise<void> {
    return this.#queue.run(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#worker.terminate();
    await this.settled();
  }

  /** Without its model a labelling goes on, in the order of the data. */
  #end(error: Error): void {
    if (!this.#closed) this.#note(`the model that learns has ended (${error.message}); items come in the order of the data`);
    this.#closed = true;
    this.#failed?.(error);
  }

  #train(): void {
    this.#queue
      .run(async () => {
        if (this.#closed) return;
        const request = await this.#request();
        const learned = await new Promise<Learned>((resolve, reject) => {
          this.#answered = resolve;
          this.#failed = reject;
          // A training holds the process, a thread that waits doesn't.
          this.#worker.ref();
          this.#worker.postMessage(request);
        }).finally(() => this.#worker.unref());
        this.#labels = Math.max(this.#labels, request.labelled.length);
        this.#trainedOn = request.labelled.length;
        this.#seconds = learned.seconds;
        await this.#store(learned);
      })
      .catch((error: unknown) => {
        if (!this.#closed) this.#note(`the model could not be trained: ${(error as Error).message}`);
      });
  }

  /** The labels so far, and the items that are still open. */
  async #request(): Promise<LearnRequest> {
    const { db, project, scheme } = this.#workspace;
    const indices = new Map(scheme.labels.map(({ name }, k) => [name, k]));
    const answers = await db
      .selectFrom("annotation")
      .select(["position", "value"])
      .where((eb) => eb.and({ project: project.id, state: "submitted" }))
      .execute();
    const openItems = db.selectFrom("item").where("project", "=", project.id).where("open", "=", 1);
    const { count } = await openItems.select(({ fn }) => fn.countAll<number | string>().as("count")).executeTakeFirstOrThrow();
    // Rows that nobody would look at would only keep people waiting while they are read.
    const step = Math.max(1, Math.ceil(Number(count) / MOST_CANDIDATES));
    const open = await openItems
      .select("position")
      .where((query) => query(query("position", "%", query.lit(step)), "=", this.#trained++ % step))
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

  async #store({ next }: Learned): Promise<void> {
    const { db, project, scheme } = this.#workspace;
    await db.transaction().execute(async (transaction) => {
      await transaction
        .updateTable("item")
        .set({ priority: 0 })
        .where("project", "=", project.id)
        // Both values: so the index of the next item finds them.
        .where("open", "in", [0, 1])
        .where("priority", ">", 0)
        .execute();
      for (const [place, { row, prediction }] of next.entries()) {
        await transaction
          .updateTable("item")
          .set({ priority: 1 - place / (next.length + 1) })
          .where((eb) => eb.and({ project: project.id, position: row }))
          .execute();
        if (prediction === undefined || !this.#proposes) continue;
        const value: Value = { classes: prediction.classes.map((k) => scheme.labels[k]?.name ?? "") };
        const set = {
          value: JSON.stringify(value),
          confidence: prediction.confidence,
          source: `head trained on ${this.#trainedOn} labels`,
          explanation: prediction.reasons === undefined ? null : JSON.stringify(prediction.reasons),
        };
        await transaction
          .insertInto("prediction")
          .values({ project: project.id, position: row, ...set })
          .onConflict((conflict) => conflict.columns(["project", "position"]).doUpdateSet(set))
          .execute();
      }
    });
  }
}
