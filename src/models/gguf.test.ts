import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { input, toNumbers } from "../graph/index.js";
import { resolveForUse } from "../ops/index.js";
import { evaluate } from "../runtime/index.js";
import { readGguf } from "./gguf.js";
import { ggufModel } from "./gguf-model.js";
import { Llama } from "./llama.js";
import { modelFromConfig } from "./pretrained.js";

interface Golden {
  readonly file: string;
  readonly tokens: readonly number[];
  readonly logits: readonly (readonly number[])[];
}
const golden = JSON.parse(readFileSync("test/golden/gguf.json", "utf8")) as Record<"llama" | "qwen2", Golden>;
const bytesOf = (family: "llama" | "qwen2"): Uint8Array => new Uint8Array(Buffer.from(golden[family].file, "base64"));

for (const family of ["llama", "qwen2"] as const) {
  test(`${family}: a GGUF file gives the logits that transformers gives for its dequantized weights`, async () => {
    const { architecture, config, weights } = ggufModel(readGguf(bytesOf(family)));
    const model = modelFromConfig(architecture, config);
    assert.ok(model instanceof Llama);
    const { tokens, logits } = golden[family];
    const ids = input("ids", [1, tokens.length], "int64");
    const values = new Map(
      [...model.state()].map(([path, p]) => [p, weights.get(path) as NonNullable<ReturnType<typeof weights.get>>]),
    );
    const feeds = { ids: { dtype: "int64", shape: [1, tokens.length], data: BigInt64Array.from(tokens, BigInt) } } as const;
    const { y } = await evaluate(resolveForUse({ y: model.forward(ids) }), feeds, { values });
    const given = toNumbers(y);
    logits
      .flat()
      .forEach((expected, i) => assert.ok(Math.abs((given[i] as number) - expected) < 1e-3 * Math.max(1, Math.abs(expected))));
  });
}

/** A change of a whole file, and what is said of it. */
const BROKEN: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array, RegExp])[] = [
  ["another kind of file", () => new TextEncoder().encode("hello world, no model"), /expected a GGUF file, got another/],
  ["no bytes", () => new Uint8Array(), /expected a GGUF file/],
  ["a file cut in half", (bytes) => bytes.subarray(0, bytes.length / 2), /truncated/],
  ["another version", (bytes) => changed(bytes, 4, 9), /expected GGUF version 2 or 3, got 9/],
  ["more tensors than bytes", (bytes) => changed(bytes, 13, 255), /expected at most \d+ tensors/],
  ["more metadata than bytes", (bytes) => changed(bytes, 21, 255), /expected at most \d+ entries/],
];

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

for (const [what, change, says] of BROKEN)
  test(`${what} is refused in one line`, () => {
    assert.throws(() => readGguf(change(bytesOf("llama")), "model.gguf"), { name: "DataError", message: says });
  });

test("a family, a setting and a tensor that are not supported are named", () => {
  const file = readGguf(bytesOf("llama"));
  const other = (key: string, value: string): Parameters<typeof ggufModel>[0] => ({
    ...file,
    metadata: new Map([...file.metadata, [key, value]]),
  });
  assert.throws(() => ggufModel(other("general.architecture", "mamba")), /expected llama or qwen2, got mamba/);
  assert.throws(() => ggufModel(other("llama.rope.scaling.type", "yarn")), /rope\.scaling\.type/);
  const [[, tensor] = ["", undefined]] = [...file.tensors];
  assert.ok(tensor !== undefined);
  const strange = { ...file, tensors: new Map([...file.tensors, ["blk.0.ssm_a", tensor] as const]) };
  assert.throws(() => ggufModel(strange), /got "blk\.0\.ssm_a"/);
});
