/** @module Proposals of a trained model for all items of a project, made in a thread while people label. */
import type { Worker } from "node:worker_threads";
import { ConfigError } from "../util/errors.js";
import type { Proposal } from "./proposal.js";
import type { ProposalAnswer, ProposalData } from "./proposal-thread.js";
import { payloadSchema } from "./scheme.js";
import type { Payload } from "./scheme.js";
import type { Workspace } from "./workspace.js";
import { newThread } from "../util/thread-node.js";

/** Items that the model answers at once: few, so that the first proposals come soon. */
const BATCH = 8;

/** A model that proposes answers. */
export class Proposals implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #workspace: Workspace;
  readonly #source: string;
  #answered: ((answer: ProposalAnswer) => void) | undefined;
  #closed = false;
  #work: Promise<void> = Promise.resolve();

  private constructor(workspace: Workspace, data: ProposalData) {
    this.#workspace = workspace;
    this.#source = data.model;
    this.#worker = newThread(new URL("./proposal-thread.js", import.meta.url), data);
    this.#worker.on("message", (answer: ProposalAnswer) => this.#answered?.(answer));
    this.#worker.on("error", (error: Error) => this.#answered?.({ kind: "failed", message: error.message }));
    this.#worker.on("exit", () => this.#answered?.({ kind: "failed", message: "its thread has ended" }));
  }

  /** Opens the model and begins. ConfigError for a model that cannot be opened, or does not answer in this kind of labelling. */
  static async start(workspace: Workspace, data: ProposalData, note: (text: string) => void): Promise<Proposals> {
    const proposals = new Proposals(workspace, data);
    const first = await new Promise<ProposalAnswer>((resolve) => {
      proposals.#answered = resolve;
    });
    if (first.kind === "failed") {
      await proposals[Symbol.asyncDispose]();
      throw new ConfigError(`--model ${data.model}: ${first.message}`);
    }
    if (first.kind === "ready") for (const remark of first.remarks) note(remark);
    proposals.#work = proposals.#proposeAll(note);
    return proposals;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#worker.terminate();
    await this.#work;
  }

  async #proposeAll(note: (text: string) => void): Promise<void> {
    let [answered, fitting] = [0, 0];
    try {
      for (let from = 0; !this.#closed;) {
        const rows = await this.#missing(from);
        if (rows.length === 0) break;
        from = (rows.at(-1)?.position ?? from) + 1;
        const proposals = await this.#ask(rows.map(({ payload }) => payload));
        for (const [i, { position }] of rows.entries()) {
          const proposal = proposals[i];
          answered++;
          if (proposal === undefined) continue;
          fitting++;
          await this.#store(position, proposal);
        }
        if (answered >= 40 && fitting === 0)
          throw new Error("none of its answers has labels of this labelling; give the model's own labels to --labels");
      }
    } catch (error) {
      if (!this.#closed) note(`--model ${this.#source}: no more proposals: ${(error as Error).message}`);
    }
  }

  #ask(payloads: readonly Payload[]): Promise<readonly (Proposal | undefined)[]> {
    return new Promise((resolve, reject) => {
      this.#answered = (answer) => {
        if (answer.kind === "proposals") resolve(answer.proposals);
        else if (answer.kind === "failed") reject(new Error(answer.message));
      };
      this.#worker.postMessage(payloads);
    });
  }

  async #missing(from: number): Promise<{ readonly position: number; readonly payload: Payload }[]> {
    const { db, project } = this.#workspace;
    const rows = await db
      .selectFrom("item")
      .leftJoin("prediction", (join) =>
        join.onRef("prediction.project", "=", "item.project").onRef("prediction.position", "=", "item.position"),
      )
      .select(["item.position", "item.payload", "prediction.source"])
      .where("item.project", "=", project.id)
      .where("item.open", "=", 1)
      .where("item.position", ">=", from)
      .where((eb) => eb.or([eb("prediction.source", "is", null), eb("prediction.source", "!=", this.#source)]))
      .orderBy("item.position")
      .limit(BATCH)
      .execute();
    return rows.map(({ position, payload }) => ({ position, payload: payloadSchema.parse(JSON.parse(payload)) }));
  }

  async #store(position: number, { value, confidence }: Proposal): Promise<void> {
    const { db, project } = this.#workspace;
    const set = { value: JSON.stringify(value), confidence, source: this.#source, explanation: null };
    await db
      .insertInto("prediction")
      .values({ project: project.id, position, ...set })
      .onConflict((conflict) => conflict.columns(["project", "position"]).doUpdateSet(set))
      .execute();
  }
}
