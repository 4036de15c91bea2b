/**
 * @module A run that tests write: its configuration, its bytes, and a training that is pretended.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { RunWriter } from "./run-folder-node.js";
import type { RunConfig } from "./run-folder.js";

export const config: RunConfig = {
  descent: "0.1.0",
  task: "image-classification",
  options: { lr: 0.1 },
  labels: ["差评", "好评"],
};
export const bytes = (length: number, seed = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) % 256);

export function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "descent-run-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "run");
}

/** Trains `steps` pretended steps with a record each, and a checkpoint at each third. */
export async function pretend(writer: RunWriter, from: number, to: number): Promise<void> {
  for (let step = from; step <= to; step++) {
    writer.logMetrics({ step, split: "train", metrics: { loss: 1 / step } });
    writer.logEvents(Uint8Array.of(step));
    if (step % 3 === 0)
      await writer.saveCheckpoint(step, { "model.safetensors": bytes(1000, step), "state.json": bytes(10, step) });
  }
}
