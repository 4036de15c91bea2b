import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNumbers, input, Parameter, symbol, type TensorData } from "../../graph/index.js";
import { ggufNumbers, type GgufTensor } from "../../models/gguf.js";
import type { ModelProto } from "../../onnx/index.js";
import { gather } from "../../ops/index.js";
import { compile } from "../../runtime/index.js";
import { Random } from "../../util/random.js";
import { rewriteWithGguf } from "./stored.js";

const BYTES = { Q4_0: 18, Q4_1: 20, Q8_0: 34 } as const;

/** A matrix of random codes, with scales (and least numbers) of float16 from 2^-6 to 2^-5, or their negatives. */
function matrix(type: keyof typeof BYTES, n: number, k: number): GgufTensor {
  const random = new Random(1, type);
  const bytes = Uint8Array.from({ length: ((n * k) / 32) * BYTES[type] }, () => random.integer(256));
  const halves = type === "Q4_1" ? 2 : 1;
  for (let at = 0; at < bytes.length; at += BYTES[type])
    for (let i = 0; i < halves; i++) bytes[at + 2 * i + 1] = 0x24 | (bytes[at + 2 * i + 1]! & 0x83);
  return { name: "w", type, shape: [n, k], bytes };
}

const opsOf = ({ graph }: ModelProto): string[] => graph.nodes.map(({ opType }) => opType);

for (const [type, k, products] of [
  ["Q4_0", 64, 1],
  // An odd number of blocks: zero points of a row fill their bytes in part.
  ["Q4_1", 96, 1],
  ["Q8_0", 96, 2],
] as const)
  test(`${type}: a product with the blocks is the one with their numbers, and what is looked up stays`, async () => {
    const [n, tensor] = [40, matrix(type, 40, k)];
    const weight = new Parameter([n, k], { initializer: () => new Float32Array() });
    const [x, rows] = [input("x", [symbol("N"), 2, k]), input("rows", [symbol("M")], "int64")];
    const outputs = {
      y: x.matMul(weight.transpose([1, 0])),
      z: x.mul(2).matMul(weight.transpose([1, 0])),
      e: gather(weight, rows),
    };
    const files: ModelProto[] = [];
    const options = {
      names: new Map([[weight, "layer.weight"]]),
      values: new Map<Parameter, TensorData>([[weight, ggufNumbers(tensor)]]),
    };
    const random = new Random(2, "x");
    const feeds = {
      x: fromNumbers(
        "float32",
        [3, 2, k],
        Float32Array.from({ length: 6 * k }, () => random.normal()),
      ),
      rows: fromNumbers("int64", [2], [39, 0]),
    };
    await using plain = await compile(outputs, options);
    await using blocks = await compile(outputs, {
      ...options,
      rewrite: (file) => {
        files.push(rewriteWithGguf(new Map([["layer.weight", tensor]]))(file));
        return files.at(-1) as ModelProto;
      },
    });
    const [expected, given] = [await plain.call(feeds), await blocks.call(feeds)];
    for (const name of ["y", "z", "e"]) {
      const [a, b] = [expected, given].map((all) => all[name]?.data as Float32Array) as [Float32Array, Float32Array];
      assert.deepEqual(given[name]?.shape, expected[name]?.shape);
      a.forEach((value, i) =>
        assert.ok(Math.abs(value - (b[i] as number)) <= 1e-5 * (1 + Math.abs(value)), `${name} ${i}: ${value}, ${b[i]}`),
      );
    }
    const ops = opsOf(files[0] as ModelProto);
    assert.equal(ops.filter((op) => op === "MatMulNBits").length, 2 * products);
    assert.ok(ops.includes("Gather") && !ops.includes("GatherBlockQuantized"));
  });
