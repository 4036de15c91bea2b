/**
 * Sequence-level distillation through the command line: students learn what generating teachers write, in vocabularies of their own; detectors learn boxes and
 * scores from one that runs beside them.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { isRefused, scratchFolder, succeeds } from "../e2e/command.js";
import { keptRuns, unpack } from "../kept-runs.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const descent = (line: string) => succeeds(folder, line.split(" "), { DESCENT_THREADS: "1" });
const refused = (line: string, expected: RegExp): Promise<void> => isRefused(folder, line.split(" "), expected);

before(() => {
  for (const kept of keptRuns())
    if (["sequence-to-sequence", "language-modeling", "object-detection"].includes(kept.task))
      unpack(kept, path(kept.name ?? kept.task));
});

/** Test figures of a run by its summary and by evaluating it again. */
async function assertMeasuredAgain(run: string): Promise<void> {
  const { metrics } = JSON.parse(readFileSync(path(run, "summary.json"), "utf8")) as {
    readonly metrics: { readonly test: Readonly<Record<string, number>> };
  };
  const again = JSON.parse((await descent(`eval ${run} --json`)).stdout) as {
    readonly metrics: Readonly<Record<string, number>>;
  };
  assert.ok(Object.keys(metrics.test).length > 0);
  for (const [name, value] of Object.entries(metrics.test))
    assert.ok(Math.abs((again.metrics[name] ?? NaN) - value) < 1e-5, `${run}: ${name}: ${again.metrics[name]} and ${value}`);
}

test("a translator of another vocabulary learns its teacher's beams", async () => {
  const data = path("sequence-to-sequence", "data", "dates.tsv");
  await descent(
    `train sequence-to-sequence --data ${data} --model transformer-tiny --tokenizer bpe --vocabulary-size 280 --steps 2 --no-check --quiet --out own`,
  );
  const teacher = path("sequence-to-sequence", "run");
  const line = `distill ${teacher} --student own --sequences 6 --steps 4 --cache written --out taught`;
  await descent(line);
  const [name = ""] = readdirSync(path("written"));
  const pairs = readFileSync(path("written", name), "utf8")
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as { readonly source: string; readonly target: string });
  assert.ok(pairs.length > 0 && pairs.length <= 6);
  const sources = new Set(
    readFileSync(data, "utf8")
      .split("\n")
      .map((row) => row.split("\t")[0]),
  );
  for (const { source } of pairs) assert.ok(sources.has(source), source);
  const [first] = pairs;
  const { stdout } = await succeeds(folder, [
    "generate",
    teacher,
    first?.source ?? "",
    "--beams",
    "4",
    "--max-tokens",
    "24",
    "--quiet",
  ]);
  assert.equal(stdout.split("\n")[0]?.trim(), first?.target.trim());
  await assertMeasuredAgain("taught");
  const { stderr } = await descent(`${line} --overwrite`);
  assert.match(stderr, /texts that the teachers wrote were kept in/);
  // Rows of logits of two vocabularies have nothing to do with each other.
  await refused(`distill ${teacher} --student own --steps 2 --out no`, /vocabulary learns with --sequences/);
  await refused(`distill ${teacher} --student own --sequences 4 --hidden 1 --out no`, /--sequences: expected no other loss/);
});

test("a decoder learns texts that its teacher goes on with", async () => {
  await descent(
    `distill ${path("language-modeling", "run")} --student gpt-nano --sequences 3 --steps 4 --cache gone-on --out small`,
  );
  const [name = ""] = readdirSync(path("gone-on"));
  assert.match(name, /\.txt$/);
  assert.equal(readFileSync(path("gone-on", name), "utf8").trim().split("\n\n").length >= 3, true);
  await assertMeasuredAgain("small");
});

test("a detector learns a teacher's boxes and their scores", async () => {
  const run = path("object-detection", "run");
  await descent(`distill ${run} --student ${run} --steps 4 --alpha 1 --out detector`);
  await assertMeasuredAgain("detector");
  await refused(
    `distill ${run} --student ${run} --sequences 4 --out no`,
    /--sequences: expected a task whose models generate texts, got object-detection/,
  );
});
