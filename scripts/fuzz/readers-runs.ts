/**
 * @module Run folders of others: one is trained for each kind, and its `config.json` changed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTrained } from "../../src/tasks/use/trained-node.js";
import { SessionError } from "../../src/util/errors.js";
import { anyJson } from "./mutate.js";
import type { FuzzReader } from "./reader.js";
import { SLOW } from "./reader.js";

const ROWS = Array.from(
  { length: 40 },
  (_, i) => `${i},${i % 3},"a ${i % 2 === 0 ? "good" : "bad"} film",${i % 2 === 0 ? "yes" : "no"}`,
);
const CSV = `size,kind,text,label\n${ROWS.join("\n")}\n`;
const MAIN = join(import.meta.dirname, "../../src/cli/main.js");

/** Trains a small run, and gives its folder. Removed when the process ends. */
function trained(task: string, model: string): string {
  const folder = mkdtempSync(join(tmpdir(), "descent-fuzz-run-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, "data.csv");
  writeFileSync(data, CSV);
  const out = join(folder, "run");
  const args = [MAIN, "train", task, "--data", data, "--model", model, "--epochs", "1", "--no-check", "--out", out];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new SessionError(`fuzz: expected a run of ${task}, got ${stderr}`);
  return out;
}

function runOf(task: string, model: string): FuzzReader {
  let folder: string | undefined;
  const at = (): string => (folder ??= trained(task, model));
  return {
    name: `run-of-${task}`,
    ...SLOW,
    short: 60,
    valid: () => [new Uint8Array(readFileSync(join(at(), "config.json")))],
    structured: anyJson,
    kept: 40,
    read: async (bytes) => {
      writeFileSync(join(at(), "config.json"), bytes);
      const { model: opened } = await openTrained(at());
      await opened[Symbol.asyncDispose]();
    },
  };
}

export const RUN_READERS: readonly FuzzReader[] = [
  runOf("tabular-classification", "mlp"),
  runOf("text-classification", "text-cnn"),
  runOf("language-modeling", "gpt-nano"),
];
