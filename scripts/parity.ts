/**
 * @module docs/onnx-ops.md, made from the table of ops, the importer's conversions, and what the compiler makes of every op
 * case for each device: `npm run docs:parity` writes it, and a test holds the committed file to it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Graph, input } from "../src/graph/index.js";
import { conversionOf, FOREIGN_OPS } from "../src/onnx/index.js";
import type { TableOp } from "../src/ops/index.js";
import { OPS } from "../src/ops/index.js";
import { prepareGraph } from "../src/runtime/index.js";
import { nodesWithoutKernel } from "../src/runtime/kernels.js";
import { applyCase } from "../test/cases/case.js";
import { OP_CASES } from "../test/cases/ops.cases.js";
import { resolved } from "../test/suites/harness.js";
import { type Counts, type Recorded, RESULT_FILE } from "./onnx-tests/report.js";

/** Every op that ONNX's own domain has ever had, as onnx 1.23.2 lists them (opset 28). */
const ONNX_OPS = `
Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization Bernoulli
BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike CausalConvWithState Ceil Celu
CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos
Cosh CumProd CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf
Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool
Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If
ImageDecoder InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual LinearAttention Log
LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization
MelWeightMatrix Min Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional
OptionalGetElement OptionalHasElement Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN
RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize
ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu SequenceAt SequenceConstruct
SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax
SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer
StringSplit Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unique
Unsqueeze Upsample Where Xor`
  .trim()
  .split(/\s+/);

/** Conversions that read only what is known with the file. */
const WHEN_KNOWN: ReadonlyMap<string, string> = new Map([
  ["Loop", "where the number of steps is known"],
  ["Size", "where the shape is known"],
]);

const gradientOf = (op: TableOp): string =>
  typeof op.gradient === "function" ? "yes" : op.expand !== undefined ? "through its definition" : `none: ${op.gradient.none}`;

/** Element types that graphs for a GPU are made of; int64 besides, where it is an index. */
const ON_GPU: ReadonlySet<string> = new Set(["float32", "float16", "int32", "uint32", "bool"]);

/** Names what a device runs for the op: its own kernel, other nodes, or nodes on the CPU. */
function onDevice(op: TableOp, device: "cpu" | "webgpu"): string {
  const seen = new Set<string>();
  let others = false;
  for (const row of OP_CASES) {
    if (row.op !== op.name || row.notOnEngine !== undefined) continue;
    const leaves = row.operands.map((o, i) => (o === null ? null : input(`x${i}`, o.shape, o.dtype ?? "float32")));
    const outputs = resolved(row, applyCase(row, leaves)).slice(0, op.requiredOutputs ?? Infinity);
    const graph = prepareGraph(new Graph(new Map(outputs.map((t, i) => [`y${i}`, t]))), device);
    const types = [...leaves, ...outputs].map((t) => t?.dtype ?? "float32");
    if (nodesWithoutKernel(graph, device).length === 0) {
      seen.add(graph.nodes.some((node) => node.op === op.name) ? "kernel" : "other nodes");
    } else if (types.every((dtype) => ON_GPU.has(dtype))) seen.add("the CPU");
    else others = true;
  }
  if (seen.size === 0) return others ? "the CPU" : "–";
  if (seen.has("the CPU") && seen.size === 1) return "the CPU";
  return `${[...seen].sort().join(" or ")}${others ? "; the CPU for other types" : ""}`;
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** The whole document. */
export function parityDocument(): string {
  const lines: string[] = [];
  let [inTable, put, missing] = [0, 0, 0];
  for (const name of ONNX_OPS) {
    const op = OPS.get(name);
    const known = WHEN_KNOWN.get(name);
    if (op?.domain === "") {
      inTable++;
      lines.push(row([name, "yes", "yes", gradientOf(op), onDevice(op, "cpu"), onDevice(op, "webgpu")]));
    } else if (conversionOf("", name) !== undefined) {
      put++;
      lines.push(row([name, known ?? "yes", "as other ops", "through them", "through them", "through them"]));
    } else missing++;
  }
  // Ops of the engine's own layout of channels are neither read nor written to files for others.
  const engine = [...OPS.values()].filter(
    (op) => op.domain === "com.microsoft" || (op.domain === "" && !ONNX_OPS.includes(op.name)),
  );
  const own = [...OPS.values()].filter((op) => op.domain === "descent");
  const percent = (count: number): string => `${count} (${Math.round((100 * count) / ONNX_OPS.length)} %)`;
  const rest = ONNX_OPS.filter((name) => conversionOf("", name) === undefined);
  return `<!-- Made by \`npm run docs:parity\` from the table of ops. Do not edit. -->

# ONNX ops

Of the ${ONNX_OPS.length} ops that ONNX's own domain has ever had (opsets 1 to 28), ${percent(inTable)} are in Descent's table, ${percent(put)}
are put together from those when a file is read, and ${percent(missing)} are not read. Files are written in opset 21.

- **Import**: a file's node becomes this op, or other ops of the table.
- **Export**: a graph's node is written under this name.
- **Gradient**: the table has a rule, or says why there is none. Most rules are made of ops with gradients, so gradients of gradients work.
- **CPU, WebGPU**: \`kernel\` where the engine runs the op itself; \`other nodes\` where Descent puts it into ops that the device has;
  \`the CPU\` where it falls back to that one, with copies both ways, and "other types" are those beside float32, float16, int32,
  uint32 and bool, mostly int64. Seen in the forms that the op cases try.
- **Quantized numbers** have gradients straight through the rounding, and 0 where a number was held at the end of its range: what QuantizeLinear and the
  QLinear ops give remembers the real numbers before it, through ops that only move them. An \`If\` on an input computes both branches and chooses; a \`Loop\` is written
  out. Every attribute is honoured, or the file is refused.

| op | import | export | gradient | CPU | WebGPU |
|---|---|---|---|---|---|
${lines.join("\n")}

## Ops of the engine beside ONNX's

| op | import | export | gradient | CPU | WebGPU |
|---|---|---|---|---|---|
${[
  ...engine.map((op) => row([op.name, "yes", "yes", gradientOf(op), onDevice(op, "cpu"), onDevice(op, "webgpu")])),
  ...FOREIGN_OPS.map((name) =>
    row([name.replace("com.microsoft::", ""), "yes", "as other ops", "through them", "through them", "through them"]),
  ),
].join("\n")}

## Ops of Descent's own

Gradients and layers are written with these where the best nodes differ between devices; before a graph is run or written they are put into
ops that the device has.

| op | gradient |
|---|---|
${own.map((op) => row([op.name, gradientOf(op)])).join("\n")}

## Not read

${rest.join(", ")}.

A file that has one of these is refused with an error that lists all of them, with the names of their nodes.

${nodeTests()}`;
}

/** Summarizes the results of ONNX's own node tests, as `npm run onnx-tests -- --record` keeps them. */
function nodeTests(): string {
  const { source, all, early, exceptions } = JSON.parse(readFileSync(RESULT_FILE, "utf8")) as Recorded;
  const line = (label: string, c: Counts): string =>
    row(
      [
        label,
        c.tests,
        c.engine,
        c.traced,
        c.onEngine,
        c.wrong,
        `${c.gradients.pass} of ${c.gradients.pass + c.gradients.wrong + c.gradients.failed}`,
      ].map(String),
    );
  const reasons = Object.entries(exceptions).filter(([, { engine }]) => engine > 0);
  const cut = (reason: string): string => reason.replaceAll("|", "\\|").slice(0, 160);
  return `## ONNX's own node tests

The ${all.tests} tests of ${source}, which \`npm run onnx-tests -- --python PYTHON\` generates and runs, beside onnxruntime-node: *traced* are those that become a
graph of Descent with the right values, later inputs as constants where shapes hang on them; the others the engine runs as they are. Gradients are held against
difference quotients of the engine, to 1 %, where it is smooth. \`npm test\` runs the smallest ones of every op (\`test/onnx/node-tests\`).

| | tests | the engine passes | traced | on the engine alone | wrong values | gradients right |
|---|---|---|---|---|---|---|
${line("opset 22 and before", early)}
${line("all", all)}

What the engine passes and Descent does not trace:

| op | tests | the first one's reason |
|---|---|---|
${reasons.map(([op, e]) => row([op, String(e.engine), cut(e.reason.replace(/^\w+: /, ""))])).join("\n")}

Of the tests that the engine fails as well: a Dropout with \`training_mode\` drops at random, NumPy's numbers are expected, and a graph of it is refused (\`--init\` drops in
training only); Resize with \`align_corners\` at scales of 0.6 and 0.8 has the engine's values, which are those of whole lengths, where ONNX's reference divides by a fraction.
`;
}

/** Path of the document, from the repository's root. */
export const PARITY_FILE = "docs/onnx-ops.md";

if (process.argv[1]?.endsWith("parity.js")) {
  const text = parityDocument();
  const before = ((): string => {
    try {
      return readFileSync(PARITY_FILE, "utf8");
    } catch {
      return "";
    }
  })();
  writeFileSync(PARITY_FILE, text);
  console.log(before === text ? `${PARITY_FILE} is current` : `${PARITY_FILE} is written`);
}
