/**
 * @module Reference kernels: products of matrices, and sums of products in Einstein's notation.
 */
import type { Kernel, RefValue } from "./value.js";
import { at, atBroadcast, broadcastShape, build, buildAt, forEachIndex } from "./value.js";
import { sizeOf } from "../../src/graph/index.js";

const reshaped = (x: RefValue, shape: readonly number[]): RefValue => ({ ...x, shape });

/** The last two axes exchanged. */
function transposed(x: RefValue): RefValue {
  const rank = x.shape.length;
  const swap = (list: readonly number[]): number[] => [
    ...list.slice(0, rank - 2),
    list[rank - 1] as number,
    list[rank - 2] as number,
  ];
  return buildAt(x.dtype, swap(x.shape), (index) => at(x, swap(index)));
}

/** NumPy's matmul: vectors count as a row on the left, a column on the right; leading axes broadcast. */
export function matMul(a: RefValue, b: RefValue): RefValue {
  const left = a.shape.length === 1 ? reshaped(a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? reshaped(b, [...b.shape, 1]) : b;
  const [m, k] = left.shape.slice(-2) as [number, number];
  const n = right.shape.at(-1) as number;
  const batch = broadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const data = new Float64Array(sizeOf(batch) * m * n);
  const matrices = (x: RefValue, size: number): RefValue => {
    const shape = x.shape.slice(0, -2);
    return build("int64", shape, (i) => i * size);
  };
  const [startsA, startsB] = [matrices(left, m * k), matrices(right, k * n)];
  let place = 0;
  forEachIndex(batch, (index) => {
    const [startA, startB] = [atBroadcast(startsA, index), atBroadcast(startsB, index)];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) sum += (left.data[startA + i * k + p] as number) * (right.data[startB + p * n + j] as number);
        data[place++] = sum;
      }
    }
  });
  const rows = a.shape.length === 1 ? [] : [m];
  const columns = b.shape.length === 1 ? [] : [n];
  return build(a.dtype, [...batch, ...rows, ...columns], (i) => data[i] as number);
}

/** Sum over all assignments of the labels that the output lacks, of the product of the operands. */
function einsum(equation: string, operands: readonly RefValue[]): RefValue {
  const [left, right] = equation.replaceAll(" ", "").split("->") as [string, string | undefined];
  const terms = left.split(",");
  // An ellipsis becomes as many labels of its own as the operand has axes to spare, aligned at the right.
  const spare = terms.map((term, i) => (operands[i] as RefValue).shape.length - term.replace("...", "").length);
  const most = Math.max(0, ...terms.map((term, i) => (term.includes("...") ? (spare[i] as number) : 0)));
  const digits = Array.from({ length: most }, (_, i) => String(i));
  const labelsOf = terms.map((term, i) =>
    term.replace("...", term.includes("...") ? digits.slice(most - (spare[i] as number)).join("") : "").split(""),
  );
  const once = left
    .replace(/[.,]/g, "")
    .split("")
    .filter((c, _, all) => all.filter((d) => d === c).length === 1)
    .sort();
  const result = right === undefined ? [...digits, ...once] : right.replace("...", digits.join("")).split("");

  const lengths = new Map<string, number>();
  labelsOf.forEach((labels, i) =>
    labels.forEach((label, axis) => {
      const length = (operands[i] as RefValue).shape[axis] as number;
      const known = lengths.get(label) ?? 1;
      lengths.set(label, known === 1 ? length : known);
    }),
  );
  const summed = [...lengths.keys()].filter((label) => !result.includes(label));
  const order = [...result, ...summed];
  const axesOf = labelsOf.map((labels) => labels.map((label) => order.indexOf(label)));
  const sumShape = summed.map((label) => lengths.get(label) as number);
  const first = operands[0] as RefValue;
  return buildAt(
    first.dtype,
    result.map((label) => lengths.get(label) as number),
    (outer) => {
      let sum = 0;
      forEachIndex(sumShape, (inner) => {
        const place = [...outer, ...inner];
        let product = 1;
        operands.forEach((x, i) => {
          const index = (axesOf[i] as number[]).map((axis, k) => (x.shape[k] === 1 ? 0 : (place[axis] as number)));
          product *= at(x, index);
        });
        sum += product;
      });
      return sum;
    },
  );
}

export const linalg: Readonly<Record<string, Kernel>> = {
  MatMul: (call) => [matMul(call.x(0), call.x(1))],
  Gemm: (call) => {
    const a = call.flag("transA") ? transposed(call.x(0)) : call.x(0);
    const b = call.flag("transB") ? transposed(call.x(1)) : call.x(1);
    const c = call.optional(2);
    const [alpha, beta] = [call.number("alpha", 1), call.number("beta", 1)];
    const y = matMul(a, b);
    return [buildAt(y.dtype, y.shape, (index) => alpha * at(y, index) + (c === null ? 0 : beta * atBroadcast(c, index)))];
  },
  FusedMatMul: (call) => {
    const a = call.flag("transA") ? transposed(call.x(0)) : call.x(0);
    const b = call.flag("transB") ? transposed(call.x(1)) : call.x(1);
    const alpha = call.number("alpha", 1);
    const y = matMul(a, b);
    return [build(y.dtype, y.shape, (i) => alpha * (y.data[i] as number))];
  },
  Einsum: (call) => [
    einsum(
      call.text("equation"),
      call.inputs.map((_, i) => call.x(i)),
    ),
  ],
};
