/**
 * @module Named entities and semantic roles through the command line, on sentences of a few words: learned, answered in places of the raw text, drawn;
 * and what is wrong is said in one line.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toNumbers } from "../../src/graph/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { platformRuntime } from "../../src/runtime/index.js";
import type { TaggingInfo } from "../../src/tasks/texts/tagging.js";
import { taggedRows } from "../../src/tasks/texts/tagging.js";
import { taggedText } from "../../src/tasks/texts/token-classification/entity-rows.js";
import { run, scratchFolder } from "./command.js";
import { conll, facts } from "./people.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

async function descent(...args: string[]): Promise<string> {
  const ended = await run(folder, args);
  assert.equal(ended.status, 0, `${args.join(" ")}\n${ended.stderr}`);
  return ended.stdout;
}

async function refused(expected: RegExp, ...args: string[]): Promise<void> {
  const ended = await run(folder, args);
  assert.equal(ended.status, 2, `${args.join(" ")}\n${ended.stderr}`);
  assert.match(ended.stderr.trimEnd().split("\n").at(-1) ?? "", expected);
  assert.doesNotMatch(ended.stderr, /\n\s+at /);
}

const conllu = (all: typeof facts): string =>
  all
    .map(({ who, verb, where }) => {
      const words = [...who.split(" ").slice(0, 1), verb, ...where.split(" ").slice(-1), "."];
      return `${words
        .map((word, i) =>
          [i + 1, word, ...new Array<string>(8).fill("_"), i === 1 ? `${verb}.01` : "_", ["A0", "_", "A1", "_"][i]].join("\t"),
        )
        .join("\n")}\n`;
    })
    .join("\n");

const quick = ["--batch-size", "8", "--epochs", "8", "--device", "cpu", "--quiet", "--no-check"];

test("entities: learned, found in a raw text with their places, in colour, measured on other data", async () => {
  writeFileSync(path("people.conll"), conll(facts));
  await descent("train", "token-classification", "--data", "people.conll", "--out", "ner", ...quick);
  const { metrics } = JSON.parse(readFileSync(path("ner", "summary.json"), "utf8")) as { metrics: { test: { f1: number } } };
  assert.ok(metrics.test.f1 > 0.9, `test F1 ${metrics.test.f1}`);
  const text = "😀 Bob Lee visits New York.";
  const [answer] = JSON.parse(await descent("predict", "ner", text, "--json", "--draw", "drawn")) as [
    { entities: { text: string; start: number; end: number; label: string; score: number }[] },
  ];
  assert.deepEqual(
    answer.entities.map(({ text: words, start, end, label }) => [words, start, end, label]),
    [
      ["Bob Lee", 3, 10, "PER"],
      ["New York", 18, 26, "LOC"],
    ],
  );
  assert.ok(answer.entities.every(({ score }) => score > 0 && score <= 1));
  assert.match(readFileSync(path("drawn", "1.html"), "utf8"), /<mark[^>]*>New York<small/);
  // Where nothing is found there is no line, which is said.
  const found = await run(folder, ["predict", "ner", "Visits.", "--draw", "nothing", "--out", "nothing.csv"]);
  assert.match(found.stderr, /1 picture in nothing\nnothing was found in the input\n/);
  assert.deepEqual([found.stdout, readFileSync(path("nothing.csv"), "utf8")], ["1 answer in nothing.csv\n", "input\n"]);
  const some = await run(folder, ["predict", "ner", text, "Visits."]);
  assert.match(some.stdout, /New York/);
  assert.match(some.stderr, /nothing was found in 1 of 2 inputs, which have no line/);
  const report = readFileSync(path("ner", "report.html"), "utf8");
  assert.ok(report.includes("Label by label") && report.includes("<mark"));

  writeFileSync(
    path("new.jsonl"),
    `${JSON.stringify({
      text: "Ann likes Oslo.",
      spans: [
        [0, 3, "PER"],
        [10, 14, "CITY"],
      ],
    })}\n`,
  );
  const measured = JSON.parse(await descent("eval", "ner", "--data", "new.jsonl", "--json")) as { metrics: { recall: number } };
  assert.equal(measured.metrics.recall, 0.5);
});

test("model.onnx alone, in any engine, tags texts of different lengths at once; its metadata names the tags", async () => {
  const file = readFileSync(path("ner", "model.onnx"));
  const info = JSON.parse(importOnnx(file).metadata.get("descent.info") ?? "") as TaggingInfo;
  const texts = ["Dan likes Oslo.", "Eve Moss leaves New York."];
  const rows = taggedRows(
    texts.map((text) => taggedText({ text }, info.unit)),
    info,
  );
  const [lengths, [width, slots]] = [rows.tensor("length").data, [6, info.vocabulary.length]] as const;
  const ids = new BigInt64Array(texts.length * width * slots);
  for (const n of texts.keys()) {
    const own = rows.slice(n, n + 1).batch()["input_ids"];
    ids.set(Array.from(own?.data ?? assert.fail("no features"), BigInt), n * width * slots);
  }
  const mask = BigInt64Array.from({ length: texts.length * width }, (_, i) =>
    BigInt(i % width < Number(lengths[Math.floor(i / width)])),
  );
  const runtime = await platformRuntime();
  await using session = await runtime.createSession(file, { device: "cpu", threads: 1 });
  const { tags } = await session.run({
    input_ids: runtime.upload({ dtype: "int64", shape: [texts.length, width, slots], data: ids }),
    attention_mask: runtime.upload({ dtype: "int64", shape: [texts.length, width], data: mask }),
  });
  const best = await runtime.read(tags ?? assert.fail("no tags"));
  assert.deepEqual(best.shape, [texts.length, width]);
  assert.deepEqual(
    Array.from(toNumbers(best), (tag) => info.tags[tag]).join(" "),
    "S-PER O S-LOC O O O B-PER E-PER O B-LOC E-LOC O",
  );
});

test("roles: predicates found, their arguments in places of the raw text, as a picture", async () => {
  writeFileSync(path("who.conllu"), conllu(facts));
  await descent("train", "semantic-role-labeling", "--data", "who.conllu", "--out", "roles", ...quick);
  const [answer] = JSON.parse(await descent("predict", "roles", "Carla leaves Rome.", "--json", "--draw", "arcs")) as [
    { roles: { predicate: string; role: string; text: string; start: number; end: number }[] },
  ];
  assert.deepEqual(
    answer.roles.map(({ predicate, role, text, start, end }) => [predicate, role, text, start, end]),
    [
      ["leaves", "V", "leaves", 6, 12],
      ["leaves", "A0", "Carla", 0, 5],
      ["leaves", "A1", "Rome", 13, 17],
    ],
  );
  assert.match(readFileSync(path("arcs", "1.svg"), "utf8"), /^<svg .*>A0<.*<\/svg>/);
  assert.ok(readFileSync(path("roles", "report.html"), "utf8").includes("Role by role"));
});

test("what cannot be used is said in one line", async () => {
  writeFileSync(path("broken.conll"), "Ann B-PER\nLee I-LOC\n. O\n");
  const train = (task: string, data: string, ...more: string[]): string[] => [
    "train",
    task,
    "--data",
    data,
    "--out",
    "none",
    ...more,
  ];
  await refused(
    /broken\.conll, line 2: expected B-LOC before I-LOC, got B-PER; .*--repair/,
    ...train("token-classification", "broken.conll"),
  );
  writeFileSync(path("empty.conll"), "");
  await refused(
    /empty\.conll: expected at least one sentence, got an empty file/,
    ...train("token-classification", "empty.conll"),
  );
  writeFileSync(path("bytes.conll"), Buffer.from([0x41, 0x20, 0x4f, 0x0a, 0xff, 0x20, 0x4f, 0x0a]));
  await refused(/bytes\.conll: line 2: expected UTF-8/, ...train("token-classification", "bytes.conll"));
  await refused(/expected texts with labelled spans/, ...train("token-classification", "who.conllu"));
  await refused(/expected propositions/, ...train("semantic-role-labeling", "people.conll"));
  await refused(/--scheme/, ...train("token-classification", "people.conll", "--scheme", "iob"));
  await refused(/expected a text, got an empty one/, "predict", "ner", "");
});
