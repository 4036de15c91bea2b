/**
 * @module `npm run active-learning`: labels that strategies need for the accuracy that random choice has at the full budget: two sets of texts and one of images,
 * 5 seeds. Pool, batch and budget are fixed here, before anything is measured.
 */
import { hog } from "../../src/classical/hog.js";
import type { Matrix } from "../../src/classical/matrix.js";
import { denseMatrix } from "../../src/classical/matrix.js";
import { classesOf, concatenate, encodeLabels, loadData } from "../../src/data/node.js";
import type { TensorData } from "../../src/graph/index.js";
import { input, toNumbers } from "../../src/graph/index.js";
import { TextFeatures } from "../../src/label/features.js";
import { compile } from "../../src/runtime/index.js";
import { median } from "../../src/util/median.js";
import { Random } from "../../src/util/random.js";
import type { CurvePoint } from "./simulation.js";
import { labelsFor, simulateLabelling } from "./simulation.js";
import type { Strategy } from "./strategies.js";

const [POOL, TEST, BATCH, BUDGET] = [5000, 1500, 100, 1000];
const SEEDS = [1, 2, 3, 4, 5];
const STRATEGIES: readonly Strategy[] = ["random", "uncertainty-diversity", "gradient-diversity"];

interface Played {
  readonly x: Matrix;
  readonly labels: Int32Array;
  readonly classes: number;
}

async function edges(images: TensorData): Promise<Matrix> {
  const [count = 0, , height = 28, width = 28] = images.shape;
  const side = height * width;
  const pixels = toNumbers(images);
  const size = 500;
  const x = input("image", [size, 1, height, width]);
  await using session = await compile({ edges: hog(x) });
  const rows: Float64Array[] = [];
  for (let from = 0; from < count; from += size) {
    const data = new Float32Array(size * side);
    data.set(pixels.subarray(from * side, Math.min(count, from + size) * side).map((value) => value / 255));
    const found = await session.call({ image: { dtype: "float32", shape: [size, 1, height, width], data } });
    rows.push(toNumbers(found.edges as TensorData));
  }
  const columns = (rows[0]?.length ?? 0) / size;
  const all = new Float32Array(count * columns);
  rows.forEach((part, i) => all.set(part.subarray(0, Math.min(size, count - i * size) * columns), i * size * columns));
  for (let i = 0; i < count; i++) {
    const row = all.subarray(i * columns, (i + 1) * columns);
    const norm = Math.hypot(...row) || 1;
    for (let j = 0; j < columns; j++) row[j] = (row[j] as number) / norm;
  }
  return denseMatrix(all, columns);
}

async function open(name: string): Promise<Played> {
  const { train, validation, test, roles } = await loadData(name, { testFraction: 0, validationFraction: 0 });
  const whole = concatenate([train, validation, test].filter(({ length }) => length > 0));
  const order = new Random(0, "pool").permutation(whole.length).slice(0, POOL + TEST);
  const rows = whole.select(order);
  const target = roles.target ?? "label";
  const classes = classesOf(rows.column(target), target);
  const labels = Int32Array.from(encodeLabels(rows.column(target), classes, name).data, Number);
  const x =
    roles.image === undefined
      ? new TextFeatures(rows.texts(roles.text ?? "text").map((text) => text ?? "")).x
      : await edges(rows.tensor("image"));
  return { x, labels, classes: classes.length };
}

for (const name of process.argv.length > 2 ? process.argv.slice(2) : ["sst2", "chnsenticorp-hotel", "fashion-mnist"]) {
  const played = await open(name);
  const rows = Array.from(played.labels.keys());
  const [pool, test] = [rows.slice(0, POOL), rows.slice(POOL)];
  const curves = new Map<Strategy, CurvePoint[][]>();
  for (const strategy of STRATEGIES)
    curves.set(
      strategy,
      SEEDS.map((seed) => simulateLabelling({ ...played, pool, test, strategy, budget: BUDGET, batch: BATCH, seed })),
    );
  const ends = (curves.get("random") ?? []).map((curve) => curve.at(-1)?.accuracy ?? NaN);
  // The mean over seeds: one seed's own end is noisy.
  const goal = ends.reduce((a, b) => a + b, 0) / ends.length;
  for (const [strategy, found] of curves) {
    const shares = found.map((curve) => labelsFor(curve, goal) / BUDGET);
    const mean = found[0]?.map((_, i) => found.reduce((sum, curve) => sum + (curve[i]?.accuracy ?? 0), 0) / found.length) ?? [];
    const shown = { data: name, strategy, goal, medianShare: median(shares), shares, end: mean.at(-1), curve: mean };
    console.log(
      JSON.stringify(shown, (_, value: unknown) => (typeof value === "number" ? Math.round(value * 1e4) / 1e4 : value)),
    );
  }
}
