import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { Dataset } from "../../src/data/node.js";
import { Transformer } from "../../src/models/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { adamW } from "../../src/optim/index.js";
import { sequenceToSequence, type SequenceInfo } from "../../src/tasks/texts/sequence-to-sequence/sequence-to-sequence.js";
import { learnTokenizer } from "../../src/tasks/texts/texts.js";
import { initialValues, loadPretrained, savePretrained, trainingStep } from "../../src/train/node.js";
import { run, scratchFolder } from "./command.js";

const folder = scratchFolder();
const MONTHS = "January February March April May June July August September October November December".split(" ");
const two = (n: number): string => String(n).padStart(2, "0");

/** Days of a year in two notations; the target looks like a number to a guess of types. */
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
  assert.match(readFileSync(join(folder, "dates", "report.html"), "utf8"), /Generated text/);

  const answered = await run(folder, ["predict", "dates", "7 March", "Nov 21", "--json"]);
  assert.equal(answered.status, 0, answered.stderr);
  const texts = (JSON.parse(answered.stdout) as { text: string }[]).map(({ text }) => text);
  assert.deepEqual(texts, ["0307", "1121"]);
  const greedy = await run(folder, ["generate", "dates", "7 March"]);
  assert.equal(greedy.stdout, "0307\n");
  const stopped = await run(folder, ["generate", "dates", "7 March", "--stop", "07"]);
  assert.equal(stopped.stdout, "03\n");
  const beams = await run(folder, ["generate", "dates", "7 March", "--beams", "3", "--json"]);
  assert.equal((JSON.parse(beams.stdout) as { texts: { text: string }[] }).texts[0]?.text, "0307");
  const evaluated = await run(folder, ["eval", "dates", "--data", "dates.tsv", "--json"]);
  assert.equal(evaluated.status, 0, evaluated.stderr);
  const long = await run(folder, ["generate", "dates", "1234567890 1234567890 1234567890"]);
  assert.match(long.stderr, /expected a source of at most 24 tokens, got 33; cut it/);
});

test("batches are no wider than a --max-length that is no multiple of 8", async () => {
  const asked = "train sequence-to-sequence --data dates.tsv --steps 2 --max-length 12 --no-check --out short --json";
  const trained = await run(folder, asked.split(" "));
  assert.equal(trained.status, 0, trained.stderr);
  assert.match(trained.stderr, /texts of more than 12 tokens were cut/);
  const answered = await run(folder, ["predict", "short", "28 September", "--json"]);
  assert.equal(answered.status, 0, answered.stderr);
});

test("the run keeps its encoder and its decoder as files that say how a text begins and ends", () => {
  const { info } = JSON.parse(readFileSync(join(folder, "dates", "config.json"), "utf8")) as { info: SequenceInfo };
  const read = (name: string): ReturnType<typeof importOnnx> => importOnnx(readFileSync(join(folder, "dates", name)));
  const names = (file: ReturnType<typeof importOnnx>): string[] =>
    file.graph.inputs.map(({ node }) => node.attributes["name"] as string);
  const [encoder, decoder] = [read("encoder.onnx"), read("decoder.onnx")];
  assert.deepEqual(names(encoder), ["input_ids", "attention_mask"]);
  const kept = (side: string): string[] => [0, 1].flatMap((layer) => ["key", "value"].map((part) => `${layer}.${side}.${part}`));
  assert.deepEqual([...encoder.graph.outputs.keys()], ["last_hidden_state", ...kept("encoder").map((name) => `present.${name}`)]);
  assert.deepEqual([...decoder.graph.outputs.keys()], ["logits", ...kept("decoder").map((name) => `present.${name}`)]);
  assert.deepEqual(
    new Set(names(decoder)),
    new Set([
      "input_ids",
      "position_ids",
      "encoder_attention_mask",
      ...[...kept("decoder"), ...kept("encoder")].map((name) => `past_key_values.${name}`),
    ]),
  );
  for (const { metadata } of [encoder, decoder])
    assert.deepEqual(JSON.parse(metadata.get("descent.generation") ?? ""), {
      decoder_start_token_id: info.padId,
      eos_token_id: info.endId,
      pad_token_id: info.padId,
      bad_words_ids: [[info.padId]],
    });
});

/** A checkpoint of Marian, or of Pegasus, without training; what its targets begin with is not the padding. */
async function saveCheckpoint(path: string, { normFirst }: { readonly normFirst: boolean }): Promise<void> {
  const tokenizer = await learnTokenizer(DAYS.flat(), { kind: "characters", ends: true });
  const { special, size } = tokenizer;
  const model = new Transformer({
    vocabSize: size,
    hiddenSize: 16,
    encoderLayers: 1,
    decoderLayers: 1,
    encoderHeads: 2,
    decoderHeads: 2,
    encoderIntermediateSize: 16,
    decoderIntermediateSize: 16,
    maxPositions: 24,
    normFirst,
    padToken: special.pad,
    startToken: special.eos,
    endToken: special.eos,
  });
  const step = trainingStep({ model, loss: ({ x }) => model.forward(x!, { target: x! }).mean(), optimizer: adamW() });
  await savePretrained(path, model, initialValues(step.types, 1), { tokenizer: tokenizer.toJson() });
}

for (const [name, normFirst, architecture] of [
  ["marian", false, "MarianMTModel"],
  ["pegasus", true, "PegasusForConditionalGeneration"],
] as const) {
  test(`a checkpoint of ${name} writes, is learned on, and needs its tokenizer.json`, async () => {
    const path = join(folder, name);
    await saveCheckpoint(path, { normFirst });
    assert.equal((await loadPretrained(path)).architecture, architecture);
    const untrained = await run(folder, ["generate", name, "7 March", "--max-tokens", "5", "--json"]);
    assert.equal(untrained.status, 0, untrained.stderr);
    assert.ok((JSON.parse(untrained.stdout) as { tokens: number }).tokens >= 1);

    const asked = ["train", "sequence-to-sequence", "--data", "dates.tsv", "--threads", "1", "--no-check", "--init", name];
    const tuned = await run(folder, [...asked, "--steps", "3", "--out", `${name}-tuned`, "--json"]);
    assert.equal(tuned.status, 0, tuned.stderr);
    const config = readFileSync(join(folder, `${name}-tuned`, "config.json"), "utf8");
    const { info } = JSON.parse(config) as { info: SequenceInfo };
    assert.equal(info.startId, info.endId);
    const texts = new Dataset({ text: { dtype: "string", values: ["7 March"] } });
    const encoded = await sequenceToSequence.encode(texts, info);
    assert.equal(Number(encoded.gather(Uint32Array.of(0))["decoder_input_ids"]?.data[0]), info.startId);
    const written = await run(folder, ["generate", `${name}-tuned`, "7 March"]);
    assert.equal(written.status, 0, written.stderr);
    const long = await run(folder, [...asked, "--max-length", "25", "--out", `${name}-long`]);
    assert.match(long.stderr, /--max-length: expected at most the 24 tokens that the model takes, got 25/);

    rmSync(join(path, "tokenizer.json"));
    const bare = await run(folder, ["generate", name, "7 March"]);
    assert.match(bare.stderr, new RegExp(`${name}: expected tokenizer\\.json beside config\\.json, got none; save`));
    for (const file of ["source.spm", "target.spm"]) writeFileSync(join(path, file), "");
    for (const command of [
      ["generate", name, "7 March"],
      [...asked, "--out", `${name}-bare`],
    ]) {
      const refused = await run(folder, command);
      assert.equal(refused.status, 2);
      assert.match(refused.stderr, /expected tokenizer\.json .*, got source\.spm, target\.spm alone; make one of them/);
    }
  });
}

test("pairs come from JSON lines too; a single column is no pair", async () => {
  const asked = ["train", "sequence-to-sequence", "--threads", "1", "--steps", "2", "--batch-size", "8", "--no-check"];
  const lines = await run(folder, [...asked, "--data", "dates.jsonl", "--out", "lines"]);
  assert.equal(lines.status, 0, lines.stderr);
  assert.match(lines.stderr, /"output" is written from "input"/);
  const single = await run(folder, [...asked, "--data", "one.tsv", "--out", "single"]);
  assert.equal(single.status, 2);
  assert.match(single.stderr, /expected a column of sources and one of targets, found source/);
});
