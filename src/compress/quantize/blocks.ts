/**
 * @module Weights of 4 or 8 bits in blocks: every run of `blockSize` numbers of a row has a scale and a zero point of its own.
 *
 *     w ≈ (q − zero) · scale,   q in 0…2^bits − 1
 *
 * Source: onnxruntime 1.30, docs/ContribOperators.md, MatMulNBits and GatherBlockQuantized.
 */

/** Rows of weights [N, K] as blocks. */
export interface BlockedWeights {
  readonly bits: 4 | 8;
  readonly blockSize: number;
  readonly n: number;
  readonly k: number;
  /** One code a byte, [N, blocks · blockSize]; positions beyond K hold the zero point. */
  readonly codes: Uint8Array;
  /** [N, blocks]. */
  readonly scales: Float32Array;
  /** [N, blocks]. */
  readonly zeros: Uint8Array;
}

/** Options of making blocks. */
export interface BlockOptions {
  readonly bits: 4 | 8;
  readonly blockSize: number;
  /** Whether every zero point is in the middle, so that none has to be stored. */
  readonly symmetric?: boolean;
}

/** Counts the blocks of a row. */
export const blockCount = ({ k, blockSize }: Pick<BlockedWeights, "k" | "blockSize">): number => Math.ceil(k / blockSize);

/** Scale and zero point of numbers from `low` to `high`; 0 can always be represented. */
export function rangeToScale(low: number, high: number, bits: 4 | 8, symmetric: boolean): { scale: number; zero: number } {
  const levels = 2 ** bits - 1;
  const middle = 2 ** (bits - 1);
  if (symmetric) {
    // The codes reach one further down than up: the larger end decides which way the scale points.
    const largest = Math.abs(low) > Math.abs(high) ? low : high;
    const scale = Math.fround(-largest / middle);
    return { scale: scale === 0 ? 1 : scale, zero: middle };
  }
  const [least, most] = [Math.min(low, 0), Math.max(high, 0)];
  const scale = Math.fround((most - least) / levels);
  if (scale === 0) return { scale: 1, zero: middle };
  return { scale, zero: Math.min(levels, Math.max(0, Math.round(-least / scale))) };
}

/** Rounds a number to a code. */
export const codeOf = (value: number, scale: number, zero: number, bits: 4 | 8): number =>
  Math.min(2 ** bits - 1, Math.max(0, roundHalfEven(value / scale) + zero));

/** Rounds to the nearest integer, and halves to the even one, as the engine does. */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Quantizes rows of weights to the nearest codes.
 *
 * Shapes: rows [N, K].
 */
export function blockwise(rows: Float32Array, n: number, k: number, options: BlockOptions): BlockedWeights {
  const made = emptyBlocks(n, k, options);
  for (let row = 0; row < n; row++)
    for (let block = 0; block < blockCount(made); block++) {
      setRange(made, rows, row, block, options.symmetric === true);
      const from = block * made.blockSize;
      for (let i = from; i < Math.min(k, from + made.blockSize); i++) setCode(made, row, i, rows[row * k + i] as number);
    }
  return made;
}

/** Blocks without codes yet. */
export function emptyBlocks(n: number, k: number, { bits, blockSize }: BlockOptions): BlockedWeights {
  const count = blockCount({ k, blockSize });
  const middle = 2 ** (bits - 1);
  return {
    bits,
    blockSize,
    n,
    k,
    codes: new Uint8Array(n * count * blockSize).fill(middle),
    scales: new Float32Array(n * count).fill(1),
    zeros: new Uint8Array(n * count).fill(middle),
  };
}

/** Sets the scale and zero point of a block by its largest and smallest number. */
export function setRange(to: BlockedWeights, rows: Float32Array, row: number, block: number, symmetric: boolean): void {
  const from = block * to.blockSize;
  let [low, high] = [0, 0];
  for (let i = from; i < Math.min(to.k, from + to.blockSize); i++) {
    const value = rows[row * to.k + i] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const { scale, zero } = rangeToScale(low, high, to.bits, symmetric);
  const at = row * blockCount(to) + block;
  to.scales[at] = scale;
  to.zeros[at] = zero;
  to.codes.fill(zero, at * to.blockSize, (at + 1) * to.blockSize);
}

/** Sets the code of one number, and returns the number that it stands for. */
export function setCode(to: BlockedWeights, row: number, column: number, value: number): number {
  const at = row * blockCount(to) + Math.floor(column / to.blockSize);
  const [scale, zero] = [to.scales[at] as number, to.zeros[at] as number];
  const code = codeOf(value, scale, zero, to.bits);
  to.codes[at * to.blockSize + (column % to.blockSize)] = code;
  return (code - zero) * scale;
}

/** The numbers that blocks stand for, [N, K]. */
export function dequantized(blocks: BlockedWeights): Float32Array {
  const { n, k, blockSize, codes, scales, zeros } = blocks;
  const [rows, count] = [new Float32Array(n * k), blockCount(blocks)];
  for (let row = 0; row < n; row++)
    for (let i = 0; i < k; i++) {
      const at = row * count + Math.floor(i / blockSize);
      rows[row * k + i] = ((codes[at * blockSize + (i % blockSize)] as number) - (zeros[at] as number)) * (scales[at] as number);
    }
  return rows;
}

/** Whether no zero point has to be stored. */
export const isSymmetric = ({ bits, zeros }: BlockedWeights): boolean => zeros.every((zero) => zero === 2 ** (bits - 1));

/** Codes as bytes, two of 4 bits in each, the first in the lower half. */
export function packed(codes: Uint8Array, bits: 4 | 8): Uint8Array {
  if (bits === 8) return codes;
  return Uint8Array.from({ length: codes.length / 2 }, (_, i) => (codes[2 * i] as number) | ((codes[2 * i + 1] as number) << 4));
}

/** The codes in bytes. */
export function unpacked(bytes: Uint8Array, bits: 4 | 8): Uint8Array {
  if (bits === 8) return bytes;
  const codes = new Uint8Array(bytes.length * 2);
  bytes.forEach((byte, i) => {
    codes[2 * i] = byte & 15;
    codes[2 * i + 1] = byte >> 4;
  });
  return codes;
}

/** Zero points as bytes: the rows of an odd number of blocks of 4 bits are filled up. */
export function packedZeros(blocks: BlockedWeights): Uint8Array {
  const count = blockCount(blocks);
  if (blocks.bits === 8 || count % 2 === 0) return packed(blocks.zeros, blocks.bits);
  const wide = new Uint8Array(blocks.n * (count + 1));
  for (let row = 0; row < blocks.n; row++) wide.set(blocks.zeros.subarray(row * count, (row + 1) * count), row * (count + 1));
  return packed(wide, blocks.bits);
}

/** The inverse of `packedZeros`. */
export function unpackedZeros(bytes: Uint8Array, n: number, count: number, bits: 4 | 8): Uint8Array {
  const wide = unpacked(bytes, bits);
  const width = wide.length / n;
  if (width === count) return wide;
  const zeros = new Uint8Array(n * count);
  for (let row = 0; row < n; row++) zeros.set(wide.subarray(row * width, row * width + count), row * count);
  return zeros;
}
