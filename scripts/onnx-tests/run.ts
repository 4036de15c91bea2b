/**
 * @module One of ONNX's node tests: on the engine by itself, through Descent as it is and with later inputs as constants, and its
 * gradient against difference quotients of the engine.
 */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { vjpOf } from "../../src/autodiff/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { DTYPES, Graph, input, isFloat, toNumbers } from "../../src/graph/index.js";
import type { ImportedModel } from "../../src/onnx/index.js";
import { decodeModel, encodeModel, importOnnx } from "../../src/onnx/index.js";
import { compile } from "../../src/runtime/index.js";
import { DescentError, NoGradientError } from "../../src/util/errors.js";
import { type NodeTest, modelBytes, tensorOf, type WrittenValue } from "./cases.js";
import { checkGradient, type Verdict } from "./differences.js";
import { dataOf, engineTensor, engineValue, openSession } from "./engine.js";

/** `pass`, or one line that says why not. */
export type Outcome = "pass" | `wrong: ${string}` | `refused: ${string}` | `failed: ${string}`;

export interface TestResult {
  readonly name: string;
  readonly opset: number;
  readonly engine: Outcome;
  readonly asIs: Outcome;
  readonly constants: Outcome;
  readonly gradient: Verdict;
}

const oneLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").slice(0, 300);

/** The first difference from what was expected beyond the test's tolerance, in words. */
function difference(got: TensorData, written: WrittenValue, { rtol, atol }: NodeTest): string | undefined {
  const expected = tensorOf(written);
  if (expected === undefined) return `its expected ${written.dtype} cannot be read here`;
  if (got.dtype !== expected.dtype) return `${written.name} is ${got.dtype}, expected ${expected.dtype}`;
  if (String(got.shape) !== String(expected.shape))
    return `${written.name} is [${got.shape.join(", ")}], expected [${expected.shape.join(", ")}]`;
  const [a, b] = [toNumbers(got), toNumbers(expected)];
  const at = a.findIndex((v, i) => {
    const w = b[i] as number;
    return !(v === w || (Number.isNaN(v) && Number.isNaN(w)) || Math.abs(v - w) <= atol + rtol * Math.abs(w));
  });
  return at < 0 ? undefined : `${written.name}[${at}] is ${a[at]}, expected ${b[at]}`;
}

function compared(outputs: ReadonlyMap<string, TensorData>, set: NodeTest["sets"][number], test: NodeTest): Outcome {
  for (const written of set.outputs) {
    const got = outputs.get(written.name);
    const fault = got === undefined ? `no ${written.name}` : difference(got, written, test);
    if (fault !== undefined) return `wrong: ${fault}`;
  }
  return "pass";
}

const same = (got: readonly string[], expected: string | readonly string[]): boolean => String(got) === String(expected);

async function onEngine(session: InferenceSession, test: NodeTest): Promise<Outcome> {
  for (const set of test.sets) {
    const feeds: Record<string, OrtTensor> = {};
    for (const written of set.inputs) {
      const value = engineValue(written);
      if (value === undefined) return `failed: JavaScript has no ${written.dtype} for the engine`;
      feeds[written.name] = value;
    }
    const results = await session.run(feeds);
    const texts = set.outputs.filter(({ dtype }) => dtype === "string");
    for (const { name, data } of texts) if (!same((results[name]?.data ?? []) as string[], data)) return `wrong: ${name}`;
    const rest = { ...set, outputs: set.outputs.filter(({ dtype }) => dtype !== "string") };
    const outcome = compared(new Map(rest.outputs.map(({ name }) => [name, dataOf(results[name] as OrtTensor)])), rest, test);
    if (outcome !== "pass") return outcome;
  }
  return "pass";
}

/** The model with all inputs but the first as constants of the file. */
function withConstants(test: NodeTest): Uint8Array {
  const model = decodeModel(modelBytes(test), test.name);
  const [first, ...later] = model.graph.inputs;
  for (const info of later) {
    const data = tensorOf(test.sets[0]?.inputs.find(({ name }) => name === info.name) as WrittenValue);
    if (data === undefined) throw new DescentError(`a later input is no tensor of numbers`);
    const rawData = new Uint8Array(data.data.buffer, data.data.byteOffset, data.data.byteLength);
    model.graph.initializers.push({ name: info.name, dims: [...data.shape], dataType: DTYPES[data.dtype].onnx, rawData });
  }
  model.graph.inputs = first === undefined ? [] : [first];
  return encodeModel(model);
}

const feedsOf = (model: ImportedModel, inputs: readonly WrittenValue[]): Map<string, TensorData> =>
  new Map(
    inputs.flatMap((written) => {
      const data = model.inputs.has(written.name) ? tensorOf(written) : undefined;
      return data === undefined ? [] : [[written.name, data] as const];
    }),
  );

async function throughDescent(bytes: Uint8Array, test: NodeTest): Promise<{ outcome: Outcome; model?: ImportedModel }> {
  let model: ImportedModel;
  try {
    model = importOnnx(bytes, { where: test.name });
  } catch (error) {
    return { outcome: error instanceof DescentError ? `refused: ${oneLine(error)}` : `failed: ${oneLine(error)}` };
  }
  try {
    // The graph that was made of it: the file's own would be opened by the engine as it is.
    const traced = new Graph(model.graph.outputs);
    await using executable = await compile(traced, { values: model.values, names: model.names, threads: 1, spin: false });
    for (const set of test.sets) {
      const feeds = feedsOf(model, set.inputs);
      const missing = executable.inputs.find((name) => !feeds.has(name));
      if (missing !== undefined) return { outcome: `refused: input ${missing} is no tensor of numbers` };
      const given = executable.inputs.map((name) => [name, feeds.get(name) as TensorData] as const);
      const results = await executable.call(Object.fromEntries(given));
      const outcome = compared(new Map(Object.entries(results)), set, test);
      if (outcome !== "pass") return { outcome };
    }
    return { outcome: "pass", model };
  } catch (error) {
    return { outcome: `failed: ${oneLine(error)}` };
  }
}

/** Gradients of Σ weight · output by every floating-point input, beside the engine's difference quotients. */
async function gradientOf(session: InferenceSession, model: ImportedModel, test: NodeTest): Promise<Verdict> {
  const xs = [...model.inputs].filter(([, t]) => isFloat(t.dtype) && t.dtype !== "float16");
  const ys = [...model.graph.outputs].filter(([, t]) => isFloat(t.dtype) && t.dtype !== "float16");
  const set = test.sets[0];
  if (xs.length === 0 || ys.length === 0 || set === undefined) return "none: no floating-point input or output";
  const weights = ys.map(([name, t]) => input(`${name}.weight`, t.shape, t.dtype));
  let gradients: Tensor[];
  try {
    gradients = vjpOf(ys.map(([, t]) => t), weights, xs.map(([, t]) => t)); // prettier-ignore
  } catch (error) {
    return error instanceof NoGradientError ? `none: ${oneLine(error)}` : `failed: ${oneLine(error)}`;
  }
  try {
    const graph = new Graph(new Map(gradients.map((g, i) => [`${xs[i]?.[0]}.gradient`, g])));
    await using executable = await compile(graph, { values: model.values, names: model.names, threads: 1, spin: false });
    const feeds = feedsOf(model, set.inputs);
    const all = new Map(set.inputs.map((written) => [written.name, engineValue(written) as OrtTensor]));
    return await checkGradient({
      xs: new Map(xs.map(([name]) => [name, feeds.get(name) as TensorData])),
      ys: ys.map(([name]) => name),
      evaluate: async (moved) => {
        const given = new Map(all);
        for (const [name, data] of moved) given.set(name, engineTensor(data));
        const results = await session.run(Object.fromEntries(given));
        return ys.map(([name]) => dataOf(results[name] as OrtTensor));
      },
      gradients: async (dys) => {
        const given = new Map(feeds);
        ys.forEach(([name], i) => given.set(`${name}.weight`, dys[i] as TensorData));
        const wanted = executable.inputs.map((name) => [name, given.get(name) as TensorData]);
        const results = await executable.call(Object.fromEntries(wanted));
        return new Map(xs.map(([name]) => [name, results[`${name}.gradient`] as TensorData]));
      },
    });
  } catch (error) {
    return `failed: ${oneLine(error)}`;
  }
}

/** Everything that is asked of a test. */
export async function runTest(test: NodeTest): Promise<TestResult> {
  let session: InferenceSession | undefined;
  let engine: Outcome;
  try {
    session = await openSession(modelBytes(test));
    engine = await onEngine(session, test);
  } catch (error) {
    engine = `failed: ${oneLine(error)}`;
  }
  const asIs = await throughDescent(modelBytes(test), test);
  let constants: Awaited<ReturnType<typeof throughDescent>>;
  try {
    constants = await throughDescent(withConstants(test), test);
  } catch (error) {
    constants = { outcome: `refused: ${oneLine(error)}` };
  }
  const model = asIs.model ?? constants.model;
  const gradient =
    model !== undefined && session !== undefined && engine === "pass"
      ? await gradientOf(session, model, test)
      : "none: not traced";
  await session?.release();
  return { name: test.name, opset: test.opset, engine, asIs: asIs.outcome, constants: constants.outcome, gradient };
}
