/**
 * @module What each ONNX node becomes: by the table of ops where its entry says enough, by a conversion of its own where
 * opsets differ, where the file may leave things out, or where it is put together from other ops.
 */
import type { AttributeValue, Dim, DType, Tensor } from "../graph/index.js";
import {
  broadcastShapes,
  constant,
  dimSub,
  DTYPES,
  fromNumbers,
  normalizeAxes,
  normalizeAxis,
  sizeOf,
  staticDim,
} from "../graph/index.js";
import type { AttributeKind, TableOp } from "../ops/index.js";
import * as ops from "../ops/index.js";
import { emit, emitOne, OPS } from "../ops/index.js";
import { DataError } from "../util/errors.js";
import type { Call, Operand } from "./call.js";
import { fixedNumbers, operandOf, operandOfKnown } from "./call.js";
import { DEFAULTS, FIXED, INPUT_COUNT } from "./defaults.js";
import { castKnown, fold, type Known, knownOf, shapeOf } from "./known.js";
import { dtypeOf, numbersOfTensor } from "./numbers.js";
import { WINDOWED } from "./convert-window.js";

export type Conversion = (c: Call) => readonly (Tensor | Operand)[];

/** Attributes as a node of the graph holds them. */
export type GivenAttributes = Record<string, AttributeValue | undefined>;

/** The op's entry applied to tensors, whatever it takes. */
export const apply = (name: string, inputs: readonly (Tensor | null)[], attributes: GivenAttributes): readonly Tensor[] =>
  emit(ops.opNamed(name), inputs, attributes);

function attributeOf(c: Call, name: string, kind: AttributeKind): GivenAttributes[string] {
  const otherwise = DEFAULTS[c.node.opType]?.[name];
  const given = c.attribute(name);
  if (given === undefined && otherwise !== undefined) return otherwise;
  switch (kind) {
    case "int":
      return c.int(name);
    case "bool":
      return c.flag(name);
    case "float":
      return c.float(name);
    case "string":
      return c.string(name);
    case "dtype":
      return dtypeOf(c.int(name), c.where);
    case "floats":
      return required(c, name, c.floats(name));
    case "strings":
      return required(c, name, c.strings(name));
    case "ints":
    case "shape":
      return required(c, name, c.ints(name));
    case "tensor":
    case "rule":
      return c.unsupported(`attribute ${name}`);
  }
}

function required<T>(c: Call, name: string, value: T | undefined): T {
  if (value === undefined) throw new DataError(`${c.where}: expected a value for ${name}, got none`);
  return value;
}

/** The attributes that ONNX writes as attributes, by the table's entry. */
export function plainAttributes(c: Call, op: TableOp): GivenAttributes {
  const attributes: GivenAttributes = {};
  for (const [name, kind] of Object.entries(op.attributes)) {
    if (op.attributeInputs?.[name] === undefined) attributes[name] = attributeOf(c, name, kind);
  }
  return attributes;
}

/** A node whose entry in the table says everything. */
function byTable(c: Call, op: TableOp): readonly Tensor[] {
  const attributes: GivenAttributes = {};
  const slots = new Set<number>();
  for (const [name, kind] of Object.entries(op.attributes)) {
    const place = op.attributeInputs?.[name];
    if (place === undefined) attributes[name] = attributeOf(c, name, kind);
    else {
      slots.add(place.slot);
      if (!c.has(place.slot)) attributes[name] = attributeOf(c, name, kind);
      else if (place.scalar) attributes[name] = c.numbers(place.slot, name)[0];
      else attributes[name] = kind === "shape" ? c.dims(place.slot, name) : c.numbers(place.slot, name);
    }
  }
  const inputs = c.inputs.flatMap((operand, i) => (slots.has(i) ? [] : [operand?.tensor() ?? null]));
  const count = INPUT_COUNT[op.name];
  if (count === undefined) while (inputs.at(-1) === null) inputs.pop();
  else while (inputs.length < count) inputs.push(null);
  return emit(op, inputs, attributes);
}

// --- helpers of the conversions -------------------------------------------------------------------------------------------

const range = (start: number, end: number): number[] => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);

/** Before opset 7 an operand could be aligned at an axis by attributes. */
function aligned(c: Call, a: Tensor, b: Tensor): Tensor {
  if (c.opset >= 7 || c.int("broadcast", 0) === 0 || c.attribute("axis") === undefined) return b;
  const trailing = a.rank - normalizeAxis(c.int("axis"), a.rank, c.where) - b.rank;
  return trailing > 0 ? b.unsqueeze(...range(b.rank, b.rank + trailing)) : b;
}

const binary =
  (name: string): Conversion =>
  (c) =>
    apply(name, [c.x(0), aligned(c, c.x(0), c.x(1))], {});

/** ONNX's Max, Min, Sum and Mean take any number of operands. */
const variadic =
  (join: (a: Tensor, b: Tensor) => Tensor): Conversion =>
  (c) => [c.tensors().reduce(join)];

/** Before opset 13 these ops saw a matrix: the axes from `axis` on together are the columns. */
const rowwise =
  (f: (x: Tensor, axis: number) => Tensor): Conversion =>
  (c) => {
    const x = c.x(0);
    if (c.opset >= 13) return [f(x, normalizeAxis(c.int("axis", -1), x.rank, c.where))];
    const axis = normalizeAxis(c.int("axis", 1), x.rank, c.where);
    if (axis === x.rank - 1) return [f(x, axis)];
    return [f(x.reshape([...x.shape.slice(0, axis), -1]), axis).reshape(x.shape)];
  };

const reduction =
  (op: TableOp): Conversion =>
  (c) => {
    const x = c.x(0);
    let axes = c.list(1, "axes");
    if (axes === undefined || axes.length === 0) {
      if (c.int("noop_with_empty_axes", 0) === 1) return [x];
      axes = x.shape.map((_, i) => i);
    }
    return axes.length === 0
      ? [x]
      : emit(op, [x], { axes: normalizeAxes(axes, x.rank, c.where), keepdims: c.flag("keepdims", true) });
  };

/** A place on an axis of length d, as Slice's attribute wants it: relative to a free length, from the end. */
function place(c: Call, at: Dim, length: Dim, isEnd: boolean): number {
  if (typeof at === "number") return at;
  const beyond = dimSub(at, length);
  if (typeof beyond === "number" && beyond < 0) return beyond;
  if (isEnd && typeof beyond === "number") return Number.MAX_SAFE_INTEGER;
  return c.unsupported(`a slice to ${at} of an axis of length ${length}; bind these dimensions, it`);
}

function slice(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const bounds = (i: number, name: string): readonly Dim[] => (c.has(i) ? c.dims(i, name) : required(c, name, c.ints(name)));
  const [starts, ends] = [bounds(1, "starts"), bounds(2, "ends")];
  const axes = (c.list(3, "axes") ?? starts.map((_, i) => i)).map((axis) => normalizeAxis(axis, x.rank, c.where));
  const steps = c.has(4) ? c.numbers(4, "steps") : starts.map(() => 1);
  const length = (i: number): Dim => x.shape[axes[i] as number] as Dim;
  return apply("Slice", [x], {
    starts: starts.map((at, i) => place(c, at, length(i), false)),
    ends: ends.map((at, i) => clampEnd(place(c, at, length(i), true))),
    axes,
    steps,
  });
}

const clampEnd = (end: number): number => Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, end));

function split(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axis = normalizeAxis(c.int("axis"), x.rank, c.where);
  let sizes = c.list(1, "split");
  if (sizes === undefined) {
    const count = c.int("num_outputs", c.node.outputs.length);
    const length = staticDim(x.shape[axis], c.where);
    const each = Math.ceil(length / count);
    sizes = range(0, count).map((i) => Math.max(0, Math.min(each, length - i * each)));
  }
  return apply("Split", [x], { axis, split: sizes });
}

function reshape(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const target = c.has(1) ? c.dims(1, "shape") : required(c, "shape", c.ints("shape"));
  const copies = c.int("allowzero", 0) === 0;
  return [x.reshape(target.map((d, i) => (d === 0 && copies ? (x.shape[i] ?? 0) : d)))];
}

function flatten(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const given = c.int("axis", 1);
  // −1 is the last axis; the rank itself, which makes one column, can only be said from the start.
  const axis = normalizeAxis(given < 0 ? given + x.rank : given, x.rank, c.where, true);
  const before = x.shape.slice(0, axis);
  // One of the two products is left to −1: the one that has free dimensions.
  if (before.every((d) => typeof d === "number")) return [x.reshape([sizeOf(before), -1])];
  if (before.length === 1) return [x.reshape([before[0] as Dim, -1])];
  const after = x.shape.slice(axis).map((d) => staticDim(d, c.where));
  return [x.reshape([-1, sizeOf(after)])];
}

function expand(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const shape = broadcastShapes(x.shape, c.dims(1, "shape"));
  if (shape === undefined)
    throw new DataError(
      `${c.where}: expected a shape that [${x.shape.join(", ")}] broadcasts to, got [${c.dims(1, "shape").join(", ")}]`,
    );
  return [x.expand(shape)];
}

function pad(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const given = c.list(1, "pads") ?? required(c, "pads", c.ints("paddings"));
  const axes = c.has(3) ? c.numbers(3, "axes").map((axis) => normalizeAxis(axis, x.rank, c.where)) : range(0, x.rank);
  const pads = new Array<number>(2 * x.rank).fill(0);
  axes.forEach((axis, i) => {
    pads[axis] = given[i] as number;
    pads[axis + x.rank] = given[i + axes.length] as number;
  });
  const fixed = c.attribute("value") === undefined ? null : constant(c.float("value"), x.dtype);
  const mode = c.string("mode");
  const value = mode === "constant" ? (c.optional(2) ?? fixed) : null;
  return apply("Pad", [x, value === null || value.rank === 0 ? value : value.reshape([])], { pads, mode });
}

function clip(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const limit = (i: number, name: string): Tensor | null => {
    const t = c.optional(i);
    if (t !== null) return t.rank === 0 ? t : t.reshape([]);
    return c.attribute(name) === undefined ? null : constant(c.float(name), x.dtype);
  };
  return apply("Clip", [x, limit(1, "min"), limit(2, "max")], {});
}

/** The type that a Cast names: a code, or before opset 6 its name. */
function castTo(c: Call): DType {
  const to = c.attribute("to");
  if (to?.type !== "string") return dtypeOf(c.int("to"), c.where);
  const name = to.value.toLowerCase();
  const dtype = ({ float: "float32", double: "float64" }[name] ?? name) as DType;
  if (!(dtype in DTYPES)) throw new DataError(`${c.where}: expected an element type, got "${to.value}"`);
  return dtype;
}

function cast(x: Operand, to: DType): readonly (Tensor | Operand)[] {
  const known = x.known === undefined ? undefined : castKnown(x.known, to);
  return [known === undefined ? x.tensor().cast(to) : operandOfKnown(known)];
}

/** The value of a Constant node, in whichever attribute it stands. */
function constantNode(c: Call): readonly Operand[] {
  const value = c.attribute("value");
  if (value?.type === "tensor") {
    const data = numbersOfTensor(value.value, c.where);
    // Small ones take part in the computation of shapes.
    if (data.data.length <= 4096) return [operandOfKnown(knownOf(data), () => constant(data))];
    return [operandOf(constant(data))];
  }
  const known = (dtype: DType, values: readonly number[], scalar: boolean): readonly Operand[] => [
    operandOfKnown({ dtype, shape: scalar ? [] : [values.length], values }),
  ];
  if (c.attribute("value_float") !== undefined) return known("float32", [c.float("value_float")], true);
  if (c.attribute("value_int") !== undefined) return known("int64", [c.int("value_int")], true);
  const floats = c.floats("value_floats");
  if (floats !== undefined) return known("float32", floats, false);
  const ints = c.ints("value_ints");
  return ints === undefined ? c.unsupported("a constant of text or in sparse form") : known("int64", ints, false);
}

function constantOfShape(c: Call): readonly (Tensor | Operand)[] {
  const value = c.attribute("value");
  const known: Known =
    value?.type === "tensor" ? knownOf(numbersOfTensor(value.value, c.where)) : { dtype: "float32", shape: [1], values: [0] };
  const shape = c.dims(0, "shape");
  const element = known.values[0] as number;
  const size = shape.every((d): d is number => typeof d === "number") ? sizeOf(shape) : Infinity;
  if (size <= 256)
    return [operandOfKnown({ dtype: known.dtype, shape: shape as number[], values: new Array<number>(size).fill(element) })];
  return [constant(element, known.dtype).expand(shape)];
}

/** start, start + step, …: known numbers are folded before; what remains counts up to a free dimension. */
function rangeNode(c: Call): readonly Tensor[] {
  const [start, limit, step] = [c.dims(0, "start")[0], c.dims(1, "limit")[0] as Dim, c.dims(2, "step")[0]];
  const { dtype } = c.operand(0);
  if (typeof start === "number" && typeof limit === "number" && typeof step === "number") {
    const count = Math.max(0, Math.ceil((limit - start) / step));
    return [
      constant(
        fromNumbers(
          dtype,
          [count],
          range(0, count).map((i) => start + i * step),
        ),
      ),
    ];
  }
  if (step !== 1) return c.unsupported(`a range to ${limit} in steps of ${step}`);
  if (typeof start === "number") return [ops.arange(dimSub(limit, start), start).cast(dtype)];
  return [
    ops
      .arange(dimSub(limit, start as Dim))
      .cast("int64")
      .add(c.x(0))
      .cast(dtype),
  ];
}

function squeeze(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axes = c.list(1, "axes") ?? x.shape.flatMap((d, i) => (d === 1 ? [i] : []));
  return axes.length === 0 ? [x] : [x.squeeze(...axes)];
}

function unsqueeze(c: Call): readonly Tensor[] {
  return [c.x(0).unsqueeze(...required(c, "axes", c.list(1, "axes")))];
}

function gemm(c: Call): readonly Tensor[] {
  const bias = c.optional(2);
  return apply("Gemm", [c.x(0), c.x(1), bias], plainAttributes(c, ops.opNamed("Gemm")));
}

function dropout(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const p = c.has(1) ? (c.numbers(1, "ratio")[0] as number) : c.float("ratio", 0.5);
  const y = c.modes && p > 0 ? x.dropout(p) : x;
  return c.node.outputs.length < 2 ? [y] : [y, constant(1, "bool").expand(x.shape)];
}

function batchNorm(c: Call): readonly Tensor[] {
  const inputs = [c.x(0), c.x(1), c.x(2), c.operand(3).tensor(true), c.operand(4).tensor(true)];
  const epsilon = c.float("epsilon");
  // ONNX's momentum is the weight of the old value, PyTorch's that of the new one.
  if (c.modes) return apply("BatchNorm", inputs, { epsilon, momentum: 1 - c.float("momentum") });
  if (c.int("training_mode", 0) === 1) {
    // Statistics of the batch, and the running ones moved towards them.
    const [y, ...batch] = apply("BatchNormTrain", inputs.slice(0, 3), { epsilon }) as [Tensor, Tensor, Tensor];
    const momentum = c.float("momentum");
    return [y, ...batch.map((t, i) => (inputs[3 + i] as Tensor).mul(momentum).add(t.mul(1 - momentum)))];
  }
  return apply("BatchNormalization", inputs, { epsilon });
}

function groupNorm(c: Call): readonly Tensor[] {
  const [x, scale, bias] = [c.x(0), c.x(1), c.x(2)];
  const groups = c.int("num_groups");
  // Before opset 21 there was one number for each group.
  const perChannel = (t: Tensor): Tensor => {
    const each = staticDim(x.shape[1], c.where) / groups;
    return c.opset >= 21 || each === 1
      ? t
      : t
          .unsqueeze(1)
          .expand([groups, each])
          .reshape([groups * each]);
  };
  return apply("GroupNormalization", [x, perChannel(scale), perChannel(bias)], {
    num_groups: groups,
    epsilon: c.float("epsilon"),
  });
}

function layerNorm(c: Call): readonly Tensor[] {
  const [x, axis] = [c.x(0), normalizeAxis(c.int("axis"), c.x(0).rank, c.where)];
  // The file may give one number for all features.
  const full = (t: Tensor | null): Tensor | null => (t === null ? null : t.expand(x.shape.slice(axis)));
  const attributes = { axis, epsilon: c.float("epsilon", 1e-5) };
  if (c.node.opType !== "LayerNormalization") return apply("RMSNormalization", [x, full(c.x(1))], attributes);
  return apply("LayerNormalization", [x, full(c.x(1)), full(c.optional(2))], attributes);
}

function resize(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const old = c.opset < 11; // Upsample, and Resize 10: scales come second
  const nonempty = (i: number): readonly number[] | undefined => {
    const operand = c.inputs[i] ?? null;
    if (operand === null || operand.shape.includes(0)) return undefined;
    return c.numbers(i, "sizes or scales");
  };
  const given = c.ints("axes")?.map((axis) => normalizeAxis(axis, x.rank, c.where)) ?? range(0, x.rank);
  const scales = nonempty(old ? 1 : 2) ?? c.floats("scales");
  const sizes = old ? undefined : c.inputs[3] && !c.inputs[3].shape.includes(0) ? c.dims(3, "sizes") : undefined;
  const kept = range(0, given.length).filter((i) => {
    const length = x.shape[given[i] as number] as Dim;
    return sizes === undefined ? scales?.[i] !== 1 : dimSub(sizes[i] as Dim, length) !== 0;
  });
  if (kept.length === 0) return [x];
  const mode = c.string("mode", "nearest").replace("bilinear", "linear");
  const coordinates = old ? "asymmetric" : c.string("coordinate_transformation_mode");
  if (!COORDINATES.has(coordinates)) c.unsupported(`coordinate_transformation_mode ${coordinates}`);
  return apply("Resize", [x], {
    mode,
    coordinate_transformation_mode: coordinates,
    nearest_mode: old ? "floor" : c.string("nearest_mode"),
    cubic_coeff_a: c.float("cubic_coeff_a", -0.75),
    axes: kept.map((i) => given[i] as number),
    sizes: sizes === undefined ? undefined : kept.map((i) => staticDim(sizes[i], c.where)),
    scales: sizes === undefined ? kept.map((i) => scales?.[i] as number) : undefined,
  });
}
const COORDINATES: ReadonlySet<string> = new Set(
  "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners asymmetric".split(" "),
);

const ACTIVATIONS: Readonly<Record<string, readonly string[]>> = { LSTM: ["Sigmoid", "Tanh", "Tanh"], GRU: ["Sigmoid", "Tanh"] };

function recurrent(c: Call): readonly Tensor[] {
  const usual = ACTIVATIONS[c.node.opType] as readonly string[];
  const activations = c.strings("activations");
  if (activations?.some((a, i) => a.toLowerCase() !== usual[i % usual.length]?.toLowerCase()))
    c.unsupported(`activations ${activations.join(", ")}`);
  const inputs = c.inputs.map((operand) => operand?.tensor() ?? null);
  while (inputs.at(-1) === null) inputs.pop();
  const hidden_size = c.int("hidden_size", staticDim(c.x(2).shape[2], c.where));
  const linear = c.node.opType === "GRU" ? { linear_before_reset: c.flag("linear_before_reset") } : {};
  return apply(c.node.opType, inputs, { direction: c.string("direction").toLowerCase(), hidden_size, ...linear });
}

function topK(c: Call): readonly Tensor[] {
  const k = c.has(1) ? c.numbers(1, "k") : [c.int("k")];
  return apply("TopK", [c.x(0)], { axis: c.int("axis"), k, largest: c.flag("largest"), sorted: c.flag("sorted") });
}

function oneHot(c: Call): readonly Tensor[] {
  return apply("OneHot", [c.x(0), c.x(2)], { axis: c.int("axis"), depth: c.numbers(1, "depth")[0] });
}

function pow(c: Call): readonly Tensor[] {
  const x = c.x(0);
  return apply("Pow", [x, aligned(c, x, c.x(1)).cast(x.dtype)], {});
}

function isInf(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const [below, above] = [c.flag("detect_negative", true), c.flag("detect_positive", true)];
  if (below && above) return apply("IsInf", [x], {});
  return [below ? x.equal(-Infinity) : above ? x.equal(Infinity) : constant(0, "bool").expand(x.shape)];
}

/** Depth to space: which axis of blocks comes first in the channels differs by mode. */
function depthToSpace(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const [n, ch, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  const b = c.int("blocksize");
  const depth = staticDim(ch, c.where) / (b * b);
  const [height, width] = [staticDim(h, c.where), staticDim(w, c.where)];
  const columnsFirst = c.string("mode", "DCR") === "DCR";
  const blocks = x.reshape(columnsFirst ? [n, b, b, depth, h, w] : [n, depth, b, b, h, w]);
  return [blocks.transpose(columnsFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]).reshape([n, depth, height * b, width * b])];
}

function spaceToDepth(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const b = c.int("blocksize");
  const n = x.shape[0] as Dim;
  const [ch, h, w] = x.shape.slice(1).map((d) => staticDim(d, c.where)) as [number, number, number];
  return [
    x
      .reshape([n, ch, h / b, b, w / b, b])
      .transpose([0, 3, 5, 1, 2, 4])
      .reshape([n, ch * b * b, h / b, w / b]),
  ];
}

/** Scale and zero point as they stand along an axis of x. */
function alongAxis(c: Call, t: Tensor, x: Tensor): Tensor {
  if (t.rank === 0 || c.attribute("block_size") !== undefined) return t.rank === 0 ? t : c.unsupported("block_size");
  if (t.rank === 1 && t.shape[0] === 1) return t.reshape([]);
  const axis = normalizeAxis(c.int("axis", 1), x.rank, c.where);
  return t.reshape(x.shape.map((_, i) => (i === axis ? (t.shape[0] as Dim) : 1)));
}

function dequantize(c: Call): readonly Tensor[] {
  const [x, scale, zero] = [c.x(0), c.x(1), c.optional(2)];
  const wide = x.cast("int32");
  const centred = zero === null ? wide : wide.sub(alongAxis(c, zero.cast("int32"), x));
  return [centred.cast(scale.dtype).mul(alongAxis(c, scale, x))];
}

function quantize(c: Call): readonly Tensor[] {
  const [x, scale, zero] = [c.x(0), c.x(1), c.optional(2)];
  const to = zero?.dtype ?? "uint8";
  const limits = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535] }[to as string];
  if (limits === undefined) return c.unsupported(`quantization to ${to}`);
  const rounded = x.div(alongAxis(c, scale, x)).round();
  const shifted = zero === null ? rounded : rounded.add(alongAxis(c, zero.cast("int32").cast(x.dtype), x));
  return [
    shifted
      .clip(limits[0] as number, limits[1] as number)
      .cast("int32")
      .cast(to),
  ];
}

function lpNormalization(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axis = normalizeAxis(c.int("axis", -1), x.rank, c.where);
  return [x.div(c.int("p", 2) === 1 ? ops.l1Norm(x, axis, true) : ops.l2Norm(x, axis, true))];
}

function meanVariance(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axes = c.ints("axes") ?? [0, 2, 3];
  const centred = x.sub(x.mean(axes, true));
  return [centred.div(centred.square().mean(axes, true).add(1e-9).sqrt())];
}

function hardmax(x: Tensor, axis: number): Tensor {
  return x.argMax(axis).oneHot(staticDim(x.shape[axis], "Hardmax"), { axis, dtype: x.dtype });
}

function eyeLike(c: Call): readonly Tensor[] {
  const { shape, dtype } = c.operand(0);
  const [rows, columns] = shape.map((d) => staticDim(d, c.where)) as [number, number];
  const k = c.int("k", 0);
  const ones = Array.from({ length: rows * columns }, (_, i) => ((i % columns) - Math.floor(i / columns) === k ? 1 : 0));
  const to = c.attribute("dtype") === undefined ? dtype : dtypeOf(c.int("dtype"), c.where);
  return [constant(fromNumbers(to, [rows, columns], ones))];
}

const activation =
  (f: (x: Tensor, c: Call) => Tensor): Conversion =>
  (c) => [f(c.x(0), c)];

/** Conversions of ONNX's own ops whose entry in the table does not say everything, or that have none. */
export const CONVERSIONS: ReadonlyMap<string, Conversion> = new Map<string, Conversion>([
  ...Object.entries(WINDOWED),
  ...["Add", "Sub", "Mul", "Div", "Equal", "Less", "Greater", "And", "Or", "Xor", "PRelu"].map((name): [string, Conversion] => [
    name,
    binary(name),
  ]),
  ...[...OPS.values()].filter((op) => op.name.startsWith("Reduce")).map((op): [string, Conversion] => [op.name, reduction(op)]),
  ["Max", variadic((a, b) => a.max(b))],
  ["Min", variadic((a, b) => a.min(b))],
  ["Sum", variadic((a, b) => a.add(b))],
  [
    "Mean",
    (c) => [
      c
        .tensors()
        .reduce((a, b) => a.add(b))
        .mul(1 / c.inputs.length),
    ],
  ],
  ["Pow", pow],
  ["Identity", (c) => [c.operand(0)]],
  ["Constant", constantNode],
  ["ConstantOfShape", constantOfShape],
  ["Range", rangeNode],
  ["Shape", (c) => [operandOfKnown(shapeOf(c.operand(0), c.int("start", 0), c.int("end", Number.MAX_SAFE_INTEGER)))]],
  [
    "Size",
    (c) => [
      operandOfKnown({ dtype: "int64", shape: [], values: [sizeOf(c.operand(0).shape.map((d) => staticDim(d, c.where)))] }),
    ],
  ],
  ["Cast", (c) => cast(c.operand(0), castTo(c))],
  ["CastLike", (c) => cast(c.operand(0), c.operand(1).dtype)],
  ["Dropout", dropout],
  ["Reshape", reshape],
  ["Flatten", flatten],
  ["Expand", expand],
  ["Squeeze", squeeze],
  ["Unsqueeze", unsqueeze],
  ["Transpose", (c) => [c.x(0).transpose(c.ints("perm"))]],
  ["Concat", (c) => (c.inputs.length === 1 ? [c.x(0)] : apply("Concat", c.tensors(), { axis: c.int("axis") }))],
  ["Slice", slice],
  ["Split", split],
  ["Pad", pad],
  ["Clip", clip],
  ["Gemm", gemm],
  ["TopK", topK],
  ["OneHot", oneHot],
  ["IsInf", isInf],
  ["Scatter", (c) => apply("ScatterElements", c.tensors(), { axis: c.int("axis", 0), reduction: "none" })],
  ["Softmax", rowwise(ops.softmax)],
  ["LogSoftmax", rowwise(ops.logSoftmax)],
  ["Hardmax", rowwise(hardmax)],
  ["BatchNormalization", batchNorm],
  ["GroupNormalization", groupNorm],
  ["LayerNormalization", layerNorm],
  ["RMSNormalization", layerNorm],
  ["SimplifiedLayerNormalization", layerNorm],
  ["LpNormalization", lpNormalization],
  ["MeanVarianceNormalization", meanVariance],
  ["LSTM", recurrent],
  ["GRU", recurrent],
  ["Resize", resize],
  ["Upsample", resize],
  ["DepthToSpace", depthToSpace],
  ["SpaceToDepth", spaceToDepth],
  ["DequantizeLinear", dequantize],
  ["QuantizeLinear", quantize],
  ["Softsign", activation((x) => x.div(x.abs().add(1)))],
  ["ThresholdedRelu", activation((x, c) => x.greater(c.float("alpha")).where(x, 0))],
  ["Celu", activation((x, c) => x.max(0).add(x.div(c.float("alpha")).exp().sub(1).mul(c.float("alpha")).min(0)))],
  [
    "Shrink",
    activation((x, c) => {
      const [limit, bias] = [c.float("lambd", 0.5), c.float("bias", 0)];
      return x.less(-limit).where(x.add(bias), x.greater(limit).where(x.sub(bias), 0));
    }),
  ],
  [
    "Swish",
    activation((x, c) =>
      c.float("alpha", 1) === 1 ? emitOne(ops.opNamed("Silu"), [x], {}) : x.mul(x.mul(c.float("alpha", 1)).sigmoid()),
    ),
  ],
  [
    "BitwiseNot",
    activation((x) =>
      emitOne(
        ops.opNamed("BitwiseXor"),
        [x, constant(x.dtype.startsWith("u") ? 2 ** (8 * DTYPES[x.dtype].bytes) - 1 : -1, x.dtype)],
        {},
      ),
    ),
  ],
  ["NonZero", (c) => c.unsupported("a count of elements that is known only while the model runs")],
  ["EyeLike", eyeLike],
  [
    "GlobalLpPool",
    (c) => {
      const [x, p] = [c.x(0), c.float("p", 2)];
      const axes = range(2, x.rank);
      return [
        x
          .abs()
          .pow(p)
          .sum(axes, true)
          .pow(1 / p),
      ];
    },
  ],
  [
    "If",
    (c) => {
      const condition = fixedNumbers(c.operand(0))?.[0];
      if (condition === undefined) return c.unsupported("a condition that is known only while the model runs");
      return c.inline(c.graph(condition === 0 ? "else_branch" : "then_branch"));
    },
  ],
]);

/** Conversions of ops of other domains, by `domain::name`. */
export const FOREIGN: ReadonlyMap<string, Conversion> = new Map<string, Conversion>([
  ["com.microsoft::Gelu", activation((x) => ops.gelu(x))],
  ["com.microsoft::BiasGelu", (c) => [ops.gelu(c.x(0).add(c.x(1)))]],
  ["com.microsoft::FastGelu", (c) => [ops.gelu(c.has(1) ? c.x(0).add(c.x(1)) : c.x(0), "tanh")]],
  ["com.microsoft::QuickGelu", activation((x, c) => x.mul(x.mul(c.float("alpha", 1.702)).sigmoid()))],
  [
    "com.microsoft::SkipLayerNormalization",
    (c) => {
      let sum = c.x(0).add(c.x(1));
      if (c.has(4)) sum = sum.add(c.x(4));
      const y = apply("LayerNormalization", [sum, c.x(2), c.optional(3)], {
        axis: -1,
        epsilon: c.float("epsilon", 1e-12),
      })[0] as Tensor;
      return [y, y, y, sum].slice(0, c.node.outputs.length);
    },
  ],
]);

/** Names of the ops of other domains that are put together from the table's. */
export const FOREIGN_OPS: readonly string[] = [...FOREIGN.keys()];

/** Descent's own ops, and those whose meaning depends on the processor. */
const NEVER_READ: ReadonlySet<string> = new Set(["descent", "com.microsoft.nchwc"]);

/** How a node is converted, or undefined if it cannot be. */
export function conversionOf(domain: string, opType: string): Conversion | undefined {
  if (domain !== "") {
    const foreign = FOREIGN.get(`${domain}::${opType}`);
    if (foreign !== undefined) return foreign;
  } else {
    const own = CONVERSIONS.get(opType);
    if (own !== undefined) return own;
  }
  const op = OPS.get(opType);
  return op !== undefined && op.domain === domain && !NEVER_READ.has(domain) ? (c) => byTable(c, op) : undefined;
}

/** Arrays of floats up to this many join the computation of a shape (scales); elsewhere they are weights. */
const FEW = 8;

/** The node's inputs, if all are known. */
function foldable(c: Call): readonly Known[] | undefined {
  const ofShape = c.inputs.some((operand) => operand?.known?.ofShape);
  const known: Known[] = [];
  for (const operand of c.inputs) {
    const few = ofShape && operand !== null && operand.shape.length < 2 && !((operand.shape[0] as number) > FEW);
    const value = operand?.known ?? (few ? operand.fixed?.() : undefined);
    if (value === undefined) return undefined;
    known.push(value);
  }
  return known;
}

/** The values of a node: computed at once where they can be, otherwise as nodes of the graph. */
export function convert(c: Call): readonly Operand[] {
  const { opType, domain } = c.node;
  for (const [name, expected] of Object.entries(FIXED[opType] ?? {})) {
    const given = c.attribute(name);
    if (given !== undefined && expected !== null && given.value !== expected)
      c.unsupported(`${name} ${String(given.value)} (only ${expected})`);
  }
  const known = foldable(c);
  const folded = known === undefined || domain !== "" ? undefined : fold(opType, known, c);
  if (folded !== undefined) return [operandOfKnown(folded)];
  const conversion = conversionOf(domain, opType);
  if (conversion === undefined) return c.unsupported("this op");
  return conversion(c).map((value) => ("tensor" in value ? value : operandOf(value)));
}
