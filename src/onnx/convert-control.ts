/**
 * @module Nodes with graphs in them: branches and bodies.
 */
import type { Body, Tensor } from "../graph/index.js";
import type { Call } from "./call.js";
import { fixedNumbers, operandOf } from "./call.js";
import { type Conversion, apply } from "./conversion.js";
import { namesTaken } from "./sort.js";

const ifNode: Conversion = (c) => {
  const condition = fixedNumbers(c.operand(0))?.[0];
  if (condition === undefined) return c.unsupported("a condition that is known only while the model runs");
  const [then, otherwise] = [c.graph("then_branch"), c.graph("else_branch")];
  return c.inline(condition === 0 ? otherwise : then);
};

/** What a body takes from around it becomes a state that every step hands on; numbers that shapes are computed from stay what they are. */
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
  ["Scan", scan],
];
