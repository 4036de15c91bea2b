/**
 * @module The parity certificate of a compressed file: how far its outputs are from those of the file that it was made from, on each device, and whether
 * the devices agree on it.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES, toNumbers } from "../graph/index.js";
import type { ModelProto } from "../onnx/index.js";
import { encodeModel, OnnxModel } from "../onnx/index.js";
import type { Device, Runtime } from "../runtime/index.js";
import { compile } from "../runtime/index.js";
import type { Feeds } from "./activations.js";
import { eachActivation } from "./activations.js";
import { joinArrays } from "../util/join-arrays.js";

/** The distance of two sets of outputs. */
export interface Deviation {
  /** Cosine of all values as one vector: 1 is the same direction. */
  readonly cosine: number;
  /** √(Σ(a − b)² / Σa²). */
  readonly relativeError: number;
  readonly largestError: number;
}

/** Outputs on one device. */
export interface DeviceParity {
  readonly device: Device;
  /** Distance from the outputs of the original on the CPU. */
  readonly fromOriginal: Deviation;
  /** Distance from the compressed file's own outputs on the CPU. */
  readonly fromCpu: Deviation;
}

/** The part of the certificate that compares outputs. */
export interface Parity {
  readonly examples: number;
  readonly devices: readonly DeviceParity[];
  /** Names of layers that stayed in float32 because a device computed them differently. */
  readonly keptInFloat: readonly string[];
}

/** An engine with a device of it. */
export interface Place {
  readonly runtime: Runtime;
  readonly device: Device;
}

/** The cosine below which devices do not agree. */
const AGREEMENT = 0.999;

/** Compares numbers. */
export function deviation(from: ArrayLike<number>, to: ArrayLike<number>): Deviation {
  let [dot, a, b, squares, largest] = [0, 0, 0, 0, 0];
  for (let i = 0; i < from.length; i++) {
    const [x, y] = [from[i] as number, to[i] as number];
    dot += x * y;
    a += x * x;
    b += y * y;
    squares += (x - y) ** 2;
    largest = Math.max(largest, Math.abs(x - y));
  }
  const cosine = a === 0 || b === 0 ? (a === b ? 1 : 0) : dot / Math.sqrt(a * b);
  return { cosine, relativeError: a === 0 ? Math.sqrt(squares) : Math.sqrt(squares / a), largestError: largest };
}

/** The floating-point outputs of a file on one device, one after another. */
async function outputsOn(file: ModelProto, { runtime, device }: Place, batches: readonly Feeds[]): Promise<Float64Array> {
  await using session = await compile(new OnnxModel(encodeModel(file)), { runtime, device });
  const parts: Float64Array[] = [];
  for (const feeds of batches) {
    const given = Object.fromEntries(session.inputs.map((name) => [name, feeds[name] as TensorData]));
    for (const output of Object.values(await session.call(given)))
      if (DTYPES[output.dtype].kind === "float") parts.push(Float64Array.from(toNumbers(output)));
  }
  return joinArrays(parts, (length) => new Float64Array(length));
}

/** Compares a compressed file with its original on the first engine, which is the CPU, and on all others. */
export async function parityOf(
  original: ModelProto,
  compressed: ModelProto,
  batches: readonly Feeds[],
  places: readonly [Place, ...Place[]],
): Promise<Omit<Parity, "keptInFloat">> {
  const expected = await outputsOn(original, places[0], batches);
  const onCpu = await outputsOn(compressed, places[0], batches);
  const devices: DeviceParity[] = [];
  for (const place of places) {
    const given = place === places[0] ? onCpu : await outputsOn(compressed, place, batches);
    devices.push({ device: place.device, fromOriginal: deviation(expected, given), fromCpu: deviation(onCpu, given) });
  }
  const [first] = Object.values(batches[0] ?? {});
  return { examples: batches.length * (first?.shape[0] ?? 0), devices };
}

/** Tells whether a device computes what the CPU does. */
export const agrees = ({ fromCpu }: DeviceParity): boolean => fromCpu.cosine >= AGREEMENT;

/**
 * Finds the first value, in the order given, that a device computes differently from the CPU; undefined if all agree. Later values are wrong because
 * it is, so one is found at a time.
 */
export async function firstDeviating(
  file: ModelProto,
  values: readonly string[],
  batch: Feeds,
  cpu: Place,
  other: Place,
): Promise<string | undefined> {
  const collect = async (place: Place): Promise<Map<string, Float64Array>> => {
    const found = new Map<string, Float64Array>();
    const keep = (given: ReadonlyMap<string, TensorData>): void => {
      for (const [name, data] of given) found.set(name, Float64Array.from(toNumbers(data)));
    };
    await eachActivation(file, values, [batch], keep, { runtime: place.runtime, device: place.device });
    return found;
  };
  const [expected, given] = [await collect(cpu), await collect(other)];
  return values.find((name) => deviation(expected.get(name) ?? [], given.get(name) ?? []).cosine < AGREEMENT);
}
