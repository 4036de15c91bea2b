/**
 * @module Einsum: sums of products by an equation. Its gradient is an Einsum; two operands become one product of matrices.
 */
import type { Dim, Node } from "../graph/index.js";
import { dimEquals, dimMul, formatShape, isStatic, sizeOf, type Tensor } from "../graph/index.js";
import { ShapeError, UnsupportedOpError } from "../util/errors.js";
import type { Op } from "./op.js";
import { bytesMoved, elementCount, emitOne, expectSameDType, zerosForNothing } from "./op.js";

type Operands = readonly Tensor[];

/** An equation without ellipsis and with an explicit right side: one label per axis. */
interface Equation {
  readonly terms: readonly (readonly string[])[];
  readonly output: readonly string[];
  readonly lengths: ReadonlyMap<string, Dim>;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Fresh labels, none of which is in `taken`. */
const freshLabels = (taken: string, count: number): string =>
  LETTERS.split("")
    .filter((l) => !taken.includes(l))
    .slice(0, count)
    .join("");

/**
 * Reads an equation for operands of given shapes: an ellipsis becomes labels, a missing right side the labels that occur once,
 * in alphabetical order after the ellipsis.
 */
function parse(equation: string, operands: readonly { readonly shape: readonly Dim[] }[], where: string): Equation {
  const text = equation.replaceAll(" ", "");
  const [left = "", right] = text.split("->");
  const given = left.split(",");
  if (given.length !== operands.length || !/^([A-Za-z]*(\.\.\.)?[A-Za-z]*,?)*(->[A-Za-z]*(\.\.\.)?[A-Za-z]*)?$/.test(text))
    throw new ShapeError(`${where}: expected an equation for ${operands.length} operands, got "${equation}"`);
  const spans = given.map((term, i) => (term.includes("...") ? (operands[i]?.shape.length ?? 0) - (term.length - 3) : 0));
  const ellipsis = freshLabels(text, Math.max(0, ...spans));
  // Ellipses align at their last axes, as in broadcasting.
  const terms = given.map((term, i) =>
    term.replace("...", ellipsis.slice(ellipsis.length - Math.max(0, spans[i] ?? 0))).split(""),
  );
  const lengths = new Map<string, Dim>();
  terms.forEach((term, i) => {
    const shape = operands[i]?.shape ?? [];
    if (term.length !== shape.length)
      throw new ShapeError(`${where}: expected ${term.length} axes for "${given[i]}", got ${formatShape(shape)}`);
    if (new Set(term).size !== term.length) {
      throw new UnsupportedOpError(
        `${where}: "${given[i]}" repeats a label, which takes a diagonal; multiply by an identity matrix and sum instead`,
      );
    }
    term.forEach((label, axis) => {
      const length = shape[axis] as Dim;
      const known = lengths.get(label);
      if (known !== undefined && !dimEquals(known, length))
        throw new ShapeError(`${where}: expected length ${known} for "${label}" of "${equation}", got ${formatShape(shape)}`);
      lengths.set(label, length);
    });
  });
  const once = LETTERS.split("")
    .filter((l) => left.split(l).length === 2)
    .sort();
  const output = (right === undefined ? ellipsis + once.join("") : right.replace("...", ellipsis)).split("");
  if (new Set(output).size !== output.length || output.some((label) => !lengths.has(label)))
    throw new ShapeError(`${where}: expected distinct labels of the operands on the right of "${equation}"`);
  return { terms, output, lengths };
}

const equationOf = (terms: readonly (readonly string[])[], output: readonly string[]): string =>
  `${terms.map((term) => term.join("")).join(",")}->${output.join("")}`;

const parsed = (node: Pick<Node, "attributes" | "inputs">): Equation =>
  parse(node.attributes["equation"] as string, node.inputs as Operands, "Einsum");

/**
 * y[output labels] = Σ over all other labels of the product of the operands: `bhqd,bhkd->bhqk`. An ellipsis stands for any
 * axes, equal in all operands that have it; a label may occur only once in an operand.
 */
export const Einsum: Op<{ equation: string }, Operands> = {
  name: "Einsum",
  domain: "",
  attributes: { equation: "string" },
  empty: zerosForNothing,
  infer: (operands, { equation }, where) => {
    const first = operands[0];
    if (first === undefined) throw new ShapeError(`${where}: expected an operand, got none`);
    for (const operand of operands) expectSameDType(where, first, operand);
    const { output, lengths } = parse(equation, operands, where);
    return [{ shape: output.map((label) => lengths.get(label) as Dim), dtype: first.dtype }];
  },
  // The operand's place is taken by dy: Einsum(dy, others) → its labels. What only it has was summed: dy is repeated there.
  gradient: ({ node, inputs, dy, needs }) => {
    const { terms, output, lengths } = parsed(node);
    return inputs.map((_, i) => {
      if (!needs[i]) return null;
      const others = terms.filter((_, k) => k !== i);
      const term = terms[i] as readonly string[];
      const reached = term.filter((label) => output.includes(label) || others.some((other) => other.includes(label)));
      const dx = einsum(equationOf([output, ...others], reached), dy, ...inputs.filter((_, k) => k !== i));
      const missing = term.flatMap((label, axis) => (reached.includes(label) ? [] : [axis]));
      if (missing.length === 0) return dx;
      return dx.unsqueeze(...missing).expand(term.map((label) => lengths.get(label) as Dim));
    });
  },
  cost: (node) => {
    const { lengths } = parsed(node);
    return { flops: node.inputs.length * elementCount([...lengths.values()]), bytes: bytesMoved(node) };
  },
  batch: ({ inputs, mapped, ranks, attributes: { equation } }) => {
    const shapes = inputs.map((t, i) => ({ shape: t.shape.slice(t.rank - (ranks[i] as number)) }));
    const { terms, output } = parse(equation, shapes, "vmap of Einsum");
    const label = freshLabels(terms.flat().join(""), 1);
    const all = terms.map((term, i) => (mapped[i] ? [label, ...term] : term));
    return [einsum(equationOf(all, [label, ...output]), ...inputs)];
  },
  lower: ({ node, inputs, target }) => {
    if (target === "onnx" || inputs.length > 2) return undefined;
    const { terms, output, lengths } = parsed({ inputs, attributes: node.attributes });
    // Labels that one operand alone has, and the output has not, are summed at once.
    const alone = inputs.map((t, i) => {
      const term = terms[i] as readonly string[];
      const keep = term.filter((l) => output.includes(l) || terms.some((other, k) => k !== i && other.includes(l)));
      const axes = term.flatMap((l, axis) => (keep.includes(l) ? [] : [axis]));
      return { t: axes.length === 0 ? t : t.sum(axes), labels: keep };
    });
    const [a, b] = alone as [(typeof alone)[0], (typeof alone)[0] | undefined];
    if (b === undefined) return [ordered(a.t, a.labels, output)];
    const inB = (l: string): boolean => b.labels.includes(l);
    const both = a.labels.filter(inB);
    const batch = both.filter((l) => output.includes(l));
    const summed = both.filter((l) => !output.includes(l));
    const rows = a.labels.filter((l) => !inB(l));
    const columns = b.labels.filter((l) => !both.includes(l));
    const groups = [batch, rows, columns, summed].map((labels) => labels.map((l) => lengths.get(l) as Dim)) as [
      Dim[],
      Dim[],
      Dim[],
      Dim[],
    ];
    const sizes = groups.map(product);
    const [, r, c, s] = sizes;
    if (r === undefined || c === undefined || s === undefined) return undefined;
    const left = ordered(a.t, a.labels, [...batch, ...rows, ...summed]).reshape([...groups[0], r, s]);
    const right = ordered(b.t, b.labels, [...batch, ...summed, ...columns]).reshape([...groups[0], s, c]);
    const y = left.matMul(right).reshape([...groups[0], ...groups[1], ...groups[2]]);
    return [ordered(y, [...batch, ...rows, ...columns], output)];
  },
};

/** The product where it is known or linear in a symbol. */
function product(dims: readonly Dim[]): Dim | undefined {
  if (isStatic(dims)) return sizeOf(dims);
  return dims.filter((d) => typeof d !== "number").length === 1 ? dims.reduce(dimMul, 1) : undefined;
}

/** Axes from one order of labels into another. */
const ordered = (t: Tensor, from: readonly string[], to: readonly string[]): Tensor =>
  t.transpose(to.map((label) => from.indexOf(label)));

/** Entries of the op table: Einstein sums. */
export const einsums = [Einsum] as const;

/**
 * `einsum("bhqd,bhkd->bhqk", q, k)`. Each letter is an axis; letters that the result lacks are summed over. ShapeError if a letter has two lengths.
 * Operands have one axis of their shape for each letter.
 */
export const einsum = (equation: string, ...operands: Operands): Tensor => emitOne(Einsum, operands, { equation });
