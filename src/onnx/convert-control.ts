/**
 * @module Nodes with graphs in them: branches and bodies.
 */
import type { Body, Tensor } from "../graph/index.js";
import { formatShape, sameShape } from "../graph/index.js";
import { stack } from "../ops/index.js";
import type { Call, Operand } from "./call.js";
import { fixedNumbers, operandOf, operandOfKnown } from "./call.js";
import { type Conversion, apply } from "./conversion.js";
import { namesTaken } from "./sort.js";

/** Converts the branch that is taken; where that is known only at run time, both are computed and one result is selected. */
const ifNode: Conversion = (c) => {
  const condition = fixedNumbers(c.operand(0))?.[0];
  const [then, otherwise] = [c.graph("then_branch"), c.graph("else_branch")];
  if (condition !== undefined) return c.inline(condition === 0 ? otherwise : then);
  const given = c.x(0);
  const isTaken = given.rank === 0 ? given : given.reshape([]);
  const [a, b] = [c.inline(then), c.inline(otherwise)];
  return a.map((value, i) => {
    const [one, other] = [value.tensor(), (b[i] as Operand).tensor()];
    if (one.dtype !== other.dtype || !sameShape(one.shape, other.shape))
      return c.unsupported(
        `a condition that is known only while the model runs, with results ${formatShape(one.shape)} and ${formatShape(other.shape)} of its branches,`,
      );
    return isTaken.where(one, other);
  });
};

/** The most steps that a loop is unrolled for. */
const MOST_STEPS = 1024;

/** Unrolls a loop whose number of steps is known. Returns its carried values, then its stacked outputs. */
function loop(c: Call): ReturnType<Conversion> {
  const body = c.graph("body");
  const most = c.has(0) ? fixedNumbers(c.operand(0))?.[0] : Infinity;
  if (most === undefined) return c.unsupported("a number of steps that is known only while the model runs");
  let goesOn = c.has(1) ? fixedNumbers(c.operand(1))?.[0] : 1;
  const [count, , ...names] = body.inputs.map(({ name }) => name) as [string, string, ...string[]];
  let carried: readonly Operand[] = c.inputs.slice(2).map((_, i) => c.operand(i + 2));
  const visible = c.visible(body);
  const outputs = body.outputs.slice(1 + carried.length).map((): Tensor[] => []);
  for (let step = 0; step < most; step++) {
    if (goesOn === undefined) return c.unsupported("a loop that ends by what is known only while the model runs");
    if (goesOn === 0) break;
    if (step >= MOST_STEPS) return c.unsupported(`a loop of more than ${MOST_STEPS} steps`);
    const values = new Map(visible);
    values.set(count, operandOfKnown({ dtype: "int64", shape: [], values: [step] }));
    values.set(body.inputs[1]?.name ?? "", operandOfKnown({ dtype: "bool", shape: [], values: [1] }));
    names.forEach((name, i) => values.set(name, carried[i] as Operand));
    const [next, ...results] = c.inline(body, values);
    goesOn = fixedNumbers(next)?.[0];
    carried = results.slice(0, carried.length);
    results.slice(carried.length).forEach((result, i) => outputs[i]?.push(result.tensor()));
  }
  if (outputs.some((list) => list.length === 0)) return c.unsupported("a loop of no steps that puts something out");
  return [...carried, ...outputs.map((list) => stack(list, 0))];
}

/** Values that the body takes from around it become states that every step hands on, except constants that shapes are computed from. */
function scan(c: Call): ReturnType<Conversion> {
  if (c.opset < 9) return c.unsupported("its form of opset 8, with a batch axis");
  const body = c.graph("body");
  const inputs = c.tensors();
  const num_scan_inputs = c.int("num_scan_inputs");
  const states = inputs.length - num_scan_inputs;
  const formal = body.inputs.map(({ name }) => name);
  const own = new Set([...formal, ...body.nodes.flatMap(({ outputs }) => outputs)]);
  const visible = c.visible(body);
  const captured = [...new Set(namesTaken(body))].flatMap((name) => {
    const operand = own.has(name) ? undefined : visible.get(name);
    return operand === undefined || operand.known !== undefined ? [] : [{ name, tensor: operand.tensor() }];
  });
  const behind = states + captured.length;
  const names = [...formal.slice(0, states), ...captured.map(({ name }) => name), ...formal.slice(states)];
  const step: Body = (given) => {
    const results = c.inline(
      body,
      new Map([...visible, ...names.map((name, i) => [name, operandOf(given[i] as Tensor)] as const)]),
    );
    const tensors = results.map((result) => result.tensor());
    return [...tensors.slice(0, states), ...given.slice(states, behind), ...tensors.slice(states)];
  };
  const outputs = body.outputs.length - states;
  const list = (name: string, count: number): readonly number[] => c.ints(name) ?? new Array<number>(count).fill(0);
  const outputAxes = list("scan_output_axes", outputs);
  if (outputAxes.some((axis) => axis < 0)) return c.unsupported("scan_output_axes counted from the end");
  const made = apply("Scan", [...inputs.slice(0, states), ...captured.map(({ tensor }) => tensor), ...inputs.slice(states)], {
    body: step,
    num_scan_inputs,
    scan_input_axes: list("scan_input_axes", num_scan_inputs).map((axis, i) =>
      axis < 0 ? axis + (inputs[states + i]?.rank ?? 0) : axis,
    ),
    scan_input_directions: list("scan_input_directions", num_scan_inputs),
    scan_output_axes: outputAxes,
    scan_output_directions: list("scan_output_directions", outputs),
  });
  return [...made.slice(0, states), ...made.slice(behind)];
}

export const CONTROL: readonly (readonly [string, Conversion])[] = [
  ["If", ifNode],
  ["Loop", loop],
  ["Scan", scan],
];
