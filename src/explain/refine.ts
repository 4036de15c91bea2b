/**
 * @module Paths with more points, until the gap is met: where a path is curved it is cut in two, and each half gets points of its own.
 */
import type { TensorData } from "../graph/index.js";
import { fromNumbers, sizeOf, toNumbers } from "../graph/index.js";
import { repeatRow, takeRows } from "./batch.js";
import type { Baselines } from "./baseline.js";
import type { ExplainInput } from "./explainable.js";
import type { Samples, Settings } from "./method.js";

/** Points of a piece of a path; polynomials of degree 15 are integrated without error. */
export const PIECE_POINTS = 8;
/** Pieces that a path begins with. */
const FIRST_PIECES = 4;
/** Pieces that are computed at once: as many each time, so that one compiled graph does. */
const AT_ONCE = 8;

/** A path from a baseline to an example, and the gap that it is to have. */
export interface Path {
  /** The place of the example in the batch. */
  readonly example: number;
  readonly allowed: number;
}

/** The inputs of computations along paths. */
export interface PathContext {
  readonly input: ExplainInput;
  readonly targets: Int32Array<ArrayBuffer>;
  readonly baselines: Baselines;
  readonly settings: Settings;
  /** The scores asked about, of examples [P, …]. */
  readonly score: (given: ExplainInput, targets: Int32Array<ArrayBuffer>) => Promise<Float64Array>;
  /** Attributions of examples [P, …] against baselines [1, P, …]. */
  readonly attribute: (given: ExplainInput, targets: Int32Array<ArrayBuffer>, baselines: TensorData) => Promise<TensorData>;
}

/** A piece of a path: what it adds, and how far that is from the change of the score along it. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly values: Float32Array;
  readonly gap: number;
}

export interface RefinedPath {
  readonly example: number;
  readonly values: Float32Array;
  /** Points of the final path. */
  readonly steps: number;
}

/** Points of the straight way of one example. */
class Line {
  readonly #x: Float64Array;
  readonly #baseline: Float64Array;
  readonly #dtype: TensorData["dtype"];
  readonly #shape: readonly number[];

  constructor({ input: { features }, baselines: { values } }: PathContext, example: number) {
    const row = (data: TensorData, i: number): Float64Array => toNumbers(takeRows(data, i, i + 1));
    const [, e = 1, ...shape] = values.shape;
    this.#x = row(features, example);
    this.#baseline = row({ ...values, shape: [e, ...shape] }, e === 1 ? 0 : example);
    this.#dtype = features.dtype;
    this.#shape = shape;
  }

  /** [P, …] at positions of 0 … 1. */
  at(positions: readonly number[]): TensorData {
    const size = sizeOf(this.#shape);
    const data = new Float64Array(positions.length * size);
    positions.forEach((place, p) => {
      for (let e = 0; e < size; e++) {
        const start = this.#baseline[e] as number;
        data[p * size + e] = place === 1 ? (this.#x[e] as number) : start + place * ((this.#x[e] as number) - start);
      }
    });
    return fromNumbers(this.#dtype, [positions.length, ...this.#shape], data);
  }
}

/** Rows like one example's, with features of their own. */
function rowsLike(
  { input, targets }: PathContext,
  example: number,
  features: TensorData,
): [ExplainInput, Int32Array<ArrayBuffer>] {
  const count = features.shape[0] ?? 1;
  const others = Object.entries(input.others ?? {}).map(([name, data]) => [name, repeatRow(data, example, count)] as const);
  return [{ features, others: Object.fromEntries(others) }, new Int32Array(count).fill(targets[example] as number)];
}

/** Pieces between positions, computed together: each is the attribution of its end against its beginning. */
async function piecesOf(
  context: PathContext,
  line: Line,
  example: number,
  spans: readonly (readonly [number, number])[],
): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for (let start = 0; start < spans.length; start += AT_ONCE) {
    const some = spans.slice(start, start + AT_ONCE);
    const filled = Array.from({ length: AT_ONCE }, (_, i) => some[Math.min(i, some.length - 1)] as readonly [number, number]);
    const [ends, beginnings] = [line.at(filled.map(([, to]) => to)), line.at(filled.map(([from]) => from))];
    const [given, targets] = rowsLike(context, example, ends);
    const values = await context.attribute(given, targets, { ...beginnings, shape: [1, ...beginnings.shape] });
    const high = await context.score(given, targets);
    const low = await context.score({ ...given, features: beginnings }, targets);
    const size = sizeOf(values.shape.slice(1));
    some.forEach(([from, to], p) => {
      const own = (values.data as Float32Array).slice(p * size, (p + 1) * size);
      const sum = own.reduce((total, v) => total + v, 0);
      pieces.push({ from, to, values: own, gap: sum - ((high[p] as number) - (low[p] as number)) });
    });
  }
  return pieces;
}

/** Whether gaps are met: their sum, and what it would be if their signs were chance. */
function isMet(pieces: readonly Piece[], allowed: number): boolean {
  const sum = pieces.reduce((total, { gap }) => total + gap, 0);
  return Math.abs(sum) <= allowed && spreadOf(pieces) <= allowed;
}

const spreadOf = (pieces: readonly Piece[]): number => Math.sqrt(pieces.reduce((total, { gap }) => total + gap * gap, 0));

/** The pieces to cut: the widest gaps, until the others together are well within what is allowed; at most `most`. */
function toCut(pieces: readonly Piece[], allowed: number, most: number): ReadonlySet<Piece> {
  const order = pieces.toSorted((a, b) => Math.abs(b.gap) - Math.abs(a.gap));
  let count = 1;
  while (count < order.length && spreadOf(order.slice(count)) > allowed / 2) count++;
  return new Set(order.slice(0, Math.min(count, most)));
}

/**
 * The sum over a path that is cut where its gaps are, until their sum is allowed, or the path has `maxSteps` points.
 *
 * Cost: PIECE_POINTS forward and backward passes, and two forward ones, for each piece that ever was; at most twice as many as there are in the end.
 */
export async function refinedPath(context: PathContext, { example, allowed }: Path): Promise<RefinedPath> {
  const line = new Line(context, example);
  const positions = Array.from({ length: FIRST_PIECES }, (_, i) => [i / FIRST_PIECES, (i + 1) / FIRST_PIECES] as const);
  let pieces = await piecesOf(context, line, example, positions);
  const most = Math.floor(context.settings.maxSteps / PIECE_POINTS);
  while (pieces.length < most && !isMet(pieces, allowed)) {
    const cut = toCut(pieces, allowed, most - pieces.length);
    const spans = [...cut].flatMap(({ from, to }) => [[from, (from + to) / 2] as const, [(from + to) / 2, to] as const]);
    pieces = [...pieces.filter((piece) => !cut.has(piece)), ...(await piecesOf(context, line, example, spans))];
  }
  const values = new Float32Array(pieces[0]?.values.length ?? 0);
  for (let e = 0; e < values.length; e++) values[e] = pieces.reduce((total, piece) => total + (piece.values[e] as number), 0);
  return { example, values, steps: PIECE_POINTS * pieces.length };
}

/** Whether the paths of a question can be cut: one baseline each, of the features themselves, by Gauss–Legendre, with points enough. */
export const canBeCut = (
  { baselines, settings }: Pick<PathContext, "baselines" | "settings">,
  at: string | undefined,
  samples: Samples,
): boolean =>
  at === undefined &&
  baselines.values.shape[0] === 1 &&
  settings.rule === "gauss-legendre" &&
  settings.maxSteps >= FIRST_PIECES * PIECE_POINTS &&
  samples.weights.length === settings.steps;
