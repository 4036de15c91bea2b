/**
 * @module An optimizer's state in 8 bits: numbers in blocks, each with the largest of its block, as one of 256 codes whose steps grow with the number.
 */
import type { Parameter, Tensor } from "../graph/index.js";
import { constant, fromNumbers, sizeOf } from "../graph/index.js";
import { gather, pad, where } from "../ops/index.js";
import type { Slot } from "./optimizer.js";

/** The precision of an optimizer's state. */
export const STATE_PRECISIONS = ["float32", "int8"] as const;
/** Precision of an optimizer's state. */
export type StatePrecision = (typeof STATE_PRECISIONS)[number];

/** Numbers that share a scale. */
export const BLOCK = 256;
/** Arrays of fewer numbers stay in float32, as in the source. */
export const FROM_SIZE = 4096;
/** Decades of the dynamic code. */
const DECADES = 7;
/** The code of 0 where there are negative numbers. */
export const SIGNED_ZERO = 127;
/** Below any scale that counts. */
export const LEAST_SCALE = 1e-30;

/**
 * The code of a number a in 0…1 is the sum over terms of [a ≥ start] + ⌊min(max(a·gain − offset, 0), most)⌋: a decade begins at `start`, and has `most`
 * further steps of equal size; the last term is that of 1.
 */
export interface CodeTerm {
  readonly start: number;
  readonly gain: number;
  readonly offset: number;
  readonly most: number;
}

/**
 * The code of numbers of both signs, or of those that are never negative: each number to the nearest of `codeValues`.
 *
 * Source: dynamic quantization, Dettmers et al. 2022, arXiv:2110.02861, section 2; the values are those of bitsandbytes' `create_dynamic_map`.
 * Differs from the source: a mean square above 0, by which a direction is divided, is never rounded to 0.
 */
export function codeOf(nonNegative: boolean): readonly CodeTerm[] {
  const values = codeValues(nonNegative).slice(nonNegative ? 0 : SIGNED_ZERO);
  const startOf = (k: number): number => Math.fround(((values[k - 1] as number) + (values[k] as number)) / 2);
  let first = 1;
  const terms = Array.from({ length: DECADES }, (_, i): CodeTerm => {
    const width = widthOf(i, nonNegative);
    const start = nonNegative && i === 0 ? Math.fround(LEAST_SCALE) : startOf(first);
    first += width;
    return { start, gain: Math.fround((10 ** (DECADES - 1 - i) / 0.9) * width), offset: Math.fround(width / 9), most: width - 1 };
  });
  return [...terms, { start: startOf(first), gain: 0, offset: 0, most: 0 }];
}

const BITS = new DataView(new ArrayBuffer(4));

/** The float32 number with these bits. */
function fromBits(bits: number): number {
  BITS.setUint32(0, bits);
  return BITS.getFloat32(0);
}

/** The code of a number in 0…1, in float32 as the graph computes it. */
const codeOfNumber = (a: number, terms: readonly CodeTerm[]): number =>
  terms.reduce((sum, { start, gain, offset, most }) => {
    const steps = Math.fround(Math.fround(a * gain) - offset);
    return sum + Number(a >= start) + Math.floor(Math.min(Math.max(steps, 0), most));
  }, 0);

/** The upper 16 bits of 2⁻²⁶ and of 1: the least of `codeTable`'s entries stands for all that is less, too. */
const [LEAST_ENTRY, LAST_ENTRY] = [12928, 16256];
/** Entries of `codeTable`. */
export const CODE_ENTRIES = LAST_ENTRY - LEAST_ENTRY + 1;

/**
 * The codes of numbers in 0…1 by their upper 16 bits: the code of the least number with those bits, and the number from which on it is one more. Such numbers lie closer
 * to each other than the steps of the codes.
 */
export function codeTable(nonNegative: boolean): readonly { readonly code: number; readonly next: number }[] {
  const terms = codeOf(nonNegative);
  const at = (bits: number): number => codeOfNumber(fromBits(bits), terms);
  return Array.from({ length: CODE_ENTRIES }, (_, i) => {
    const entry = LEAST_ENTRY + i;
    let low = i === 0 ? 0 : entry * 2 ** 16;
    const code = at(low);
    let high = entry === LAST_ENTRY ? low : entry * 2 ** 16 + 2 ** 16 - 1;
    if (at(high) === code) return { code, next: Infinity };
    // The code of `low` is less, that of `high` is not.
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (at(middle) === code) low = middle;
      else high = middle;
    }
    return { code, next: fromBits(high) };
  });
}

/** Steps of a decade. */
const widthOf = (decade: number, nonNegative: boolean): number => 2 ** (nonNegative ? decade + 1 : decade);

/** The number that each of the 256 codes stands for, in −1…1. */
export function codeValues(nonNegative: boolean): Float32Array {
  const positive = Array.from({ length: DECADES }, (_, i) => {
    const width = widthOf(i, nonNegative);
    return Array.from({ length: width }, (__, k) => 10 ** (i + 1 - DECADES) * (0.1 + (0.9 * (k + 0.5)) / width));
  }).flat();
  const below = nonNegative ? [] : positive.map((x) => -x).reverse();
  return Float32Array.from([...below, 0, ...positive, 1]);
}

/** The name of the blocks' scales, beside that of their codes. */
export const scaleName = (slot: string): string => `${slot}.scale`;

export const blocksOf = (size: number): number => Math.ceil(size / BLOCK);

/** The arrays that stand for a slot in 8 bits; undefined for one that stays as it is. */
export function quantizedSlot({ shape, dtype, initial }: Slot, nonNegative: boolean): { codes: Slot; scale: Slot } | undefined {
  const size = sizeOf(shape);
  if (initial === "parameter" || dtype !== "float32" || size < FROM_SIZE) return undefined;
  const zero = nonNegative ? 0 : SIGNED_ZERO;
  return {
    codes: { shape: [blocksOf(size), BLOCK], dtype: "uint8", initial: initial === 0 ? zero : 255 },
    scale: { shape: [blocksOf(size)], dtype: "float32", initial },
  };
}

/** Numbers from codes [blocks, 256] and scales [blocks], in a parameter's shape. */
export function dequantized(codes: Tensor, scale: Tensor, nonNegative: boolean, dims: Parameter["dims"]): Tensor {
  const table = constant(fromNumbers("float32", [256], codeValues(nonNegative)));
  const values = gather(table, codes.cast("int32")).mul(scale.unsqueeze(1));
  const size = sizeOf(dims);
  return values
    .reshape([-1])
    .slice(0, 0, size)
    .reshape([...dims]);
}

/** The codes and scales of numbers. */
export function quantized(x: Tensor, nonNegative: boolean, dims: Parameter["dims"]): { codes: Tensor; scale: Tensor } {
  const size = sizeOf(dims);
  const missing = blocksOf(size) * BLOCK - size;
  const flat = x.reshape([size]);
  const blocks = (missing === 0 ? flat : pad(flat, [0], [missing])).reshape([blocksOf(size), BLOCK]);
  const scale = blocks.abs().reduceMax(1);
  const a = blocks.div(scale.max(LEAST_SCALE).unsqueeze(1)).abs();
  const parts = codeOf(nonNegative).flatMap(({ start, gain, offset, most }) => {
    const begun = a.greaterOrEqual(start).cast("float32");
    return most === 0 ? [begun] : [begun, a.mul(gain).sub(offset).clip(0, most).floor()];
  });
  const code = parts.reduce((sum, part) => sum.add(part));
  const signed = where(blocks.less(0), code.min(SIGNED_ZERO).neg(), code).add(SIGNED_ZERO);
  return { codes: (nonNegative ? code : signed).cast("uint8"), scale };
}
