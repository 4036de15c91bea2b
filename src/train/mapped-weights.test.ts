/**
 * @module Weights that stay in their file: the same numbers, and the same texts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fileMapper } from "../data/mapped-file-node.js";
import { Generator } from "../generate/index.js";
import type { Gpt2, Llama } from "../models/index.js";
import { platformRuntime } from "../runtime/index.js";
import { loadPretrained } from "./pretrained-node.js";

const folderOf = (name: string): string =>
  fileURLToPath(new URL(`../../../test/fixtures/language-models/${name}`, import.meta.url));
const skip = (await fileMapper()) === undefined || !(await platformRuntime()).writesInPlace;

for (const [name, architecture] of [
  ["gpt2", "GPT2LMHeadModel"],
  ["llama", "LlamaForCausalLM"],
] as const) {
  test(`${name}: mapped weights are those of the file, and write the same text`, { skip }, async () => {
    const read = await loadPretrained(folderOf(name), { as: architecture });
    const mapped = await loadPretrained(folderOf(name), { as: architecture, mapped: true });
    assert.deepEqual([read.isMapped, mapped.isMapped], [false, true]);
    assert.deepEqual([...mapped.weights.keys()], [...read.weights.keys()]);
    let pages = 0;
    for (const [path, { data, shape }] of mapped.weights) {
      assert.deepEqual([...data], [...(read.weights.get(path)?.data ?? [])], path);
      assert.deepEqual(shape, read.weights.get(path)?.shape);
      if (data.buffer.byteLength > data.byteLength) pages++;
    }
    assert.ok(pages > mapped.weights.size / 2, `${pages} of ${mapped.weights.size} lie in the file's pages`);
    const prompts = [
      [1, 5, 7],
      [3, 2],
    ];
    const texts = async (model: Gpt2 | Llama, weights: typeof read.weights, constant: boolean): Promise<number[][]> => {
      await using generator = await Generator.create(model, weights, { device: "cpu", constant });
      return await generator.generate(prompts, { maxTokens: 6, temperature: 0 });
    };
    assert.deepEqual(await texts(mapped.model, mapped.weights, false), await texts(read.model, read.weights, true));
  });
}

test("weights are read where they take less than half of what is free", async () => {
  const { isMapped } = await loadPretrained(folderOf("gpt2"), { as: "GPT2LMHeadModel", mapped: "auto" });
  assert.equal(isMapped, false);
});
