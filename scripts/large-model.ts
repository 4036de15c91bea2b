/**
 * @module A decoder of Llama's kind with random weights, as a checkpoint's folder: `node dist/scripts/large-model.js FOLDER [GIB]`, 3 GiB where nothing is
 * said. For trying models that are larger than the memory they are given; weights are written block by block, so that making one takes little.
 */
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { trainByteLevelBpe } from "../src/text/index.js";
import { makeFolders } from "../src/util/folders-node.js";
import { Random } from "../src/util/random.js";

const [folder = "large-model", gib = "3"] = process.argv.slice(2);
const [HIDDEN, INTERMEDIATE, HEADS] = [2048, 5632, 16];
const layerNumbers = 4 * HIDDEN * HIDDEN + 3 * HIDDEN * INTERMEDIATE + 2 * HIDDEN;
const tokenizer = await trainByteLevelBpe(["the quick brown fox jumps over the lazy dog\n"], { vocabularySize: 300 });
const VOCABULARY = 512;
const layers = Math.max(1, Math.round((Number(gib) * 2 ** 28 - 2 * VOCABULARY * HIDDEN) / layerNumbers));

const shapes: [string, number[]][] = [["model.embed_tokens.weight", [VOCABULARY, HIDDEN]]];
for (let i = 0; i < layers; i++) {
  const at = `model.layers.${i}`;
  for (const name of ["q", "k", "v", "o"]) shapes.push([`${at}.self_attn.${name}_proj.weight`, [HIDDEN, HIDDEN]]);
  for (const name of ["gate", "up"]) shapes.push([`${at}.mlp.${name}_proj.weight`, [INTERMEDIATE, HIDDEN]]);
  shapes.push([`${at}.mlp.down_proj.weight`, [HIDDEN, INTERMEDIATE]]);
  for (const name of ["input", "post_attention"]) shapes.push([`${at}.${name}_layernorm.weight`, [HIDDEN]]);
}
shapes.push(["model.norm.weight", [HIDDEN]], ["lm_head.weight", [VOCABULARY, HIDDEN]]);

makeFolders(folder);
const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: VOCABULARY,
  hidden_size: HIDDEN,
  intermediate_size: INTERMEDIATE,
  num_hidden_layers: layers,
  num_attention_heads: HEADS,
  num_key_value_heads: HEADS,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: "silu",
  tie_word_embeddings: false,
};
await writeFile(join(folder, "config.json"), JSON.stringify(config));
await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));

let end = 0;
const header = Object.fromEntries(
  shapes.map(([name, shape]) => {
    const begin = end;
    end += 4 * shape.reduce((n, d) => n * d, 1);
    return [name, { dtype: "F32", shape, data_offsets: [begin, end] }];
  }),
);
const text = JSON.stringify(header);
const padded = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
const file = await open(join(folder, "model.safetensors"), "w");
await file.write(new BigUint64Array([BigInt(padded.length)]));
await file.write(padded);
// One block of random numbers, again and again: 4 million different ones are enough.
const random = new Random(1, "weights");
const block = Float32Array.from({ length: 2 ** 22 }, () => 0.02 * random.normal());
const ones = new Float32Array(HIDDEN).fill(1);
for (const [name, shape] of shapes) {
  const count = shape.reduce((n, d) => n * d, 1);
  for (let at = 0; at < count; at += block.length)
    await file.write(name.includes("norm") ? ones : block.subarray(0, Math.min(block.length, count - at)));
}
await file.close();
console.log(`${folder}: ${layers} layers, ${(end / 2 ** 30).toFixed(2)} GiB of float32 weights`);
