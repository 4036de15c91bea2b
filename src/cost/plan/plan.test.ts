import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Gpt2 } from "../../models/index.js";
import { Random } from "../../util/random.js";
import type { HardwareEntry, LossPoint, ParametricLaw, PlanOptions, TransformerSizes } from "./index.js";
import {
  activationBytesOfLayer,
  BESIROGLU,
  BESIROGLU_ERRORS,
  CATALOGUE,
  computeOptimal,
  curveAt,
  fitCurve,
  fitLaw,
  flopsPerToken,
  hardwareNamed,
  HOFFMANN,
  kaplanSizes,
  lossOf,
  memoryOfSplit,
  optimalSizes,
  parametersOf,
  plan,
  stateBytes,
  withHardwareFile,
} from "./index.js";
import { minimize } from "./minimize.js";

const GPT2: TransformerSizes = { layers: 12, width: 768, heads: 12, vocabulary: 50_257, context: 1024 };
const near = (got: number, expected: number, share: number): void =>
  assert.ok(Math.abs(got / expected - 1) <= share, `expected ${expected} within ${100 * share} %, got ${got}`);

test("a decoder by its sizes has GPT-2's parameters, and the FLOPs that PyTorch's counter gives its products", () => {
  assert.equal(parametersOf(GPT2), 124_439_808);
  assert.equal(parametersOf({ ...GPT2, layers: 48, width: 1600, heads: 25 }), 1_557_611_200);
  const small: TransformerSizes = { layers: 2, width: 128, heads: 4, vocabulary: 1000, context: 32 };
  const options = { vocabSize: 1000, maxPositions: 32, hiddenSize: 128, numLayers: 2, numHeads: 4 };
  assert.equal(parametersOf(small), new Gpt2(options).parameterCount);
  const golden = JSON.parse(readFileSync("test/golden/flops.json", "utf8")) as {
    readonly batch: number;
    readonly models: { readonly gpt2: { readonly forward: number; readonly backward: number } };
  };
  const { forward, backward } = golden.models.gpt2;
  assert.equal(flopsPerToken(small), (forward + backward) / (golden.batch * small.context));
});

test("state and activations take what the papers' own examples say", () => {
  // ZeRO, Figure 1: 7.5 G parameters, 64 devices, Adam in mixed precision.
  const state = stateBytes("adam", true);
  const gigabytes = ([0, 1, 2, 3] as const).map((zero) => {
    const split = { data: 64, tensor: 1, pipeline: 1, zero, microBatch: 1 };
    return memoryOfSplit({ parameters: 7.5e9, state, activations: () => 0 }, split).total / 1e9;
  });
  assert.deepEqual(
    gigabytes.map((size) => size.toFixed(1)),
    ["120.0", "31.4", "16.6", "1.9"],
  );
  // Korthikanti et al., §4.1: of GPT-3's activations attention holds 80 of 34 + 80.
  const gpt3: TransformerSizes = { layers: 96, width: 12_288, heads: 96, vocabulary: 50_257, context: 2048 };
  const of = (recompute: "none" | "selective" | "full", tensor = 1): number =>
    activationBytesOfLayer(gpt3, { microBatch: 1, tensor, recompute, bytes: 2 }) / (2048 * 12_288);
  assert.equal(of("none"), 34 + 80);
  assert.equal(of("selective"), 34);
  assert.equal(of("full"), 2);
  assert.equal(of("none", 8), 10 + 3 + 10);
});

test("optimal sizes are the least loss that a search finds, and those that the papers name", () => {
  for (const law of [HOFFMANN, BESIROGLU]) {
    const flops = 1e21;
    const { parameters, tokens } = optimalSizes(law, flops);
    near(6 * parameters * tokens, flops, 1e-9);
    const least = lossOf(law, parameters, tokens);
    for (const factor of [0.5, 0.9, 1.1, 2]) assert.ok(lossOf(law, parameters * factor, tokens / factor) > least);
  }
  // Hoffmann et al. 2022, §3.3 and Table 3: Gopher's 5.76e23 FLOPs call for 40 G parameters by approach 3.
  near(optimalSizes(HOFFMANN, 5.76e23).parameters, 40e9, 0.03);
  // Besiroglu et al. 2024: about 20 tokens a parameter, as the other two approaches and Chinchilla itself.
  const { parameters, tokens } = optimalSizes(BESIROGLU, 5.76e23);
  assert.ok(tokens / parameters > 15 && tokens / parameters < 25);
  const day = kaplanSizes(8.64e19);
  assert.deepEqual([day.parameters, day.tokens], [1.3e9, 2e10]);
  assert.deepEqual(
    computeOptimal(1e20).map(({ law }) => law),
    ["Besiroglu et al. 2024", "Hoffmann et al. 2022, approach 3", "Kaplan et al. 2020"],
  );
});

test("the search finds the bottom of Rosenbrock's valley", () => {
  const { x } = minimize(([a = 0, b = 0]) => (1 - a) ** 2 + 100 * (b - a * a) ** 2, [-1.2, 1]);
  near(x[0] ?? 0, 1, 1e-4);
  near(x[1] ?? 0, 1, 1e-4);
});

test("a law fitted to points equals SciPy's fit, and its intervals hold the law that the points were drawn from", () => {
  const golden = JSON.parse(readFileSync("test/golden/scaling-law.json", "utf8")) as {
    readonly law: ParametricLaw;
    readonly points: readonly LossPoint[];
  };
  const { law, low, high } = fitLaw(golden.points, { resamples: 60 });
  near(law.e, golden.law.e, 1e-3);
  near(law.alpha, golden.law.alpha, 3e-3);
  near(law.beta, golden.law.beta, 3e-3);
  near(law.a, golden.law.a, 0.02);
  near(law.b, golden.law.b, 0.02);
  const truth: ParametricLaw = { e: 1.8, a: 450, b: 2000, alpha: 0.345, beta: 0.365 };
  for (const key of ["e", "alpha", "beta"] as const) assert.ok(low[key] <= truth[key] && truth[key] <= high[key], key);
});

test("points that cannot be fitted are refused", () => {
  const point: LossPoint = { parameters: 1e8, tokens: 1e10, loss: 3 };
  assert.throws(() => fitLaw([point, point]), /expected at least 6 points/);
  assert.throws(() => fitLaw(Array.from({ length: 8 }, () => point)), /expected points of different parameters/);
  const varied = Array.from({ length: 6 }, (_, i) => ({ ...point, parameters: (i + 1) * 1e8, tokens: (6 - i) * 1e9 }));
  assert.throws(() => fitLaw([...varied, { ...point, loss: -1 }]), /expected loss above 0 in each point, got -1/);
});

const data = process.env["DESCENT_DATA"];
const POINTS = data === undefined ? undefined : join(data, "chinchilla", "svg_extracted_data.csv");
let points: string | undefined;
try {
  points = POINTS === undefined ? undefined : readFileSync(POINTS, "utf8");
} catch {
  points = undefined;
}

test(
  "Chinchilla's public points give constants within the intervals of Besiroglu et al.",
  {
    skip:
      points === undefined &&
      "set DESCENT_DATA to a folder with chinchilla/svg_extracted_data.csv of epoch-research/analyzing-chinchilla",
  },
  () => {
    const rows = (points ?? "")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(",").map(Number))
      .map((row): LossPoint => {
        const [parameters, flops, loss] = [row[3], row[4], row[6]] as [number, number, number];
        return { parameters, tokens: flops / (6 * parameters), loss };
      });
    // They leave out the five of the highest loss, as outliers.
    const limit = rows.map(({ loss }) => loss).sort((a, b) => b - a)[4] as number;
    const kept = rows.filter(({ loss }) => loss < limit);
    assert.equal(kept.length, 240);
    const { law } = fitLaw(kept, { resamples: 1 });
    for (const key of ["e", "a", "b", "alpha", "beta"] as const) {
      const off = Math.abs(law[key] - BESIROGLU[key]);
      assert.ok(off < 1.96 * BESIROGLU_ERRORS[key], `${key}: ${law[key]}, published ${BESIROGLU[key]}`);
      // Far closer than that: the same data and objective.
      near(law[key], BESIROGLU[key], 0.035);
    }
  },
);

test("a learning curve without noise is found, and predicts ten times the data", () => {
  const truth = { offset: 0.08, scale: 3, exponent: 0.4 };
  const sizes = [500, 1000, 2000, 4000, 8000];
  const { predictions, curve } = fitCurve(
    sizes.map((x) => ({ x, y: curveAt(truth, x) })),
    [80_000],
  );
  near(curve.exponent, truth.exponent, 0.01);
  near(predictions[0]?.y ?? 0, curveAt(truth, 80_000), 0.005);
});

test("nine in ten intervals hold the truth, or nearly as many", () => {
  const truth = { offset: 0.1, scale: 2, exponent: 0.35 };
  const random = new Random("curves");
  const sizes = [300, 600, 1200, 2400, 4800, 9600];
  let held = 0;
  const trials = 15;
  for (let i = 0; i < trials; i++) {
    const drawn = sizes.map((x) => ({ x, y: curveAt(truth, x) * Math.exp(0.02 * random.normal()) }));
    const { low = 0, high = 0 } = fitCurve(drawn, [96_000], { resamples: 40, seed: i }).predictions[0] ?? {};
    if (low <= curveAt(truth, 96_000) && curveAt(truth, 96_000) <= high) held++;
  }
  assert.ok(held >= 0.7 * trials, `${held} of ${trials}`);
});

test("too few runs, and errors that are none, are refused", () => {
  const three = [1, 2, 3].map((x) => ({ x, y: 1 / x }));
  assert.throws(() => fitCurve(three, [30]), /expected runs of at least 4 sizes/);
  assert.throws(() => fitCurve([...three, { x: 4, y: 0 }], [30]), /expected sizes and errors above 0/);
});

const a100: HardwareEntry = hardwareNamed("a100-sxm4-80gb");
const OPTIONS: PlanOptions = {
  model: { kind: "sizes", sizes: GPT2 },
  amount: 300e9,
  hardware: a100,
  dtype: "bfloat16",
  optimizer: "adamw",
  batch: 2 ** 19,
  recompute: "selective",
  utilization: 0.4,
  utilizationSource: "test",
  memoryShare: 0.9,
  limits: {},
  grid: 400,
  gridSource: "test",
  pue: 1.5,
  pueSource: "test",
};
const valueOf = (options: PlanOptions, name: string): number =>
  plan(options).figures.find((one) => one.name === name)?.value ?? NaN;

test("time, energy, CO₂ and money follow from the work by hand", () => {
  const flops = 300e9 * flopsPerToken(GPT2);
  assert.equal(valueOf(OPTIONS, "FLOPs of the training"), flops);
  const days = flops / (312e12 * 0.4) / 86_400;
  near(valueOf(OPTIONS, "time"), days, 1e-12);
  near(valueOf(OPTIONS, "energy"), (days * 24 * 400 * 1.5) / 1000, 1e-12);
  near(valueOf(OPTIONS, "CO₂"), (days * 24 * 400 * 1.5 * 400) / 1e6, 1e-12);
  near(valueOf(OPTIONS, "money"), days * 24 * 1.99, 1e-12);
  for (const { formula, source } of plan(OPTIONS).figures) assert.ok(formula !== "" && source !== "");
});

test("devices are as many as end in time, and a large model is split until it fits", () => {
  assert.equal(plan(OPTIONS).devices, 1);
  const { devices, figures } = plan({ ...OPTIONS, limits: { days: 4 } });
  assert.equal(devices, 8);
  assert.ok((figures.find(({ name }) => name === "time")?.value ?? NaN) <= 4);
  const gpt3 = { layers: 96, width: 12_288, heads: 96, vocabulary: 50_257, context: 2048 };
  const large = plan({ ...OPTIONS, model: { kind: "sizes", sizes: gpt3 }, batch: 3.2e6, devices: 1024 });
  const { split, memory } = large.split;
  assert.equal(split.data * split.tensor * split.pipeline, 1024);
  assert.ok(memory.total <= 0.9 * 80e9);
  assert.ok(split.zero > 0 || split.tensor * split.pipeline > 1);
  // Narayanan et al. 2021, §5.1: 34 days on 1,024 A100s at 140 TFLOP/s each, with recomputation.
  const days = valueOf(
    { ...OPTIONS, model: { kind: "sizes", sizes: gpt3 }, batch: 3.2e6, devices: 1024, recompute: "full", utilization: 140 / 312 },
    "time",
  );
  near(days, 34, 0.06);
});

test("limits that contradict each other, and hardware without a needed field, are refused in one line", () => {
  const refused = (options: Partial<PlanOptions>, message: RegExp): void =>
    assert.throws(() => plan({ ...OPTIONS, ...options }), message);
  refused(
    { devices: 1, limits: { days: 1 } },
    /limits contradict each other: expected --days 1, got 23\.8 days on 1 × a100-sxm4-80gb; take about 24 devices, faster ones, or 1\/24 of the data$/,
  );
  refused({ limits: { dollars: 0.1 } }, /expected --money 0\.1, got 1\.14 k US\$ .*; take 1\/11,000 of the data or the model/);
  refused({ limits: { kilogramsCo2: 1 } }, /expected --co2 1/);
  refused({ limits: { kilowattHours: 1 } }, /expected --energy 1/);
  const { dollarsPerHour: _, watts: __, linkBandwidth: ___, ...bare } = a100;
  refused(
    { hardware: bare, limits: { dollars: 1e9 } },
    /hardware a100-sxm4-80gb: expected dollarsPerHour for money, got none; add it in a file: --hardware FILE/,
  );
  refused({ hardware: bare, limits: { kilowattHours: 1e9 } }, /expected watts for energy/);
  refused({ hardware: bare, devices: 8 }, /expected linkBandwidth for the exchange of gradients/);
  refused(
    { hardware: { ...a100, peakFlops: { float32: 1e12 } } },
    /expected peakFlops for bfloat16, got float32; take --dtype float32/,
  );
  refused(
    { fixed: { tensor: 3 }, devices: 2 },
    /expected --tensor to divide \d+ heads, --pipeline \d+ layers, both together 2 devices, .* got --tensor 3 and --pipeline 1/,
  );
  refused(
    { hardware: { ...a100, memoryBytes: 1e9 }, devices: 1 },
    /expected the training to fit on 1 × a100-sxm4-80gb of 0\.931 GiB, got a state of 1\.85 GiB/,
  );
  refused({ model: { kind: "sizes", sizes: { ...GPT2, heads: 5 } } }, /expected a width that 5 heads divide, got 768/);
});

/** Runs a function, and returns the error that it throws, if any. */
function thrownBy(f: () => unknown): unknown {
  try {
    f();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("the catalogue is whole, a file changes and adds entries, and an unknown name is answered with the nearest", () => {
  for (const entry of withHardwareFile([], "none")) {
    assert.match(entry.sources.specification.date, /^20\d\d-\d\d$/);
    assert.ok(entry.dollarsPerHour === undefined || entry.sources.price !== undefined, entry.name);
  }
  assert.equal(new Set(CATALOGUE.map(({ name }) => name)).size, CATALOGUE.length);
  const source = { text: "mine", date: "2026-01" };
  const mine = [
    { name: "t4", dollarsPerHour: 0.35 },
    { name: "mine", peakFlops: { float32: 1e12 }, memoryBytes: 1e9, sources: { specification: source } },
  ];
  const entries = withHardwareFile(mine, "mine.json");
  assert.equal(hardwareNamed("t4", entries).dollarsPerHour, 0.35);
  assert.equal(hardwareNamed("t4", entries).watts, 70);
  assert.equal(hardwareNamed("mine", entries).memoryBytes, 1e9);
  assert.throws(() => hardwareNamed("a100-sxm4-80g"), /a100-sxm4-80gb/);
  assert.throws(
    () => withHardwareFile([{ name: "new", memoryBytes: 1 }], "mine.json"),
    /mine\.json: new: peakFlops: expected .*; write a list of entries: of a new device at least \{"name":"mine",/,
  );
  assert.throws(() => withHardwareFile([{ name: "t4", watts: -1 }], "mine.json"), /mine\.json: t4: watts: .*; write a list/);
  assert.throws(() => withHardwareFile({}, "mine.json"), /mine\.json: expected array, got object; write a list/);
  const example = /at least (\{.*\}), in FLOP/.exec(String(thrownBy(() => withHardwareFile({}, "mine.json"))))?.[1];
  assert.equal(hardwareNamed("mine", withHardwareFile([JSON.parse(example ?? "")], "mine.json")).memoryBytes, 16e9);
});
