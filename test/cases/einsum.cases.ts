/**
 * @module Rows of einsum.
 */
import type { OpCase } from "./case.js";
import { float } from "./case.js";

const einsum = (equation: string, ...shapes: (readonly number[])[]): OpCase => ({
  op: "Einsum",
  variant: equation,
  operands: shapes.map((shape) => float(shape)),
  attributes: { equation },
});

export const einsumCases: readonly OpCase[] = [
  einsum("ij,jk->ik", [2, 3], [3, 4]),
  einsum("bhqd,bhkd->bhqk", [2, 3, 2, 4], [2, 3, 5, 4]),
  einsum("bqhd,bkhd->bhqk", [2, 2, 3, 4], [2, 5, 3, 4]),
  einsum("...ij,...jk->...ik", [2, 3, 2, 2], [2, 3, 2, 4]),
  einsum("ij,kl->ljki", [2, 3], [4, 2]),
  einsum("ijk->ki", [2, 3, 4]),
  einsum("ij->", [2, 3]),
  einsum("i,i", [4], [4]),
  einsum("ba,bc", [2, 3], [2, 4]),
  einsum("ijm,jn->i", [2, 3, 2], [3, 4]), // m and n are summed by themselves
  einsum("ab,bc,cd->ad", [2, 3], [3, 2], [2, 4]),
  einsum("abc,abc->ab", [2, 3, 4], [2, 3, 4]),
];
