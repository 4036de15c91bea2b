/**
 * @module Files whose constants, shapes or weights are computed by nodes.
 */
import { fromNumbers } from "../../src/graph/index.js";
import type { GraphProto } from "../../src/onnx/messages.js";
import { ints, list, node, proto, scalar, tensorAttribute, w, type OnnxFile } from "../onnx/file.js";

/** A step of two results: s′ = tanh(s + x·w), where w is around the body, and s′ ⊙ v, where v is the body's own. */
const step: GraphProto = {
  name: "step",
  inputs: [
    { name: "s", elementType: 1, shape: ["N", 3] },
    { name: "x", elementType: 1, shape: ["N", 4] },
  ],
  outputs: ["next", "seen"].map((name) => ({ name, elementType: 1, shape: ["N", 3] })),
  initializers: [proto("v", list(0.5, -1, 2))],
  nodes: [
    node("MatMul", ["x", "w"], ["p"]),
    node("Add", ["s", "p"], ["sum"]),
    node("Tanh", ["sum"], ["next"]),
    node("Mul", ["next", "v"], ["seen"]),
  ],
};

export const COMPUTED_GRAPHS: Readonly<Record<string, OnnxFile>> = {
  CastLike: {
    opset: 15,
    inputs: [[6]],
    constants: { like: scalar(1, "float64") },
    outputs: ["y_float64"],
    nodes: [node("CastLike", ["x0", "like"], ["y_float64"])],
  },
  "QuantizeLinear and back": {
    opset: 13,
    inputs: [[2, 6]],
    constants: { s: scalar(0.05), z: scalar(3, "uint8") },
    nodes: [node("QuantizeLinear", ["x0", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])],
  },
  "DequantizeLinear by channel": {
    opset: 13,
    inputs: [[3, 2]],
    constants: { q: fromNumbers("int8", [3, 2], [1, -2, 3, 4, -5, 6]), s: list(0.1, 0.3) },
    nodes: [node("DequantizeLinear", ["q", "s"], ["w"]), node("Mul", ["x0", "w"], ["y"])],
  },
  EyeLike: {
    opset: 13,
    inputs: [[2, 3]],
    nodes: [node("EyeLike", ["x0"], ["e"], { k: 1 }), node("Add", ["x0", "e"], ["y"])],
  },
  "Constants of every kind": {
    opset: 13,
    inputs: [[3]],
    nodes: [
      node("Constant", [], ["a"], { value_float: { float: 2 } }),
      node("Constant", [], ["b"], { value_floats: { floats: [1, 2, 3] } }),
      node("Constant", [], ["i"], { value_int: 4 }),
      node("Cast", ["i"], ["f"], { to: 1 }),
      node("Constant", [], ["t"], { value: tensorAttribute(list(0.5, 1, 2)) }),
      node("Sum", ["x0", "a", "b", "f", "t"], ["y"]),
    ],
  },
  "Fused ops of the engine": {
    opset: 17,
    inputs: [
      [2, 3],
      [2, 4],
    ],
    nodes: [
      node("FusedMatMul", ["x0", "x1"], ["p"], { transA: 1, alpha: 0.5 }, "com.microsoft"),
      node("Gelu", ["p"], ["g"], {}, "com.microsoft"),
      node("QuickGelu", ["g"], ["y"], {}, "com.microsoft"),
    ],
  },
  "a shape that is computed": {
    opset: 13,
    inputs: [["N", 3, 4]],
    sizes: { N: 2 },
    constants: { zero: scalar(0, "int64"), end: ints(-1), axis: ints(0) },
    nodes: [
      node("Shape", ["x0"], ["s"]),
      node("Gather", ["s", "zero"], ["n"]),
      node("Unsqueeze", ["n", "axis"], ["n1"]),
      node("Concat", ["n1", "end"], ["target"], { axis: 0 }),
      node("Reshape", ["x0", "target"], ["y"]),
    ],
  },
  "an Expand as PyTorch writes it": {
    opset: 17,
    inputs: [["N", 1, 4]],
    sizes: { N: 3 },
    constants: { minus: ints(-1, 5, -1), threes: ints(3), factor: ints(-1, -1, -1) },
    nodes: [
      node("ConstantOfShape", ["threes"], ["filled"], { value: tensorAttribute(ints(1)) }),
      node("Equal", ["minus", "factor"], ["free"]),
      node("Where", ["free", "filled", "minus"], ["target"]),
      node("Expand", ["x0", "target"], ["y"]),
    ],
  },
  "half the width, by floats": {
    opset: 13,
    inputs: [[1, 1, 4, 6]],
    constants: { two: ints(2), four: ints(4), axis: ints(0), half: list(0.5, 0.5) },
    nodes: [
      node("Shape", ["x0"], ["s"]),
      node("Slice", ["s", "two", "four", "axis"], ["hw"]),
      node("Cast", ["hw"], ["f"], { to: 1 }),
      node("Mul", ["f", "half"], ["g"]),
      node("Floor", ["g"], ["h"]),
      node("Cast", ["h"], ["i"], { to: 7 }),
      node("Slice", ["s", "axis", "two", "axis"], ["nc"]),
      node("Concat", ["nc", "i"], ["sizes"], { axis: 0 }),
      node("Resize", ["x0", "", "", "sizes"], ["y"]),
    ],
  },
  "positions up to a free length": {
    opset: 13,
    inputs: [{ shape: ["N", "T"], dtype: "int64" }],
    sizes: { N: 2, T: 5 },
    constants: { one: scalar(1, "int64"), zero: scalar(0, "int64"), table: w([9, 3]) },
    nodes: [
      node("Shape", ["x0"], ["s"]),
      node("Gather", ["s", "one"], ["t"]),
      node("Range", ["zero", "t", "one"], ["places"]),
      node("Gather", ["table", "places"], ["p"]),
      node("Gather", ["table", "x0"], ["e"]),
      node("Add", ["e", "p"], ["y"]),
    ],
  },
  "a length as a number": {
    opset: 13,
    inputs: [["N", 3]],
    sizes: { N: 4 },
    constants: { zero: scalar(0, "int64"), axes: ints(0) },
    nodes: [
      node("Shape", ["x0"], ["s"]),
      node("Gather", ["s", "zero"], ["n"]),
      node("Cast", ["n"], ["f"], { to: 1 }),
      node("ReduceSum", ["x0", "axes"], ["sum"]),
      node("Div", ["sum", "f"], ["y"]),
    ],
  },
  "a Scan from the end on, over axis 1": {
    opset: 11,
    inputs: [
      ["N", 3],
      ["N", "T", 4],
    ],
    sizes: { N: 2, T: 5 },
    constants: { w: w([4, 3]) },
    outputs: ["last", "y"],
    nodes: [
      node("Scan", ["x0", "x1"], ["last", "y"], {
        body: { name: "", type: "graph", value: step },
        num_scan_inputs: 1,
        scan_input_axes: [-2],
        scan_input_directions: [1],
        scan_output_axes: [1],
      }),
    ],
  },
  "all but the last, of a free length": {
    opset: 13,
    inputs: [[2, "T"]],
    sizes: { T: 5 },
    constants: { zero: ints(0), minus: ints(-1), axis: ints(1) },
    nodes: [node("Slice", ["x0", "zero", "minus", "axis"], ["y"])],
  },
};
