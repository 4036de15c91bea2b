/**
 * @module Scan: a recurrence of any step over slices of tensors. In use it is one node of ONNX with a graph as its body, whatever the length; in
 * training, and where a device has no kernel, it is unrolled over the (then known) number of steps.
 */
import type { Body, Dim, Tensor, TensorType } from "../graph/index.js";
import { dimEquals, formatShape, input, isLeaf, normalizeAxis, reachableNodes, sameShape, staticDim } from "../graph/index.js";
import { ShapeError, UnsupportedOpError } from "../util/errors.js";
import { split, stack } from "./concat.js";
import type { Op } from "./op.js";
import { bytesMoved, emit } from "./op.js";
import { squeeze } from "./reshape.js";

/** Attributes of Scan, as ONNX names them. */
export interface ScanAttributes {
  readonly [name: string]: Body | number | readonly number[];
  /** From the states and a slice of each scanned input to the next states and a slice of each scanned output. */
  readonly body: Body;
  readonly num_scan_inputs: number;
  readonly scan_input_axes: readonly number[];
  /** 1 where an input is read from its end on. */
  readonly scan_input_directions: readonly number[];
  readonly scan_output_axes: readonly number[];
  /** 1 where an output is written from its end on. */
  readonly scan_output_directions: readonly number[];
}

/**
 * The body on stand-ins, whose names begin with `prefix`, for the states and for a slice of each scanned input. A slice has the input's shape without
 * the axis that is walked along.
 */
export function traceBody(
  inputs: readonly TensorType[],
  { body, num_scan_inputs: scanned, scan_input_axes: axes }: ScanAttributes,
  prefix = "",
): { readonly inputs: readonly Tensor[]; readonly outputs: readonly Tensor[] } {
  const states = inputs.length - scanned;
  const given = inputs.map(({ shape, dtype }, i) =>
    i < states
      ? input(`${prefix}state${i}`, shape, dtype)
      : input(
          `${prefix}slice${i - states}`,
          shape.filter((_, axis) => axis !== axes[i - states]),
          dtype,
        ),
  );
  return { inputs: given, outputs: body(given) };
}

/** The length of the scanned inputs along their axes, which are counted from the front. */
function stepsOf(
  inputs: readonly Tensor[],
  { num_scan_inputs: scanned, scan_input_axes: axes }: ScanAttributes,
  where: string,
): Dim {
  const lengths = inputs.slice(-scanned).map(({ shape }, i) => {
    const length = shape[axes[i] ?? 0];
    if (length === undefined) throw new ShapeError(`${where}: expected an axis of ${formatShape(shape)}, got ${axes[i]}`);
    return length;
  });
  const [first] = lengths;
  if (first === undefined || lengths.some((length) => !dimEquals(length, first)))
    throw new ShapeError(`${where}: expected scanned inputs of one length, got ${lengths.join(", ")}`);
  return first;
}

const turned = <T>(list: T[], isTurned: number | undefined): T[] => (isTurned === 1 ? list.reverse() : list);

/**
 * A step applied along an axis: from each state and the slices at a place to the next state and slices of the outputs.
 *
 * Shapes: states of any shape, which the step keeps; scanned inputs with one length along their axes → the last states, then outputs of that length.
 * Gradient: through the unrolled form, so the length must be known there.
 * Errors: ShapeError if a step changes a state's type or lengths differ; UnsupportedOpError if it takes what it is not given.
 * Source: ONNX's Scan, opset 11 and later. Differs from it: what the body takes from around it is a state here.
 */
export const Scan: Op<ScanAttributes, readonly Tensor[]> = {
  name: "Scan",
  domain: "",
  attributes: {
    body: "body",
    num_scan_inputs: "int",
    scan_input_axes: "ints",
    scan_input_directions: "ints",
    scan_output_axes: "ints",
    scan_output_directions: "ints",
  },
  infer: (inputs, attributes, where) => {
    const steps = stepsOf(inputs, attributes, where);
    const states = inputs.length - attributes.num_scan_inputs;
    const { inputs: given, outputs } = traceBody(inputs, attributes);
    const captured = reachableNodes(outputs).find(
      (node) => isLeaf(node) && node.op !== "Constant" && !given.includes(node.outputs[0] as Tensor),
    );
    if (captured !== undefined)
      throw new UnsupportedOpError(
        `${where}: expected a step that reads only its arguments, got one that also reads ${String(captured.attributes["name"] ?? captured.op)}; pass that as a state`,
      );
    const axes = attributes.scan_output_axes;
    if (outputs.length !== states + axes.length)
      throw new ShapeError(`${where}: expected a step with ${states + axes.length} results, got ${outputs.length}`);
    return outputs.map(({ shape, dtype }, i) => {
      const state = inputs[i] as Tensor;
      if (i < states) {
        if (dtype === state.dtype && sameShape(shape, state.shape)) return { shape, dtype };
        throw new ShapeError(
          `${where}: expected a step that keeps state ${i} ${state.dtype} ${formatShape(state.shape)}, got ${dtype} ${formatShape(shape)}`,
        );
      }
      const axis = normalizeAxis(axes[i - states] as number, shape.length + 1, where);
      return { shape: [...shape.slice(0, axis), steps, ...shape.slice(axis)], dtype };
    });
  },
  gradient: { none: "it is differentiated by its expansion" },
  cost: (node, costOf) => {
    const inputs = node.inputs as readonly Tensor[];
    const attributes = node.attributes as ScanAttributes;
    const steps = stepsOf(inputs, attributes, "Scan");
    const inner = reachableNodes(traceBody(inputs, attributes).outputs).filter((each) => !isLeaf(each));
    const flops = inner.reduce((sum, each) => sum + costOf(each).flops, 0);
    return { flops: flops * (typeof steps === "number" ? steps : 1), bytes: bytesMoved(node) };
  },
  batch: { unroll: "its step is written for one example" },
  expand: ({ inputs, attributes }) => {
    const { body, num_scan_inputs: scanned, scan_output_axes: axes } = attributes;
    const steps = staticDim(stepsOf(inputs, attributes, "Scan"), "unrolling over time");
    const slices = inputs.slice(-scanned).map((t, i) => {
      const axis = attributes.scan_input_axes[i] as number;
      const parts = steps === 1 ? [t] : split(t, new Array<number>(steps).fill(1), axis);
      return turned(
        parts.map((part) => squeeze(part, axis)),
        attributes.scan_input_directions[i],
      );
    });
    let states = inputs.slice(0, -scanned);
    const outputs = axes.map((): Tensor[] => []);
    for (let k = 0; k < steps; k++) {
      const made = body([...states, ...slices.map((each) => each[k] as Tensor)]);
      made.slice(states.length).forEach((t, i) => (outputs[i] as Tensor[]).push(t));
      states = made.slice(0, states.length);
    }
    return [...states, ...outputs.map((each, i) => stack(turned(each, attributes.scan_output_directions[i]), axes[i]))];
  },
  lower: ({ inputs, attributes, target }) =>
    target === "webgpu" && typeof stepsOf(inputs, attributes, "Scan") === "number"
      ? Scan.expand?.({ inputs, attributes })
      : undefined,
};

export const scanning = [Scan] as const;

/** Axis that is walked along, and from which end. */
export interface ScanOptions {
  /** Along which all inputs are read and all outputs are written. */
  readonly axis?: number;
  /** From the end to the beginning; outputs stand where their inputs did. */
  readonly reverse?: boolean;
}

/**
 * The last states and the outputs of a step applied along an axis: the step gets the states and a slice of each scanned input, and gives the next
 * states and a slice of each output. See `Scan`; a running sum is `scan(([sum, x]) => [sum.add(x), sum.add(x)], [zeros([])], [xs])`.
 */
export function scan(
  step: Body,
  states: readonly Tensor[],
  scanned: readonly Tensor[],
  { axis = 0, reverse = false }: ScanOptions = {},
): { readonly states: readonly Tensor[]; readonly outputs: readonly Tensor[] } {
  const along = { num_scan_inputs: scanned.length, scan_input_axes: scanned.map(() => axis) };
  const inputs = [...states, ...scanned];
  const attributes = {
    ...along,
    body: step,
    scan_input_directions: scanned.map(() => Number(reverse)),
    scan_output_axes: [] as readonly number[],
    scan_output_directions: [] as readonly number[],
  };
  const count = traceBody(inputs, attributes).outputs.length - states.length;
  const made = emit(Scan, inputs, {
    ...attributes,
    scan_output_axes: new Array<number>(count).fill(axis),
    scan_output_directions: new Array<number>(count).fill(Number(reverse)),
  });
  return { states: made.slice(0, states.length), outputs: made.slice(states.length) };
}
