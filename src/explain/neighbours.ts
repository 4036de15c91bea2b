/**
 * @module Neighbours of an example: copies in which parts are switched off, or columns drawn anew, and how much each counts.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES, sizeOf, toNumbers } from "../graph/index.js";
import { binsOf } from "./bins.js";
import type { SamplingContext } from "./method.js";

/** Perturbed copies of an example as switches [S, F], 1 where a part is as in the example, with the scores that they got. */
export interface Neighbours {
  readonly switches: Uint8Array;
  readonly scores: Float64Array;
  readonly names: readonly string[];
  readonly partOf?: Int32Array;
}

/** √exp(−d²/width²): how much a neighbour counts. */
export const limeKernel = (distance: number, width: number): number => Math.sqrt(Math.exp(-((distance / width) ** 2)));

/** Weights [S] of neighbours: by 1 − cosine of their switches and all ones, or by the Euclidean distance of the switches. */
export function neighbourWeights(
  switches: Uint8Array,
  players: number,
  width: number,
  distance: "cosine" | "euclidean",
): Float64Array {
  return Float64Array.from({ length: switches.length / players }, (_, s) => {
    let on = 0;
    for (let i = 0; i < players; i++) on += switches[s * players + i] as number;
    return limeKernel(distance === "euclidean" ? Math.sqrt(players - on) : on === 0 ? 1 : 1 - Math.sqrt(on / players), width);
  });
}

/** The example itself, and copies with each part off with chance ½. */
export async function partNeighbours({ game, settings, random, progress }: SamplingContext): Promise<Neighbours> {
  const { players, names, partOf, play } = await game();
  const draw = random("lime");
  const switches = Uint8Array.from({ length: settings.samples * players }, (_, i) => (i < players ? 1 : draw.bits() >>> 31));
  const scores = await play(switches, settings.samples, progress);
  return { switches, scores, names, partOf };
}

/** The example itself, and rows whose columns are drawn one by one from the background. */
export async function tableNeighbours({ x, baselines, model, settings, random, score }: SamplingContext): Promise<Neighbours> {
  const columns = sizeOf(x.shape.slice(1));
  const rows = baselines.shape[0] ?? 1;
  const [own, background] = [toNumbers(x), toNumbers(baselines)];
  const bins = Array.from({ length: columns }, (_, c) =>
    binsOf(Float64Array.from({ length: rows }, (_, r) => background[r * columns + c] as number)),
  );
  const draw = random("lime");
  const data = DTYPES[x.dtype].create(settings.samples * columns) as Float32Array;
  const switches = new Uint8Array(settings.samples * columns);
  for (let s = 0; s < settings.samples; s++) {
    for (let c = 0; c < columns; c++) {
      const value = s === 0 ? (own[c] as number) : (background[draw.integer(rows) * columns + c] as number);
      data[s * columns + c] = value;
      switches[s * columns + c] = bins[c]?.binOf(value) === bins[c]?.binOf(own[c] as number) ? 1 : 0;
    }
  }
  const neighbours: TensorData = { dtype: x.dtype, shape: [settings.samples, ...x.shape.slice(1)], data };
  const names = bins.map((bin, c) => bin.nameOf(own[c] as number, model.features.names?.[c] ?? `feature ${c}`));
  return { switches, scores: await score(neighbours), names, partOf: Int32Array.from({ length: columns }, (_, c) => c) };
}
