/**
 * @module Defaults of the ONNX specification: values of attributes that a node leaves out, and how many inputs an op has.
 * Source: onnx/docs/Operators.md and Changelog.md, opsets 1 to 24.
 */
import type { AttributeValue } from "../graph/index.js";

type Values = Readonly<Record<string, AttributeValue>>;

const REDUCTION: Values = { keepdims: true };
const ARG: Values = { axis: 0, keepdims: true, select_last_index: false };

/** Values of attributes that are left out, as the table of ops writes them. */
export const DEFAULTS: Readonly<Record<string, Values>> = {
  ArgMax: ARG,
  ArgMin: ARG,
  AveragePool: { ceil_mode: false, count_include_pad: false },
  BatchNormalization: { epsilon: 1e-5, momentum: 0.9 },
  Celu: { alpha: 1 },
  Concat: { axis: 1 }, // opset 4 and later must say it
  Conv: { group: 1 },
  ConvTranspose: { group: 1 },
  CumSum: { exclusive: false, reverse: false },
  Elu: { alpha: 1 },
  FusedMatMul: { alpha: 1, transA: false, transB: false },
  Gather: { axis: 0 },
  GatherElements: { axis: 0 },
  GatherND: { batch_dims: 0 },
  Gelu: { approximate: "none" },
  Gemm: { alpha: 1, beta: 1, transA: false, transB: false },
  GroupNormalization: { epsilon: 1e-5 },
  GroupQueryAttention: { scale: 0 },
  GRU: { direction: "forward", linear_before_reset: false },
  HardSigmoid: { alpha: 0.2, beta: 0.5 },
  InstanceNormalization: { epsilon: 1e-5 },
  LayerNormalization: { axis: -1, epsilon: 1e-5 },
  LeakyRelu: { alpha: 0.01 },
  LRN: { alpha: 1e-4, beta: 0.75, bias: 1 },
  LSTM: { direction: "forward" },
  MaxPool: { ceil_mode: false },
  Mod: { fmod: false },
  NonMaxSuppression: {
    center_point_box: 0,
    max_output_boxes_per_class: [0],
    iou_threshold: [0],
    score_threshold: [-3.4e38],
  },
  OneHot: { axis: -1 },
  Pad: { mode: "constant" },
  ReduceL1: REDUCTION,
  ReduceL2: REDUCTION,
  ReduceLogSum: REDUCTION,
  ReduceLogSumExp: REDUCTION,
  ReduceMax: REDUCTION,
  ReduceMean: REDUCTION,
  ReduceMin: REDUCTION,
  ReduceProd: REDUCTION,
  ReduceSum: REDUCTION,
  ReduceSumSquare: REDUCTION,
  Resize: {
    mode: "nearest",
    coordinate_transformation_mode: "half_pixel",
    nearest_mode: "round_prefer_floor",
    cubic_coeff_a: -0.75,
  },
  RNN: { direction: "forward" },
  RMSNormalization: { axis: -1, epsilon: 1e-5 },
  ScatterElements: { axis: 0, reduction: "none" },
  ScatterND: { reduction: "none" },
  Selu: { alpha: 1.6732631921768188, gamma: 1.0507010221481323 },
  Split: { axis: 0 },
  ThresholdedRelu: { alpha: 1 },
  TopK: { axis: -1, largest: true, sorted: true },
  Trilu: { upper: true, k: 0 },
};

/** Number of inputs that the table's entry takes, for ops whose last inputs may be left out. */
export const INPUT_COUNT: Readonly<Record<string, number>> = {
  Clip: 3,
  Conv: 3,
  ConvTranspose: 3,
  Gemm: 3,
  LayerNormalization: 3,
  Pad: 2,
};

/**
 * Attributes that the table has none for, with the one value (as the file writes it) that means what the table does; null
 * where every value does, or where the conversion asks for it only when it matters. All others must be asked for, or the node is refused.
 */
export const FIXED: Readonly<Record<string, Readonly<Record<string, string | number | null>>>> = {
  BatchNormalization: { spatial: 1, is_test: null, training_mode: null, momentum: null },
  Cast: { saturate: null, round_mode: null },
  CastLike: { saturate: null, round_mode: null },
  Dropout: { seed: null, is_test: null, ratio: null },
  GroupNormalization: { stash_type: null },
  GroupQueryAttention: { do_rotary: 0, rotary_interleaved: null, local_window_size: -1, softcap: 0, smooth_softmax: 0 },
  GRU: { clip: 0, output_sequence: null },
  LayerNormalization: { stash_type: null },
  LSTM: { clip: 0, input_forget: 0, output_sequence: null },
  RNN: { clip: 0, output_sequence: null },
  Resize: {
    extrapolation_value: null,
    mode: null,
    nearest_mode: null,
    cubic_coeff_a: null,
    coordinate_transformation_mode: null,
  },
};
