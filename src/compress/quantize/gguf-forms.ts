/**
 * @module The blocks of GGUF files in the form of the engine's kernels, number for number: a product with them is one with the numbers that they stand for.
 */
import { fromFloat16Bits } from "../../graph/index.js";
import type { GgufTensor, GgufType } from "../../models/gguf.js";
import { type BlockedWeights, blockCount, emptyBlocks } from "./blocks.js";
import type { ExactForm } from "./forms.js";

/** Numbers of a block. */
const BLOCK = 32;

/** One block of a file: where it begins, and its place among all. */
interface Place {
  readonly view: DataView;
  readonly at: number;
  readonly block: number;
}

/** Blocks of 4 bits without numbers, all with this zero point. */
function emptyPart({ shape }: GgufTensor, zero: number): BlockedWeights {
  const [n = 1, k = 1] = shape;
  const part = emptyBlocks(n, k, { bits: 4, blockSize: BLOCK });
  part.zeros.fill(zero);
  return part;
}

const half = ({ view, at }: Place, from = 0): number => fromFloat16Bits(view.getUint16(at + from, true));

/** 32 codes in 16 bytes: the lower halves are the first 16 of them. */
function setNibbles({ codes }: BlockedWeights, { view, at, block }: Place, from: number): void {
  for (let i = 0; i < BLOCK / 2; i++) {
    const byte = view.getUint8(at + from + i);
    codes[block * BLOCK + i] = byte & 15;
    codes[block * BLOCK + BLOCK / 2 + i] = byte >> 4;
  }
}

/** A form, and how a block of the file is put into it. */
interface Filling {
  readonly bytes: number;
  readonly form: ExactForm;
  readonly put: (place: Place) => void;
}

const FILLINGS: Partial<Record<GgufType, (tensor: GgufTensor) => Filling>> = {
  Q4_0: (tensor) => {
    const part = emptyPart(tensor, 8);
    const put = (place: Place): void => {
      part.scales[place.block] = half(place);
      setNibbles(part, place, 2);
    };
    return { bytes: 18, form: { form: "exact", parts: [part] }, put };
  },
  Q4_1: (tensor) => {
    const part = emptyPart(tensor, 0);
    const least = new Float32Array(part.scales.length);
    const [count, { n }] = [blockCount(part), part];
    const put = (place: Place): void => {
      part.scales[place.block] = half(place);
      least[(place.block % count) * n + Math.floor(place.block / count)] = half(place, 2);
      setNibbles(part, place, 4);
    };
    return { bytes: 20, form: { form: "exact", parts: [part], least }, put };
  },
  // Two parts of 4 bits, since kernels of 8 bits compute with activations of 8 bits: q + 128 is 16 · high + low, and q is 16 · (high − 8) + low.
  Q8_0: (tensor) => {
    const [high, low] = [emptyPart(tensor, 8), emptyPart(tensor, 0)];
    const put = (place: Place): void => {
      const scale = half(place);
      high.scales[place.block] = 16 * scale;
      low.scales[place.block] = scale;
      for (let i = 0; i < BLOCK; i++) {
        const code = place.view.getInt8(place.at + 2 + i) + 128;
        high.codes[place.block * BLOCK + i] = code >> 4;
        low.codes[place.block * BLOCK + i] = code & 15;
      }
    };
    return { bytes: 34, form: { form: "exact", parts: [high, low] }, put };
  },
};

/** The form of a matrix in blocks; undefined for other tensors. */
export function ggufForm(tensor: GgufTensor): ExactForm | undefined {
  const { type, shape, bytes } = tensor;
  const filling = shape.length === 2 ? FILLINGS[type]?.(tensor) : undefined;
  if (filling === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0, block = 0; at < bytes.length; at += filling.bytes, block++) filling.put({ view, at, block });
  return filling.form;
}
