import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { TensorData } from "../../graph/index.js";
import { fromNumbers } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { FileGraph, intsAttribute, nodeProto, tensorProto } from "../file-graph.js";
import type { Range } from "./calibration.js";
import { calibrate } from "./calibration.js";
import { quantizeFile } from "./quantize.js";

interface Golden {
  readonly x: readonly number[];
  readonly weights: Readonly<Record<string, { readonly shape: number[]; readonly data: readonly number[] }>>;
  readonly static: Readonly<Record<string, { readonly scale: readonly number[]; readonly zero: readonly number[] }>>;
  readonly staticCodes: Readonly<Record<string, readonly number[]>>;
  readonly ranges: Readonly<Record<"entropy" | "percentile", Readonly<Record<string, readonly [number, number]>>>>;
  readonly dynamic: { readonly scales: readonly number[]; readonly codes: readonly number[] };
}
const golden = JSON.parse(readFileSync("test/golden/calibration.json", "utf8")) as Golden;

/** The model of `scripts/golden/calibration.py`. */
const file: ModelProto = {
  irVersion: 9,
  producerName: "",
  producerVersion: "",
  opsets: new Map([["", 17]]),
  metadata: new Map(),
  functions: [],
  graph: {
    name: "calibration",
    nodes: [
      nodeProto("Conv", ["x", "w1"], ["c1"], [{ name: "pads", type: "ints", value: [1, 1, 1, 1] }]),
      nodeProto("Relu", ["c1"], ["r1"]),
      nodeProto("Conv", ["r1", "w2"], ["c2"]),
      nodeProto("Flatten", ["c2"], ["f"]),
      nodeProto("MatMul", ["f", "w3"], ["y"]),
    ],
    initializers: Object.entries(golden.weights).map(([name, { shape, data }]) =>
      tensorProto(name, "float32", shape, Float32Array.from(data)),
    ),
    inputs: [{ name: "x", elementType: 1, shape: ["N", 2, 6, 6] }],
    outputs: [{ name: "y", elementType: 1, shape: ["N", 8] }],
  },
};
const feeds = { x: fromNumbers("float32", [8, 2, 6, 6], golden.x) };
const data = { one: feeds, calibration: [feeds] };

const isNear = (actual: number, expected: number, tolerance: number, where: string): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${where}: expected ${expected}, got ${actual}`);

test("scales, zero points and weights of min–max are those of onnxruntime's quantize_static", async () => {
  const { model } = await quantizeFile(file, data, { form: "int8-static", evenIfSlower: true, largestCode: 127 });
  const graph = new FileGraph(model);
  for (const name of ["x", "r1", "c2", "y"]) {
    const [scale, zero] = ["scale", "zero"].map((part) => Number(graph.numbersOf(`${name}.${part}`)?.data[0]));
    const expected = golden.static[name];
    isNear(scale ?? NaN, expected?.scale[0] ?? NaN, 1e-6 * (scale ?? 1), `${name}: scale`);
    assert.equal(zero, expected?.zero[0], `${name}: zero point`);
  }
  for (const name of ["w1", "w2", "w3"]) {
    const { data: scales } = graph.numbersOf(`${name}.int8.scale`) as TensorData;
    golden.static[name]?.scale.forEach((scale, c) => isNear(Number(scales[c]), scale, 1e-6 * scale, `${name}: scale ${c}`));
    const { data: codes } = graph.numbersOf(`${name}.int8`) as TensorData;
    // A number halfway between two steps may go to either.
    const same = golden.staticCodes[`${name}_quantized`]?.filter((code, i) => code === Number(codes[i])).length ?? 0;
    assert.ok(same >= codes.length - 1, `${name}: ${same} of ${codes.length} codes`);
  }
});

test("weights of dynamic quantization are those of onnxruntime's quantize_dynamic", async () => {
  const { model } = await quantizeFile(file, data, { form: "int8-dynamic", evenIfSlower: true, largestCode: 127 });
  const graph = new FileGraph(model);
  const { data: scales } = graph.numbersOf("w3.int8.scale") as TensorData;
  golden.dynamic.scales.forEach((scale, c) => isNear(Number(scales[c]), scale, 1e-6 * scale, `scale ${c}`));
  const { data: codes } = graph.numbersOf("w3.int8") as TensorData;
  assert.ok(golden.dynamic.codes.filter((code, i) => code === Number(codes[i])).length >= codes.length - 1);
  assert.equal(intsAttribute(graph.nodes[0] as (typeof graph.nodes)[number], "pads")?.length, 4, "convolutions stay as they are");
});

for (const rule of ["entropy", "percentile"] as const)
  test(`ranges of ${rule} are those of onnxruntime's calibration`, async () => {
    const expected = golden.ranges[rule];
    const extremes = await calibrate(file, Object.keys(expected), [feeds], "min-max");
    const found = await calibrate(file, Object.keys(expected), [feeds], rule);
    for (const [name, [low, high]] of Object.entries(expected)) {
      const { low: least, high: most } = extremes.get(name) as Range;
      const own = found.get(name) as Range;
      // The same bins for entropy; percentiles name the inner end of a bin where Descent's name the outer.
      const bin = rule === "entropy" ? 1e-5 : (2.5 * Math.max(-least, most)) / 2048;
      isNear(own.low, low, bin, `${name}: low`);
      isNear(own.high, high, bin, `${name}: high`);
    }
  });
