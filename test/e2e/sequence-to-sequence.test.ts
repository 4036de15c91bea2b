import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { run, scratchFolder } from "./command.js";

const folder = scratchFolder();
const MONTHS = "January February March April May June July August September October November December".split(" ");
const two = (n: number): string => String(n).padStart(2, "0");

/** Days of a year in two ways of writing; what is wanted looks like a number to whoever guesses types. */
const DAYS = MONTHS.flatMap((month, m) =>
  Array.from({ length: 28 }, (_, d) => [
    [`${d + 1} ${month}`, `${two(m + 1)}${two(d + 1)}`],
    [`${month.slice(0, 3)} ${two(d + 1)}`, `${two(m + 1)}${two(d + 1)}`],
  ]),
).flat();

before(() => {
  writeFileSync(join(folder, "dates.tsv"), ["source\ttarget", ...DAYS.map((pair) => pair.join("\t"))].join("\n"));
  writeFileSync(
    join(folder, "dates.jsonl"),
    DAYS.map(([from, to]) => JSON.stringify({ input: from, output: Number(to) })).join("\n"),
  );
  writeFileSync(join(folder, "one.tsv"), "source\nonly\nthis\n");
});

test("dates are rewritten: learned, measured, answered token by token and with beams", async () => {
  const asked = [
    "train",
    "sequence-to-sequence",
    "--data",
    "dates.tsv",
    "--steps",
    "300",
    "--batch-size",
    "32",
    "--max-length",
    "24",
  ];
  const trained = await run(folder, [...asked, "--threads", "1", "--out", "dates", "--json"]);
  assert.equal(trained.status, 0, trained.stderr);
  const { metrics } = JSON.parse(trained.stdout) as { metrics: Record<string, Record<string, number>> };
  const { exactMatch = 0, chrF = 0, tokenAccuracy = 0 } = metrics["test"] ?? {};
  assert.ok(exactMatch > 0.9 && chrF > 0.9 && tokenAccuracy > 0.95, JSON.stringify(metrics["test"]));
  assert.match(readFileSync(join(folder, "dates", "report.html"), "utf8"), /What it writes/);

  const answered = await run(folder, ["predict", "dates", "7 March", "Nov 21", "--json"]);
  assert.equal(answered.status, 0, answered.stderr);
  const texts = (JSON.parse(answered.stdout) as { text: string }[]).map(({ text }) => text);
  assert.deepEqual(texts, ["0307", "1121"]);
  const greedy = await run(folder, ["generate", "dates", "7 March"]);
  assert.equal(greedy.stdout, "0307\n");
  const beams = await run(folder, ["generate", "dates", "7 March", "--beams", "3", "--json"]);
  assert.equal((JSON.parse(beams.stdout) as { texts: { text: string }[] }).texts[0]?.text, "0307");
  const evaluated = await run(folder, ["eval", "dates", "--data", "dates.tsv", "--json"]);
  assert.equal(evaluated.status, 0, evaluated.stderr);
  const long = await run(folder, ["generate", "dates", "1234567890 1234567890 1234567890"]);
  assert.match(long.stderr, /expected a source of at most 24 tokens, got 33; cut it/);
});

test("pairs come from JSON lines too; a single column is no pair", async () => {
  const asked = ["train", "sequence-to-sequence", "--threads", "1", "--steps", "2", "--batch-size", "8", "--no-check"];
  const lines = await run(folder, [...asked, "--data", "dates.jsonl", "--out", "lines"]);
  assert.equal(lines.status, 0, lines.stderr);
  assert.match(lines.stderr, /"output" is written from "input"/);
  const single = await run(folder, [...asked, "--data", "one.tsv", "--out", "single"]);
  assert.equal(single.status, 2);
  assert.match(single.stderr, /expected a column of sources and one of targets, found source/);
});
