/**
 * @module A model with its sessions: scores, gradients, layers and weighted sums in numbers, in batches that fit the memory plan.
 */
import { grad } from "../autodiff/index.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers, input, toNumbers } from "../graph/index.js";
import { joinNamedRows, joinRows, pieceSize, takeInput, takeRows } from "./batch.js";
import type { Remark } from "./remark.js";
import type { Explainable, ExplainInput } from "./explainable.js";
import { gridLayer, layerNamed } from "./layers.js";
import type { GradientMethod, Samples } from "./method.js";
import type { RowOptions, ScoreChoice } from "./rows.js";
import { chosenScore, namedSums, rowSums, scoresOf } from "./rows.js";
import type { SessionOptions } from "./sessions.js";
import { Sessions } from "./sessions.js";
import { marginScores } from "./target.js";
import { argMax } from "../util/vectors.js";

type Named = Readonly<Record<string, TensorData>>;

/** The input tensors of a graph for a given number of examples. */
interface Leaves {
  readonly x: Tensor;
  readonly target: Tensor;
  readonly others: Readonly<Record<string, Tensor>>;
}

/** Rows of an opaque model that are answered at once. */
const OPAQUE_ROWS = 64;

export class Model implements AsyncDisposable {
  readonly explainable: Explainable;
  readonly #sessions: Sessions;

  constructor(explainable: Explainable, options: SessionOptions) {
    this.explainable = explainable;
    this.#sessions = new Sessions(explainable.values, options);
  }

  /** Scores [N, K], or probabilities. */
  async scores(given: ExplainInput, output: ScoreChoice["output"] = "score"): Promise<TensorData> {
    this.#sessions.checkInUse();
    const { answer, forward } = this.explainable;
    if (forward === undefined && answer !== undefined) {
      const scores = await inBatches(given, OPAQUE_ROWS, async (batch) => ({ scores: await answer(batch) }));
      const isSettled = output === "score" || this.explainable.gives === "probabilities";
      return isSettled ? (scores["scores"] as TensorData) : softmaxRows(scores["scores"] as TensorData);
    }
    const outputs = await this.#run(`scores ${output}`, given, undefined, ({ x, others }) => {
      const scores = scoresOf(this.explainable, x, others);
      return { scores: output === "probability" ? scores.softmax(1) : scores };
    });
    return outputs["scores"] as TensorData;
  }

  /** The score asked about [N]. */
  async chosen(given: ExplainInput, targets: Int32Array<ArrayBuffer>, choice: ScoreChoice): Promise<Float64Array> {
    if (choice.neuron !== undefined) {
      const outputs = await this.#run(`chosen ${keyOf(choice)}`, given, targets, (leaves) => ({
        score: chosenScore(this.explainable, leaves, choice),
      }));
      return toNumbers(outputs["score"] as TensorData);
    }
    return pickScores(await this.scores(given, choice.output), targets);
  }

  /** The gradient of the target's margin over the best other score with respect to the features: [N, …]. */
  async marginGradient(
    given: ExplainInput,
    targets: Int32Array<ArrayBuffer>,
    output: ScoreChoice["output"] = "score",
  ): Promise<TensorData> {
    const outputs = await this.#run(`margin gradient ${output}`, given, targets, ({ x, target, others }) => {
      const scores = scoresOf(this.explainable, x, others);
      return { gradient: grad(marginScores(output === "probability" ? scores.softmax(1) : scores, target).sum(), x) };
    });
    return outputs["gradient"] as TensorData;
  }

  /** A layer's values [N, …]; as a grid [N, C, h, w] where that is asked for. Without a path it is the one that Grad-CAM looks at. */
  async layer(given: ExplainInput, at: string | undefined, asGrid: boolean): Promise<TensorData> {
    const outputs = await this.#run(`layer ${at ?? ""} ${String(asGrid)}`, given, undefined, ({ x, others }) => ({
      layer: this.#layer(x, scoresOf(this.explainable, x, others), at, asGrid).mul(1),
    }));
    return outputs["layer"] as TensorData;
  }

  /** A layer's values and their gradients of the score asked about, [N, …] each: what concepts are held against. */
  async layerGradient(
    given: ExplainInput,
    targets: Int32Array<ArrayBuffer>,
    choice: ScoreChoice,
    at: string | undefined,
  ): Promise<{ readonly layer: TensorData; readonly gradient: TensorData }> {
    const outputs = await this.#run(`layer gradient ${at ?? ""} ${keyOf(choice)}`, given, targets, (leaves) => {
      const score = chosenScore(this.explainable, leaves, choice);
      const layer = this.#layer(leaves.x, score, at, false);
      return { layer: layer.mul(1), gradient: grad(score.sum(), layer) };
    });
    return { layer: outputs["layer"] as TensorData, gradient: outputs["gradient"] as TensorData };
  }

  #layer(x: Tensor, y: Tensor, at: string | undefined, asGrid: boolean): Tensor {
    if (at !== undefined && !asGrid) return layerNamed(y, x, at);
    const { tensor, grid } = gridLayer(y, x, this.explainable.features, at);
    return asGrid ? grid(tensor) : tensor;
  }

  /** Says which layer was found in the graph for a method that reads one. */
  layerRemark(given: ExplainInput, at: string | undefined): Remark {
    const { x, others } = this.#leaves(takeInput(given, 0, 1), 1);
    return gridLayer(scoresOf(this.explainable, x, others), x, this.explainable.features, at).remark;
  }

  /** Weighted sums over all samples of a gradient method, of examples [N, …]: pieces of samples × examples that fit the memory plan. */
  async sums(
    method: GradientMethod,
    given: ExplainInput,
    targets: Int32Array<ArrayBuffer>,
    samples: Samples,
    options: RowOptions,
    progress: (fraction: number) => void = () => undefined,
  ): Promise<Record<string, TensorData>> {
    const n = targets.length;
    const count = samples.weights.length;
    const key = `${method.name} ${JSON.stringify(options.settings)} ${options.at ?? ""} ${keyOf(options)} ${shapeKey(given)}`;
    const build = (s: number, e: number, drawn: Named): Readonly<Record<string, Tensor>> => {
      const leaves = this.#leaves(takeInput(given, 0, 1), e);
      const weights = input("weights", [s]);
      const tensors = Object.fromEntries(
        Object.entries(drawn).map(([name, d]) => [
          name,
          input(`sample ${name}`, [d.shape[0] === 1 ? 1 : s, d.shape[1] === 1 ? 1 : e, ...d.shape.slice(2)], d.dtype),
        ]),
      );
      return namedSums(rowSums(this.explainable, method, { ...leaves, weights, samples: tensors }, options));
    };
    const rows = this.#sessions.rowsAtOnce(key, (r) => build(r, 1, one(samples.draw(0, 1))));
    const examplesAtOnce = Math.min(n, rows);
    const samplesAtOnce = pieceSize(count, Math.max(1, Math.floor(rows / examplesAtOnce)));
    const groups: Record<string, TensorData>[] = [];
    for (let from = 0; from < n; from += examplesAtOnce) {
      const to = Math.min(n, from + examplesAtOnce);
      const fixed = this.#feeds(takeInput(given, from, to, examplesAtOnce), takeTargets(targets, from, to, examplesAtOnce));
      const total = new Map<string, TensorData>();
      for (let start = 0; start < count; start += samplesAtOnce) {
        const end = Math.min(count, start + samplesAtOnce);
        const drawn = fitted(samples.draw(start, end), end - start, samplesAtOnce, from, to, examplesAtOnce, n);
        const weights = new Float32Array(samplesAtOnce);
        weights.set(samples.weights.subarray(start, end));
        const shape = `${samplesAtOnce}×${examplesAtOnce}`;
        const outputs = await this.#sessions.run(
          `${key} ${shape} ${namesOf(drawn)}`,
          () => build(samplesAtOnce, examplesAtOnce, drawn),
          {
            ...fixed,
            ...Object.fromEntries(Object.entries(drawn).map(([name, d]) => [`sample ${name}`, d])),
            weights: { dtype: "float32", shape: [samplesAtOnce], data: weights },
          },
        );
        for (const [name, value] of Object.entries(outputs)) addTo(total, name, value);
        progress((from * count + end * (to - from)) / (n * count));
      }
      groups.push(Object.fromEntries(total));
    }
    return joinNamedRows(groups, n);
  }

  // --- batches --------------------------------------------------------------------------------------------------------------------------

  #leaves({ features, others = {} }: ExplainInput, rows: number): Leaves {
    return {
      x: input("features", [rows, ...features.shape.slice(1)], features.dtype),
      target: input("target", [rows], "int32"),
      others: Object.fromEntries(
        Object.entries(others).map(([name, d]) => [name, input(`other ${name}`, [rows, ...d.shape.slice(1)], d.dtype)]),
      ),
    };
  }

  #feeds({ features, others = {} }: ExplainInput, targets: Int32Array<ArrayBuffer> | undefined): Named {
    return {
      features,
      ...Object.fromEntries(Object.entries(others).map(([name, d]) => [`other ${name}`, d])),
      ...(targets && { target: { dtype: "int32", shape: [targets.length], data: targets } }),
    };
  }

  /** Runs a graph over examples, in batches of a few sizes. */
  #run(
    key: string,
    given: ExplainInput,
    targets: Int32Array<ArrayBuffer> | undefined,
    build: (leaves: Leaves) => Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, TensorData>> {
    const whole = `${key} ${shapeKey(given)}`;
    const make = (rows: number): Readonly<Record<string, Tensor>> => build(this.#leaves(takeInput(given, 0, 1), rows));
    const atOnce = this.#sessions.rowsAtOnce(whole, make);
    return inBatches(given, atOnce, (batch, from, to) => {
      const rows = batch.features.shape[0] ?? 1;
      const own = targets && takeTargets(targets, from, to, rows);
      return this.#sessions.run(`${whole} ${rows}`, () => make(rows), this.#feeds(batch, own));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sessions[Symbol.asyncDispose]();
  }
}

/** Picks the score of each target [N] from scores [N, K]. */
export function pickScores({ shape: [, k = 1], data }: TensorData, targets: Int32Array): Float64Array {
  return Float64Array.from(targets, (target, i) => Number(data[i * k + target]));
}

const keyOf = ({ output, neuron }: ScoreChoice): string =>
  `${output ?? "score"} ${neuron === undefined ? "" : JSON.stringify(neuron)}`;
const shapeKey = ({ features }: ExplainInput): string => `${features.dtype} ${features.shape.slice(1).join("×")}`;
const namesOf = (drawn: Named): string =>
  Object.entries(drawn)
    .map(([name, d]) => `${name} ${d.shape.slice(0, 2).join("×")}`)
    .join(" ");

/** The drawn arrays of one row. */
const one = (drawn: Named): Named =>
  Object.fromEntries(Object.entries(drawn).map(([name, d]) => [name, { ...d, shape: [1, 1, ...d.shape.slice(2)] }]));

const takeTargets = (targets: Int32Array, from: number, to: number, count: number): Int32Array<ArrayBuffer> =>
  Int32Array.from({ length: count }, (_, i) => targets[Math.min(from + i, to - 1)] as number);

/** Drawn numbers for all samples of a piece and the examples of a group: missing samples repeat the last one, and weigh nothing. */
function fitted(
  drawn: Named,
  got: number,
  samples: number,
  from: number,
  to: number,
  examples: number,
  n: number,
): Record<string, TensorData> {
  return Object.fromEntries(
    Object.entries(drawn).map(([name, d]) => {
      const [s = 1, e = 1, ...rest] = d.shape;
      const padded = s === 1 && got !== 1 ? d : takeRows(d, 0, s, s === got ? samples : s);
      if (e === 1 || (e === examples && n === examples)) return [name, { ...padded, shape: [padded.shape[0] ?? 1, e, ...rest] }];
      const count = padded.shape[0] ?? 1;
      const flat = { ...padded, shape: [count * e, ...rest] };
      const parts = Array.from({ length: count }, (_, i) => takeRows(flat, i * e + from, i * e + to, examples));
      const joined = joinRows(parts, count * examples);
      return [name, { ...joined, shape: [count, examples, ...rest] }];
    }),
  );
}

function addTo(total: Map<string, TensorData>, name: string, value: TensorData): void {
  const sum = total.get(name);
  if (sum === undefined) total.set(name, { ...value, data: value.data.slice() });
  else {
    const numbers = sum.data as Float32Array;
    for (let i = 0; i < numbers.length; i++) numbers[i] = (numbers[i] as number) + Number(value.data[i]);
  }
}

/** Rows of a batch for so many: of few sizes, since each is compiled, and at most an eighth more than are needed. */
function batchSize(rows: number): number {
  if (rows <= 2) return rows;
  const step = Math.max(2, 2 ** (Math.floor(Math.log2(rows)) - 3));
  return Math.ceil(rows / step) * step;
}

/** Runs over rows in batches of one size, as even as `atOnce` allows. */
async function inBatches(
  given: ExplainInput,
  atOnce: number,
  run: (batch: ExplainInput, from: number, to: number) => Promise<Record<string, TensorData>>,
): Promise<Record<string, TensorData>> {
  const n = given.features.shape[0] ?? 1;
  const size = Math.min(atOnce, batchSize(Math.ceil(n / Math.ceil(n / atOnce))));
  const parts: Record<string, TensorData>[] = [];
  for (let from = 0; from < n; from += size) {
    const to = Math.min(n, from + size);
    parts.push(await run(takeInput(given, from, to, size), from, to));
  }
  return joinNamedRows(parts, n);
}

function softmaxRows(scores: TensorData): TensorData {
  const [n = 0, k = 0] = scores.shape;
  const numbers = toNumbers(scores);
  for (let i = 0; i < n; i++) {
    const row = numbers.subarray(i * k, (i + 1) * k);
    const most = row[argMax(row)] as number;
    const sum = row.reduce((total, v) => total + Math.exp(v - most), 0);
    row.forEach((v, j) => (row[j] = Math.exp(v - most) / sum));
  }
  return fromNumbers("float32", [n, k], numbers);
}
