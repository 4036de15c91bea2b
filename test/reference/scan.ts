/**
 * @module Reference kernel: Scan, one step after another.
 */
import type { Tensor } from "../../src/graph/index.js";
import type { ScanAttributes } from "../../src/ops/index.js";
import { traceBody } from "../../src/ops/index.js";
import type { Kernel, RefValue } from "./value.js";
import { at, buildAt } from "./value.js";

/** The values of a body's outputs, given those of its inputs. */
type Evaluate = (outputs: readonly Tensor[], feeds: ReadonlyMap<Tensor, RefValue>) => readonly RefValue[];

const withoutAxis = (index: readonly number[], axis: number): number[] => index.filter((_, i) => i !== axis);
const withAxis = (index: readonly number[], axis: number, place: number): number[] => [
  ...index.slice(0, axis),
  place,
  ...index.slice(axis),
];

/** The kernel, given what evaluates its body. */
export const scanKernel =
  (evaluate: Evaluate): Kernel =>
  (call) => {
    const attributes = call.attributes as ScanAttributes;
    const { num_scan_inputs: scanned, scan_input_axes: axes, scan_input_directions: directions } = attributes;
    const given = call.inputs.map((_, i) => call.x(i));
    const count = given.length - scanned;
    const body = traceBody(given, attributes);
    const steps = (given[count] as RefValue).shape[axes[0] as number] as number;
    let states = given.slice(0, count);
    const rows = attributes.scan_output_axes.map((): RefValue[] => []);
    for (let k = 0; k < steps; k++) {
      const slices = given.slice(count).map((x, i) => {
        const axis = axes[i] as number;
        const place = directions[i] === 1 ? steps - 1 - k : k;
        return buildAt(x.dtype, withoutAxis(x.shape, axis), (index) => at(x, withAxis(index, axis, place)));
      });
      const feeds = new Map([...states, ...slices].map((value, i): [Tensor, RefValue] => [body.inputs[i] as Tensor, value]));
      const results = evaluate(body.outputs, feeds);
      states = results.slice(0, count);
      results.slice(count).forEach((value, i) => {
        if (attributes.scan_output_directions[i] === 1) rows[i]?.unshift(value);
        else rows[i]?.push(value);
      });
    }
    const outputs = rows.map((values, i) => {
      const axis = attributes.scan_output_axes[i] as number;
      const [first] = values as [RefValue];
      return buildAt(first.dtype, withAxis(first.shape, axis, steps), (index) =>
        at(values[index[axis] as number] as RefValue, withoutAxis(index, axis)),
      );
    });
    return [...states, ...outputs];
  };
