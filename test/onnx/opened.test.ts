/**
 * Other people's files opened and asked: a classifier of texts without a mask, and names of scores whose number a file does not say.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromNumbers } from "../../src/graph/index.js";
import { encodeModel } from "../../src/onnx/index.js";
import { readInputs } from "../../src/tasks/use/examples-node.js";
import { openModel } from "../../src/tasks/use/open-node.js";
import type { OnnxFile } from "./file.js";
import { ints, modelOf, node } from "./file.js";

const folder = mkdtempSync(join(tmpdir(), "descent-opened-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, file: OnnxFile, inputs: readonly string[] = []): string {
  const model = modelOf(file);
  inputs.forEach((input, i) => {
    const [given] = model.graph.inputs.slice(i);
    if (given !== undefined) given.name = input;
  });
  writeFileSync(join(folder, name), encodeModel(model));
  return join(folder, name);
}

test("a classifier of texts that takes tokens alone answers", async () => {
  const vocabulary = { "[PAD]": 0, "[UNK]": 1, good: 2, bad: 3 };
  const tokenizer = { version: "1.0", truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: { type: "Whitespace" }, post_processor: null, decoder: null, model: { type: "WordLevel", vocab: vocabulary, unk_token: "[UNK]" } }; // prettier-ignore
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  const vectors = fromNumbers("float32", [4, 2], [0, 0, 0, 0, 3, 1, -1, 2]);
  const path = write(
    "words.onnx",
    {
      opset: 18,
      inputs: [{ shape: ["N", "T"], dtype: "int64" }],
      constants: { vectors, axis: ints(1) },
      nodes: [node("Gather", ["vectors", "input_ids"], ["t"]), node("ReduceMean", ["t", "axis"], ["y"], { keepdims: 0 })],
    },
    ["input_ids"],
  );
  const { model } = await openModel(path);
  await using opened = model;
  const { examples } = await readInputs(opened, ["good good", "bad"]);
  const answers = (await opened.answers(examples)) as { label: string; score: number }[];
  assert.deepEqual(answers.map(({ label }) => label), ["0", "1"]); // prettier-ignore
  assert.ok(Math.abs((answers[0]?.score ?? 0) - 1 / (1 + Math.exp(-2))) < 1e-6);
  writeFileSync(join(folder, "other.json"), '{"version":');
  await assert.rejects(
    openModel(path, { tokenizer: join(folder, "other.json") }),
    /^ConfigError: --tokenizer .*other\.json: |^DataError: --tokenizer .*other\.json: /,
  );
});

test("names are given to scores of whose number the file says nothing, as many as its graph gives", async () => {
  const weights = fromNumbers("float32", [2, 3], [1, 0, 0, 0, 1, 0]);
  const path = write("rows.onnx", {
    opset: 18,
    inputs: [["N", 2]],
    constants: { w: weights },
    nodes: [node("MatMul", ["x0", "w"], ["y"])],
  });
  const labels = join(folder, "names.txt");
  await assert.rejects(openModel(path, { labels }), /--labels .*names\.txt: expected a file with a name a line, found none$/);
  writeFileSync(labels, "ant\nbee\n");
  await assert.rejects(openModel(path, { labels }), /--labels .*names\.txt: expected 3 names, one for each score, got 2$/);
  writeFileSync(labels, "ant\nbee\ncat\n");
  const { model } = await openModel(path, { labels });
  await using opened = model;
  const { examples } = await readInputs(opened, ["a=1", "b=5"]);
  assert.equal(((await opened.answers(examples)) as { label: string }[])[0]?.label, "bee");
});
