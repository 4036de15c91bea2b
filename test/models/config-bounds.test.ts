/**
 * Values of an untrusted `config.json` are bounded before anything is made of them.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as z from "zod";
import type { Tensor } from "../../src/graph/index.js";
import { Linear, Module } from "../../src/nn/index.js";
import { architectureOf, modelFromConfig, readPeftConfig } from "../../src/models/index.js";
import type { Json } from "../../src/util/described.js";
import { ConfigError } from "../../src/util/errors.js";
import { parseJsonWith } from "../../src/util/schema.js";

const BERT = {
  model_type: "bert",
  architectures: ["BertModel"],
  vocab_size: 8,
  hidden_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 4,
};
const GPT2 = {
  model_type: "gpt2",
  architectures: ["GPT2LMHeadModel"],
  vocab_size: 8,
  n_positions: 8,
  n_embd: 4,
  n_layer: 1,
  n_head: 2,
};
const LLAMA = { ...BERT, model_type: "llama", architectures: ["LlamaForCausalLM"], num_key_value_heads: 1 };
const MARIAN = {
  model_type: "marian",
  architectures: ["MarianMTModel"],
  vocab_size: 8,
  d_model: 4,
  encoder_layers: 1,
  decoder_layers: 1,
  encoder_attention_heads: 2,
  decoder_attention_heads: 2,
  encoder_ffn_dim: 4,
  decoder_ffn_dim: 4,
};

const HUGE: readonly (readonly [config: Record<string, Json>, field: string, value: Json])[] = [
  [BERT, "num_hidden_layers", 1e9],
  [BERT, "num_hidden_layers", 1e300],
  [BERT, "hidden_size", 2 ** 40],
  [BERT, "max_position_embeddings", 2 ** 40],
  [{ ...BERT, architectures: ["BertForSequenceClassification"] }, "num_labels", 1e9],
  [GPT2, "n_layer", 1e9],
  [GPT2, "n_positions", 1e18],
  [LLAMA, "num_hidden_layers", 1e9],
  [LLAMA, "head_dim", 2 ** 40],
  [MARIAN, "encoder_layers", 1e9],
  [MARIAN, "decoder_layers", 1e9],
  [MARIAN, "max_position_embeddings", 2 ** 50],
  [{ ...MARIAN, d_model: 2 ** 14 }, "max_position_embeddings", 2 ** 20],
];

const make = (config: Json): unknown => modelFromConfig(architectureOf(config, undefined, "c.json"), config, { where: "c.json" });

suite("sizes of a config.json", () => {
  for (const [config, field, value] of HUGE) {
    test(`${String(config["model_type"])} with ${field} ${String(value)} is refused in one line`, () => {
      assert.throws(
        () => make({ ...config, [field]: value }),
        (error: unknown) => error instanceof ConfigError && !error.message.includes("\n") && error.message.length < 500,
      );
    });
  }

  test("an architecture called constructor is refused", () => {
    for (const name of ["constructor", "toString", "__proto__"])
      assert.throws(() => make({ ...BERT, architectures: [name] }), /c\.json: expected an architecture among/);
  });

  test("JSON nested 100,000 deep is refused in one line", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    assert.throws(() => parseJsonWith(z.json(), deep, "c.json"), /c\.json: expected JSON nested up to 200 deep/);
    assert.deepEqual(parseJsonWith(z.json(), String.raw`{"a": "[[\"[[", "b": [[1]]}`, "c.json"), { a: '[["[[', b: [[1]] });
  });

  test("adapters' patterns go forward, and their names are no patterns of ours", () => {
    class Tiny extends Module {
      forward = (x: Tensor): Tensor => this.layer.forward(x);
      readonly layer = new Linear(2, 2);
    }
    const read = (target_modules: Json): unknown =>
      readPeftConfig({ peft_type: "LORA", r: 1, lora_alpha: 1, target_modules }, new Tiny(), "a.json");
    assert.throws(() => read("(a+)+$"), /a\.json: target_modules: expected a pattern that is matched in few steps/);
    assert.throws(() => read(["/(a+)+$/"]), ConfigError);
    assert.throws(() => read(["layer{0..1000000000}"]), ConfigError);
    assert.doesNotThrow(() => read("layer.*"));
    assert.doesNotThrow(() => read(["layer"]));
  });
});
