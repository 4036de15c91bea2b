/**
 * @module The reference interpreter: a slow, plain float64 evaluation of any graph, written from the ONNX specification
 * and independent of the table's lowerings and gradients. It is what the engine and the rules are tested against.
 */
import type { AttributeValue, Attributes, Dim, Node, Tensor, TensorData } from "../../src/graph/index.js";
import {
  bindDim,
  bindFromLength,
  formatShape,
  fromFloat16Bits,
  fromNumbers,
  input,
  isLeaf,
  reachableNodes,
  toFloat16Bits,
  toNumbers,
} from "../../src/graph/index.js";
import { opNamed } from "../../src/ops/index.js";
import { ShapeError, UnsupportedOpError } from "../../src/util/errors.js";
import { attention } from "./attention.js";
import { detection } from "./non-max-suppression.js";
import { elementwise } from "./elementwise.js";
import { indexing } from "./indexing.js";
import { linalg } from "./linalg.js";
import { normalization } from "./normalization.js";
import { recurrent } from "./recurrent.js";
import { reductions } from "./reduce.js";
import { scanKernel } from "./scan.js";
import { shaping } from "./shape.js";
import type { Kernel, RefValue } from "./value.js";
import { Call } from "./value.js";
import { windows } from "./window.js";

/** Every kernel by the name of its op. */
export const KERNELS: ReadonlyMap<string, Kernel> = new Map(
  Object.entries({
    ...elementwise,
    ...reductions,
    ...linalg,
    ...shaping,
    ...windows,
    ...normalization,
    ...indexing,
    ...detection,
    ...attention,
    ...recurrent,
    Scan: scanKernel((outputs, feeds) => evaluateReference(outputs, feeds)),
  }),
);

export interface ReferenceOptions {
  /** `float32` rounds what each float32 and float16 node gives to its own type, as the engine does; `none` keeps float64. */
  readonly round?: "float32" | "none";
}

/** Numbers as the interpreter holds them. */
export const toReference = (data: TensorData): RefValue => ({ dtype: data.dtype, shape: data.shape, data: toNumbers(data) });

/** Numbers as everybody else holds them. */
export const fromReference = (value: RefValue): TensorData => fromNumbers(value.dtype, value.shape, value.data);

/**
 * The values of `outputs`, given those of the leaves (inputs and parameters).
 *
 * Free dimensions take the lengths that the feeds have. Ops of Descent's own without a kernel are put into ONNX ops first.
 * Errors: ShapeError if a leaf has no value or one of another shape; UnsupportedOpError for an op without a kernel, or one
 * that must be resolved for training or use before.
 */
export function evaluateReference(
  outputs: readonly Tensor[],
  feeds: ReadonlyMap<Tensor, RefValue>,
  options: ReferenceOptions = {},
): RefValue[] {
  const values = new Map<Tensor, RefValue>();
  const bindings = new Map<string, number>();
  const nodes = reachableNodes(outputs);
  for (const node of nodes) {
    if (node.op !== "Input" && node.op !== "Parameter") continue;
    const leaf = node.outputs[0] as Tensor;
    values.set(leaf, fed(leaf, feeds.get(leaf), bindings));
  }
  for (const node of nodes) {
    if (node.op === "Constant") values.set(node.outputs[0] as Tensor, toReference(node.attributes["value"] as TensorData));
    if (isLeaf(node)) continue;
    const inputs = node.inputs.map((t) => (t === null ? null : (values.get(t) as RefValue)));
    const results = apply(node, inputs, bound(node.attributes, bindings), options);
    node.outputs.forEach((output, i) => {
      const result = results[i];
      if (result !== undefined) values.set(output, options.round === "float32" ? rounded(result) : result);
    });
  }
  return outputs.map((output) => values.get(output) as RefValue);
}

function apply(
  node: Node,
  inputs: readonly (RefValue | null)[],
  attributes: Attributes,
  options: ReferenceOptions,
): readonly RefValue[] {
  const kernel = KERNELS.get(node.op);
  if (kernel !== undefined) return kernel(new Call(node, inputs, attributes));
  const op = opNamed(node.op);
  if (op.resolve !== undefined)
    throw new UnsupportedOpError(`reference ${node.op}: expected it resolved for training or use before`);
  const stand = inputs.map((value, i) => (value === null ? null : input(`input${i}`, value.shape, value.dtype)));
  const lowered = op.lower?.({ node, inputs: stand, attributes, target: "onnx" });
  if (lowered === undefined) throw new UnsupportedOpError(`reference ${node.op}: has no kernel`);
  const feeds = new Map<Tensor, RefValue>();
  stand.forEach((t, i) => {
    if (t !== null) feeds.set(t, inputs[i] as RefValue);
  });
  return evaluateReference(lowered, feeds, options);
}

/** The value of a leaf, checked against its shape; free dimensions are bound on the way. */
function fed(leaf: Tensor, value: RefValue | undefined, bindings: Map<string, number>): RefValue {
  const name = String(leaf.node.attributes["name"] ?? leaf.node.op);
  if (value === undefined) throw new ShapeError(`reference: expected a value for ${name}, got none`);
  const fits =
    value.shape.length === leaf.rank && leaf.shape.every((dim, i) => bindFromLength(dim, value.shape[i] as number, bindings));
  if (!fits) throw new ShapeError(`reference: expected ${formatShape(leaf.shape)} for ${name}, got ${formatShape(value.shape)}`);
  return value;
}

/** Attributes with the symbols of a shape replaced by their lengths. */
function bound(attributes: Attributes, bindings: ReadonlyMap<string, number>): Attributes {
  if (bindings.size === 0) return attributes;
  const bind = (value: AttributeValue | undefined): AttributeValue | undefined =>
    Array.isArray(value)
      ? ((value as readonly (Dim | string)[]).map((d) => (typeof d === "object" ? bindDim(d, bindings) : d)) as readonly Dim[])
      : value;
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, bind(value)]));
}

function rounded(value: RefValue): RefValue {
  if (value.dtype === "float32") return { ...value, data: value.data.map(Math.fround) };
  if (value.dtype === "float16") return { ...value, data: value.data.map((v) => fromFloat16Bits(toFloat16Bits(v))) };
  return value;
}
