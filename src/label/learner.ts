/**
 * @module Active learning beside the labelling: a thread trains the head on the labels so far, and the items that it would learn most from
 * come next, with its answers to them.
 */
import type { Worker } from "node:worker_threads";
import { sql } from "kysely";
import type { PredictionTable } from "../store/tables.js";
import { TaskQueue } from "../util/task-queue.js";
import type { ModelState } from "./api.js";
import type { Learned, LearnerAnswer, LearnerData, NextItem } from "./learner-thread.js";
import { sameValue } from "./same-value.js";
import type { Value } from "./scheme.js";
import type { Workspace } from "./workspace.js";
import { newThread } from "../util/thread-node.js";

/** Labels between two trainings. */
const EVERY = 5;
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
  #trainedOn = 0;
  #seconds: number | undefined;
  #closed = false;

  /** `proposes` is false where another model proposes answers: this one then only orders the items. */
  constructor(workspace: Workspace, data: LearnerData, { note = () => undefined, proposes = true }: LearnerOptions = {}) {
    this.#workspace = workspace;
    this.#note = note;
    this.#proposes = proposes;
    this.#worker = newThread(new URL("./learner-thread.js", import.meta.url), data);
    this.#worker.on("message", (answer: LearnerAnswer) => {
      if ("failed" in answer) this.#failed?.(new Error(answer.failed));
      else this.#answered?.(answer);
    });
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
        const learned = await new Promise<Learned>((resolve, reject) => {
          this.#answered = resolve;
          this.#failed = reject;
          // A training holds the process, a thread that waits doesn't.
          this.#worker.ref();
          this.#worker.postMessage(undefined);
        }).finally(() => this.#worker.unref());
        this.#labels = Math.max(this.#labels, learned.labels);
        this.#trainedOn = learned.labels;
        this.#seconds = learned.seconds;
        await this.#store(learned);
      })
      .catch((error: unknown) => {
        if (!this.#closed) this.#note(`the model could not be trained: ${(error as Error).message}`);
      });
  }

  /** Writes in few statements, since an answer that comes meanwhile waits for them; what is lost the next training finds again. */
  async #store({ next }: Learned): Promise<void> {
    const { store, project } = this.#workspace;
    await store.unsynced(project.id, async (transaction) => {
      await transaction
        .updateTable("item")
        .set({ priority: 0 })
        .where("project", "=", project.id)
        // Both values: so the index of the next item finds them.
        .where("open", "in", [0, 1])
        .where("priority", ">", 0)
        .execute();
      if (next.length === 0) return;
      const place = sql.join(
        next.map(({ row }, i) => sql`when ${sql.lit(row)} then ${sql.lit(1 - i / (next.length + 1))}`),
        sql` `,
      );
      await transaction
        .updateTable("item")
        .set({ priority: sql<number>`case position ${place} end` })
        .where("project", "=", project.id)
        .where(
          "position",
          "in",
          next.map(({ row }) => row),
        )
        .execute();
      const proposals = this.#proposes ? next.flatMap((item) => this.#proposal(item)) : [];
      if (proposals.length === 0) return;
      await transaction
        .insertInto("prediction")
        .values(proposals)
        .onConflict((conflict) =>
          conflict.columns(["project", "position"]).doUpdateSet((excluded) => ({
            value: excluded.ref("excluded.value"),
            confidence: excluded.ref("excluded.confidence"),
            source: excluded.ref("excluded.source"),
            explanation: excluded.ref("excluded.explanation"),
          })),
        )
        .execute();
    });
  }

  #proposal({ row, prediction }: NextItem): PredictionTable[] {
    if (prediction === undefined) return [];
    const { project, scheme } = this.#workspace;
    const value: Value = { classes: prediction.classes.map((k) => scheme.labels[k]?.name ?? "") };
    return [
      {
        project: project.id,
        position: row,
        value: JSON.stringify(value),
        confidence: prediction.confidence,
        source: `head trained on ${this.#trainedOn} labels`,
        explanation: prediction.reasons === undefined ? null : JSON.stringify(prediction.reasons),
      },
    ];
  }
}
