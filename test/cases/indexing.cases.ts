/**
 * @module Rows of the ops that pick and place by index, of the softmax family, and of the random ops.
 */
import type { Attributes, Tensor } from "../../src/graph/index.js";
import { emit, nonZero, opNamed, scatterND, zeros } from "../../src/ops/index.js";
import type { OpCase, Operand } from "./case.js";
import { choice, distinct, exactly, float, integers, normal, ties, typed, uniform } from "./case.js";

const index = (shape: readonly number[], low: number, high: number, dtype: "int32" | "int64" = "int64"): Operand =>
  typed(dtype, shape, integers(low, high));
const positions = (shape: readonly number[], values: readonly number[]): Operand => typed("int64", shape, exactly(values));

const gather = (shape: readonly number[], indices: Operand, axis: number): OpCase => ({
  op: "Gather",
  variant: `axis ${axis}`,
  operands: [float(shape), indices],
  attributes: { axis },
});

const REDUCTIONS = ["none", "add"] as const;

const alongAxis = (op: string): OpCase[] => [
  { op, operands: [float([5])], attributes: { axis: 0 } },
  { op, operands: [float([2, 3])], attributes: { axis: -1 } },
  { op, operands: [float([3, 4, 2])], attributes: { axis: 1 } },
  { op, operands: [float([2, 1, 3, 2])], attributes: { axis: 0 } },
  { op, variant: "far apart", operands: [float([2, 3], exactly([-80, 0, 80, 1000, 1001, 999]))], attributes: { axis: -1 } },
];

/** Boxes of which many overlap, as two opposite corners in any order. */
const suppression = (variant: string, shape: readonly [number, number, number], o: Attributes = {}): OpCase => ({
  op: "NonMaxSuppression",
  variant,
  operands: [float([shape[0], shape[2], 4], uniform(0, 4)), float(shape, uniform(0, 1))],
  // How many boxes are kept is no shape that a rule could give: the row is about which ones.
  build: ([boxes, scores]) => {
    const attributes = {
      center_point_box: 0,
      max_output_boxes_per_class: [20],
      iou_threshold: [0.3],
      score_threshold: [0.2],
      ...o,
    };
    const rows = emit(opNamed("NonMaxSuppression"), [boxes as Tensor, scores as Tensor], attributes)[0] as Tensor;
    const ones = rows.slice(1, 0, 1).squeeze(1).mul(0).add(1);
    return [scatterND(zeros(shape, "int64"), rows, ones)];
  },
  noVmap: "how many boxes are kept differs from example to example",
});

/** Elements that are not zero, counted at their places: how many there are is no shape that a rule could give. */
const nonzero = (shape: readonly number[], dtype: "float" | "int64" | "bool"): OpCase => ({
  op: "NonZero",
  variant: dtype,
  operands: [dtype === "float" ? float(shape, ties) : typed(dtype, shape, integers(0, dtype === "bool" ? 1 : 2))],
  build: ([x]) => {
    const rows = nonZero(x as Tensor).transpose();
    return [scatterND(zeros(shape, "int64"), rows, rows.slice(1, 0, 1).squeeze(1).mul(0).add(1))];
  },
  noVmap: "how many elements are found differs from example to example",
});

export const indexingCases: readonly OpCase[] = [
  gather([5, 3], index([4], -5, 4), 0), // with repeats and from the end
  gather([5, 3], index([2, 3], 0, 1), 0),
  gather([2, 4, 3], index([5], 0, 3, "int32"), 1),
  gather([2, 4], index([2, 2], -4, 3), -1),
  gather([4], index([], 0, 3), 0),
  gather([3, 2, 2], index([], -3, 2), 0),
  gather([300, 2], index([40], 0, 4), 0), // long table: a scatter instead of a one-hot product
  { op: "EmbeddingGradient", operands: [float([6, 2]), index([6], 0, 3)], attributes: { depth: 4 } },
  { op: "EmbeddingGradient", operands: [float([2, 3]), index([2, 3], 0, 2, "int32")], attributes: { depth: 3 } },
  { op: "EmbeddingGradient", variant: "long", operands: [float([50, 3]), index([50], 0, 5)], attributes: { depth: 600 } },
  { op: "GatherElements", operands: [float([3, 4]), index([2, 4], -3, 2)], attributes: { axis: 0 } },
  { op: "GatherElements", operands: [float([3, 4]), index([3, 6], 0, 3, "int32")], attributes: { axis: -1 } },
  { op: "GatherElements", operands: [float([2, 3, 2]), index([2, 5, 2], 0, 2)], attributes: { axis: 1 } },
  {
    op: "ScatterElements",
    operands: [float([3, 4]), positions([2, 4], [0, 1, 2, 0, 1, 2, 0, -1]), float([2, 4])],
    attributes: { axis: 0, reduction: "none" },
  },
  {
    op: "ScatterElements",
    variant: "fewer places",
    operands: [float([3, 4]), positions([2, 2], [3, 1, 0, 2]), float([2, 2])],
    attributes: { axis: 1, reduction: "none" },
  },
  ...[0, 1].map((axis) => ({
    op: "ScatterElements",
    variant: `add along ${axis}, repeated`,
    operands: [
      float([3, 3]),
      index(
        [6, 3].map((d, i) => (i === axis ? 6 : d === 6 ? 3 : d)),
        -3,
        2,
      ),
      float([6, 3].map((d, i) => (i === axis ? 6 : d === 6 ? 3 : d))),
    ],
    attributes: { axis, reduction: "add" },
  })),
  {
    op: "ScatterElements",
    variant: "add, many repeats",
    operands: [float([7, 2]), index([500, 2], 0, 6), float([500, 2])],
    attributes: { axis: 0, reduction: "add" },
  },
  ...["mul", "max", "min"].map((reduction) => ({
    op: "ScatterElements",
    variant: reduction,
    operands: [float([3, 4]), index([3, 4], 0, 2), float([3, 4])],
    attributes: { axis: 0, reduction },
  })),
  {
    op: "ScatterElements",
    variant: "mul, with one zero and with two",
    operands: [float([3]), positions([6], [0, 0, 1, 1, 2, -1]), float([6], exactly([0, 2, 0, 0, -1.5, 0.5]))],
    attributes: { axis: 0, reduction: "mul" },
    noSecondGradientCheck: "beside a zero the rule is that of the first derivative",
  },
  { op: "GatherND", operands: [float([3, 4, 2]), index([5, 2], 0, 2)], attributes: { batch_dims: 0 } },
  { op: "GatherND", operands: [float([3, 4]), positions([2, 2, 2], [0, 1, -1, 3, 2, -2, 0, 1])], attributes: { batch_dims: 0 } },
  { op: "GatherND", operands: [float([2, 3, 2]), index([2, 4, 1], 0, 2)], attributes: { batch_dims: 1 } },
  ...REDUCTIONS.flatMap((reduction): OpCase[] => [
    {
      op: "ScatterND",
      variant: reduction,
      operands: [float([3, 4]), positions([3, 2], [0, 1, 2, 3, 1, -4]), float([3])],
      attributes: { reduction },
    },
    {
      op: "ScatterND",
      variant: `${reduction}, rows`,
      operands: [float([4, 3]), positions([2, 1], [3, 1]), float([2, 3])],
      attributes: { reduction },
    },
  ]),
  {
    op: "ScatterND",
    variant: "add, repeated",
    operands: [float([3, 2]), index([6, 2], 0, 1), float([6])],
    attributes: { reduction: "add" },
  },
  {
    op: "ScatterND",
    variant: "add, many repeats",
    operands: [float([7, 2]), index([500, 1], 0, 6), float([500, 2])],
    attributes: { reduction: "add" },
  },
  ...["mul", "max", "min"].map((reduction) => ({
    op: "ScatterND",
    variant: reduction,
    operands: [float([3, 2]), index([5, 1], 0, 2), float([5, 2])],
    attributes: { reduction },
  })),

  nonzero([3, 3], "float"),
  nonzero([2, 3], "int64"),
  nonzero([2, 2, 3], "bool"),
  { op: "OneHot", operands: [index([4], 0, 2), float([2])], attributes: { axis: -1, depth: 3 } },
  { op: "OneHot", operands: [index([2, 3], -4, 3, "int32"), float([2])], attributes: { axis: 1, depth: 4 } },
  {
    op: "OneHot",
    variant: "out of range",
    operands: [positions([4], [5, 0, -1, -7]), float([2])],
    attributes: { axis: 0, depth: 3 },
  },
  { op: "OneHot", operands: [index([3], 0, 2), typed("int64", [2], exactly([0, 1]))], attributes: { axis: -1, depth: 3 } },
  { op: "OneHot", operands: [index([3], 0, 2), typed("bool", [2], exactly([0, 1]))], attributes: { axis: -1, depth: 3 } },
  ...["ArgMax", "ArgMin"].flatMap((op): OpCase[] => [
    { op, operands: [float([5])], attributes: { axis: 0, keepdims: false, select_last_index: false } },
    { op, operands: [float([3, 4, 2])], attributes: { axis: 1, keepdims: true, select_last_index: false } },
    ...[false, true].map((select_last_index) => ({
      op,
      variant: `ties, ${select_last_index ? "last" : "first"}`,
      operands: [float([4, 8], ties)],
      attributes: { axis: -1, keepdims: false, select_last_index },
    })),
    {
      op,
      operands: [typed("int32", [3, 5], integers(0, 3))],
      attributes: { axis: 0, keepdims: false, select_last_index: false },
    },
  ]),
  ...[true, false].flatMap((largest): OpCase[] => [
    { op: "TopK", operands: [float([6], distinct)], attributes: { axis: 0, k: [3], largest, sorted: true } },
    { op: "TopK", operands: [float([2, 5, 2], distinct)], attributes: { axis: 1, k: [2], largest, sorted: true } },
    {
      op: "TopK",
      variant: "ties",
      operands: [float([4, 8], ties)],
      attributes: { axis: -1, k: [5], largest, sorted: true },
      noGradientCheck: "kink at a tie",
    },
  ]),
  ...[false, true].flatMap((exclusive) =>
    [false, true].map((reverse) => ({
      op: "CumSum",
      variant: `${exclusive ? "exclusive " : ""}${reverse ? "reverse" : ""}`,
      operands: [float([3, 4])],
      attributes: { axis: 1, exclusive, reverse },
    })),
  ),
  { op: "CumSum", operands: [typed("int64", [5], integers(-5, 5))], attributes: { axis: 0, exclusive: false, reverse: false } },
  suppression("two images, three classes", [2, 3, 16]),
  suppression("at most two", [1, 2, 24], { max_output_boxes_per_class: [2] }),
  suppression("middle and size", [1, 1, 20], { center_point_box: 1 }),
  suppression("all overlaps allowed", [1, 2, 8], { iou_threshold: [1] }),
  suppression("nothing kept", [1, 1, 6], { score_threshold: [2] }),
  { op: "Range", operands: [], attributes: { start: 0, limit: [5] } },
  { op: "Range", variant: "from 3", operands: [], attributes: { start: 3, limit: [7] } },

  ...alongAxis("Softmax"),
  ...alongAxis("LogSoftmax"),
  { op: "SoftmaxCrossEntropy", operands: [float([4, 3]), index([4], 0, 2)] },
  { op: "SoftmaxCrossEntropy", operands: [float([2, 3, 4]), index([2, 3], 0, 3, "int32")] },
  {
    op: "SoftmaxCrossEntropy",
    variant: "far apart",
    operands: [float([2, 3], exactly([-80, 0, 80, 1000, 1001, 999])), index([2], 0, 2)],
  },
  { op: "SoftmaxCrossEntropyGradient", operands: [float([4]), float([4, 3]), index([4], 0, 2)] },
  { op: "SoftmaxCrossEntropyGradient", operands: [float([2, 3]), float([2, 3, 4]), index([2, 3], 0, 3, "int32")] },

  ...[[], [7], [3, 5], [2, 1, 4]].map((shape, i) => ({
    op: "RandomBits",
    operands: [typed("uint32", [], exactly([12345 + i])), typed("uint32", [], exactly([i * 1000]))],
    attributes: { shape, key: 77 + i },
  })),
  { op: "RandomUniform", mode: "train", operands: [], attributes: { shape: [4, 6], low: -1, high: 3 } },
  { op: "RandomNormal", mode: "train", operands: [], attributes: { shape: [4, 6], mean: 1, scale: 0.5 } },
  ...(["train", "eval"] as const).flatMap((mode): OpCase[] => [
    { op: "DropoutMask", mode, variant: mode, operands: [], attributes: { shape: [5, 8], p: 0.25, dtype: "float32" } },
    {
      op: "Dropout",
      mode,
      variant: mode,
      operands: [float([2, 3], normal), { ...float([2, 3], choice([0, 2])), fixed: "the mask is random" }],
    },
    { op: "Assign", mode, variant: mode, operands: [float([2, 3]), float([4]), float([4])] },
  ]),
];
