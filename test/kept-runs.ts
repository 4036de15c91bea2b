/**
 * @module Runs that an earlier version wrote (`scripts/kept-runs.ts` made them), and how this one is held to them: they are packed as JSON of base64,
 * with Brotli, in `fixtures/runs`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import type * as Tasks from "../src/tasks/node.js";

export const FIXTURES = "test/fixtures/runs";

/** In options and inputs, stands for the folder that the data lie in. */
export const DATA = "@";

/** The behaviour of a trained model: answers for a few inputs, and figures of the test part. */
export interface Behaviour {
  readonly answers: readonly unknown[];
  readonly metrics: Readonly<Record<string, number>>;
}

/** The end of a resumed run: its behaviour and last loss. */
export type Ending = Behaviour & { readonly trainLoss: number };

export interface KeptRun {
  readonly task: string;
  /** Names the file, where that is not the task. */
  readonly name?: string;
  /** The commit whose code wrote it. */
  readonly commit: string;
  readonly inputs: readonly string[];
  /** Behaviour of the interrupted run, and of the same run resumed. */
  readonly half: Behaviour;
  readonly whole: Ending;
  /**
   * The same by the channels in a block of the CPU's convolutions, where a processor's order of sums leads elsewhere: the first steps of Adam are
   * as long for a gradient that is rounding alone (of a bias before batch normalization) as for any other.
   */
  readonly wholeByBlock?: Readonly<Record<string, Ending>>;
  /** Base64 by path: the run below `run/`, the data below `data/`. */
  readonly files: Readonly<Record<string, string>>;
}

/** Paths of the files below a folder. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();

/** Every file below a folder. */
export const packed = (folder: string): Record<string, string> =>
  Object.fromEntries(filesIn(folder).map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));

export const keptRuns = (): KeptRun[] =>
  readdirSync(FIXTURES)
    .filter((name) => name.endsWith(".json.br"))
    .map((name) => JSON.parse(brotliDecompressSync(readFileSync(join(FIXTURES, name))).toString()) as KeptRun);

export const keep = (run: KeptRun): number => {
  const bytes = brotliCompressSync(JSON.stringify(run), {
    params: { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS },
  });
  mkdirSync(FIXTURES, { recursive: true });
  writeFileSync(join(FIXTURES, `${run.name ?? run.task}.json.br`), bytes);
  return bytes.length;
};

/** Writes the files of a kept run into a folder; its configuration then names the data there. */
export function unpack({ files }: KeptRun, folder: string): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.from(content, "base64"));
  }
  const config = join(folder, "run", "config.json");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(`"${DATA}/`, `"${join(folder, "data")}/`));
}

/** Runs a model on inputs, and on the test part of its data. */
export async function behaviour(tasks: typeof Tasks, run: string, inputs: readonly string[], data: string): Promise<Behaviour> {
  const { model, config } = await tasks.TrainedModel.open(run, { device: "cpu", threads: 1 });
  try {
    const given = inputs.map((input) => input.replace(`${DATA}/`, `${data}/`));
    const { examples } = await tasks.readInputs(model, given, { count: 2 });
    const answers = await model.answers(examples);
    const test = await tasks.loadExamples(model, config, { data: String(config.options["data"]) });
    const measurement = await model.measure(test.examples);
    return { answers, metrics: measurement?.result() ?? {} };
  } finally {
    await model.dispose();
  }
}

/** The mean loss of the last steps that the log has. */
export function lastLoss(run: string): number {
  const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trim().split("\n");
  const records = lines.map((line) => JSON.parse(line) as { split: string; metrics: Record<string, number> });
  return records.findLast(({ split }) => split === "train")?.metrics["loss"] ?? NaN;
}
