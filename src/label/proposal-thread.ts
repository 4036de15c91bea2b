/** @module The thread of a model that proposes answers: the model is opened once, items come in small batches. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { givenInputs } from "../tasks/use/given-inputs-node.js";
import { openModel } from "../tasks/use/open-node.js";
import { MAX_MEGAPIXELS } from "../vision/images-node.js";
import { proposalOf } from "./proposal.js";
import type { Proposal } from "./proposal.js";
import type { Payload, Scheme } from "./scheme.js";
import { giveWay } from "../util/thread-node.js";

export interface ProposalData {
  /** A run, a checkpoint or an ONNX file. */
  readonly model: string;
  readonly scheme: Scheme;
  /** The folder of the images. */
  readonly folder: string;
}

export type ProposalAnswer =
  | { readonly kind: "ready"; readonly remarks: readonly string[] }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "proposals"; readonly proposals: readonly (Proposal | undefined)[] };

async function main({ model: path, scheme, folder }: ProposalData): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  // People come first.
  giveWay();
  const send = (answer: ProposalAnswer): void => port.postMessage(answer);
  // The thread is at work beside people: one core is enough.
  const { model, remarks } = await openModel(path, { threads: 1 });
  send({ kind: "ready", remarks });
  port.on("message", (payloads: readonly Payload[]) => {
    const answer = async (): Promise<void> => {
      const given = await Promise.all(
        payloads.map(async ({ text, image }) => (image === undefined ? (text ?? "") : readFile(join(folder, image.file)))),
      );
      const { examples } = await givenInputs(model, given, { maxMegapixels: MAX_MEGAPIXELS });
      const answers = await model.answers(examples);
      send({ kind: "proposals", proposals: payloads.map((payload, i) => proposalOf(scheme, payload, answers[i] ?? {})) });
    };
    answer().catch((error: unknown) => send({ kind: "failed", message: (error as Error).message }));
  });
}

main(workerData as ProposalData).catch((error: unknown) => {
  parentPort?.postMessage({ kind: "failed", message: (error as Error).message } satisfies ProposalAnswer);
});
