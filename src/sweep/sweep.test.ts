import assert from "node:assert/strict";
import { test } from "node:test";
import { checkMarkup } from "../charts/markup.test.util.js";
import { Random } from "../util/random.js";
import { testBest } from "./noise.js";
import { parseRecipe } from "./recipe.js";
import { formatResult, resultOf } from "./result.js";
import { sweepChart, sweepPage } from "./page.js";
import type { Job, Outcome } from "./schedule.js";
import { allOf, rungsOf, runJobs, successiveHalving } from "./schedule.js";
import { haltonPoints, sobolPoints } from "./sobol.js";
import { settingsOf } from "./space.js";

const RECIPE = `
task: tabular-classification
options: { data: rows.csv }
search:
  lr: { from: 0.0001, to: 0.1, scale: log }
  batch-size: [16, 32, 64]
`;
const parsed = (text: string): ReturnType<typeof parseRecipe> => parseRecipe(text, "recipe.yaml");

test("Sobol's and Halton's points are those of scipy.stats.qmc", () => {
  const points = sobolPoints(8, 16);
  assert.deepEqual(points[0], new Array<number>(16).fill(0));
  assert.deepEqual(
    points[5],
    [0.875, 0.875, 0.125, 0.375, 0.875, 0.625, 0.875, 0.375, 0.375, 0.125, 0.375, 0.875, 0.875, 0.125, 0.875, 0.375],
  );
  assert.deepEqual(
    points[7],
    [0.125, 0.625, 0.375, 0.125, 0.125, 0.375, 0.625, 0.625, 0.625, 0.875, 0.625, 0.125, 0.625, 0.375, 0.125, 0.125],
  );
  haltonPoints(6, 4)[5]?.forEach((x, d) => assert.ok(Math.abs(x - ([0.625, 7 / 9, 0.04, 5 / 7][d] as number)) < 1e-12));
  // Shifted points still have one in each eighth of each dimension.
  for (let d = 0; d < 16; d++)
    assert.equal(new Set(sobolPoints(8, 16, 7).map((point) => Math.floor(8 * (point[d] as number)))).size, 8, `dimension ${d}`);
  assert.throws(() => sobolPoints(4, 17), /at most 16 options, got 17/);
});

test("settings lie on the grid, or in the ranges", () => {
  const { dimensions } = parsed(RECIPE);
  assert.equal(settingsOf(dimensions, "grid", 0, 1).length, 9);
  assert.deepEqual([...new Set(settingsOf(dimensions, "grid", 0, 1).map((s) => s.get("lr")))], [0.0001, 0.00316228, 0.1]);
  for (const method of ["random", "sobol", "halton", "asha"] as const) {
    const settings = settingsOf(dimensions, method, 20, 3);
    assert.equal(settings.length, 20);
    for (const setting of settings) assert.ok((setting.get("lr") as number) >= 0.0001 && (setting.get("lr") as number) <= 0.1);
    assert.deepEqual(settings, settingsOf(dimensions, method, 20, 3));
    assert.notDeepEqual(settings, settingsOf(dimensions, method, 20, 4));
  }
  const whole = parsed(
    "task: tabular-classification\noptions: { data: x.csv }\nsearch: { epochs: { from: 1, to: 4 }, batchSize: { from: 2, to: 5 } }",
  );
  const sizes = settingsOf(whole.dimensions, "random", 200, 1).map((s) => s.get("batchSize"));
  assert.deepEqual(
    [...new Set(sizes)].sort((a, b) => Number(a) - Number(b)),
    [2, 3, 4, 5],
  );
});

test("a recipe with an unknown option, an empty range or a contradiction is refused in one line", () => {
  const refused = (text: string, expected: RegExp): void => assert.throws(() => parsed(text), expected, text);
  const search = (text: string): string => `task: tabular-classification\noptions: { data: x.csv }\nsearch: { ${text} }`;
  refused(search("learning-rte: [1]"), /^ConfigError: recipe.yaml: search: unknown option "learning-rte"/);
  refused(search("batch-sise: [1]"), /did you mean "batch-size"\?$/);
  refused(search("lr: []"), /search: lr: expected at least one value, got an empty list/);
  refused(search("lr: { from: 0.1, to: 0.1 }"), /expected a range with from below to, got 0.1 to 0.1/);
  refused(search("lr: { from: 0.1, to: 0.01, scale: log }"), /expected a range with from below to/);
  refused(search("weight-decay: { from: 0, to: 0.1, scale: log }"), /expected a range above 0 for scale: log/);
  refused(search("lr: { from: -1, to: 1 }"), /search: lr: expected a number above 0, got -1/);
  refused(search("optimizer: { from: 1, to: 2 }"), /expected a list of values, got a range; optimizer is not a number/);
  refused(search("optimizer: [adamv]"), /did you mean "adam"|unknown value "adamv"/);
  refused(search("seed: [1, 2]"), /seed: expected an option of training that a sweep leaves free; give seeds/);
  refused(search(""), /search: expected at least one option, got none/);
  refused(search("lr: [0.1] }\nmethod: asha #"), /expected halving with from and to in epochs/);
  refused(`${search("lr: [0.1]")}\nhalving: { from: 1, to: 9 }`, /halving: expected method: asha as well/);
  refused(`${search("lr: [0.1]")}\nmetric: f1`, /metric: f1: expected mode: min or max as well/);
  refused(`${search("lr: [0.1]")}\nseeds: []`, /seeds: expected at least one/);
  refused(`${search("lr: [0.1]")}\nsedes: 3`, /recipe.yaml: .*sedes/);
  refused("task: tabular-classification\nsearch: { lr: [0.1] }", /options: expected data, got none/);
  refused("task: tabular-clasification\nsearch: { lr: [0.1] }", /tabular-classification/);
  refused("task: [", /expected YAML/);
  refused("- 1", /recipe.yaml: expected/);
});

/** Runs a schedule with scores of trials, and returns the jobs in their order. */
async function jobsOf(
  atOnce: number,
  score: (job: Job) => number,
  delay: () => number,
): Promise<{ jobs: Job[]; outcomes: Outcome[] }> {
  const schedule = successiveHalving(9, { seeds: [1], mode: "max", halving: { from: 1, to: 9, factor: 3 } });
  const jobs: Job[] = [];
  const outcomes = await runJobs(schedule, atOnce, (job) => {
    jobs.push(job);
    const outcome = new Promise<Outcome>((resolve) => setTimeout(() => resolve({ job, scores: [score(job)] }), delay()));
    return () => outcome;
  });
  return { jobs, outcomes };
}

test("successive halving lets the first third of each rung go on, in an order that no delay changes", async () => {
  assert.deepEqual(rungsOf({ from: 1, to: 9, factor: 3 }), [1, 3, 9]);
  assert.deepEqual(rungsOf({ from: 2, to: 10, factor: 4 }), [2, 8, 10]);
  const score = ({ trial, rung }: Job): number => ((trial * 5) % 9) + rung / 10;
  const random = new Random(Date.now(), "delays");
  const once = await jobsOf(3, score, () => 0);
  for (let i = 0; i < 4; i++) assert.deepEqual((await jobsOf(3, score, () => random.integer(6))).jobs, once.jobs);
  assert.equal(once.jobs.filter(({ rung }) => rung === 0).length, 9);
  assert.ok(once.jobs.some(({ rung, trial }) => rung === 2 && (trial * 5) % 9 >= 6));
  assert.deepEqual(once.jobs.find(({ rung }) => rung === 2)?.epochs, 9);
  // One after another it is exact: the best of all is trained longest.
  const alone = await jobsOf(1, score, () => 0);
  assert.ok(alone.jobs.filter(({ rung }) => rung === 1).length >= 3);
});

test("every setting is trained with every seed", async () => {
  const outcomes = await runJobs(
    allOf(2, [4, 5]),
    3,
    (job) => () => Promise.resolve({ job, scores: [job.trial + (job.seeds[0] as number)] }),
  );
  assert.deepEqual(
    outcomes.map(({ scores }) => scores[0]),
    [4, 5, 5, 6],
  );
});

test("the best of equal settings is noise, and one that is ahead in every seed is not", () => {
  const random = new Random(2, "scores");
  let called = 0;
  for (let i = 0; i < 40; i++) {
    const scores = Array.from({ length: 8 }, () => Array.from({ length: 5 }, () => random.normal()));
    if (testBest(scores, "max", i)?.isBetter === true) called++;
  }
  assert.ok(called <= 6, `${called} of 40 sweeps of noise found something`);
  const ahead = Array.from({ length: 8 }, (_, trial) => Array.from({ length: 5 }, () => random.normal() + (trial === 3 ? 6 : 0)));
  assert.ok((testBest(ahead, "max")?.p ?? 1) < 0.01);
  assert.ok(
    (testBest(
      ahead.map((row) => row.map((x) => -x)),
      "min",
    )?.ahead.difference ?? 0) > 3,
  );
  assert.equal(testBest([[1], [2]], "max"), undefined);
  assert.equal(
    testBest(
      [
        [1, 2],
        [2, 1],
      ],
      "max",
    )?.smallest,
    0.5,
  );
});

test("a sweep's table, picture and page show every setting, names of strangers escaped", () => {
  const recipe = parsed(
    `task: tabular-classification\noptions: { data: "<b>.csv" }\nsearch: { lr: [0.1, 0.01], optimizer: [sgd, adamw] }\nmethod: grid\nseeds: 2`,
  );
  const settings = settingsOf(recipe.dimensions, "grid", 0, 1);
  const outcomes = settings.flatMap((_, trial) =>
    recipe.seeds.map((seed) => ({
      job: { trial, seeds: [seed], rung: 0 },
      scores: [trial === 2 ? undefined : 0.5 - 0.1 * trial + seed / 100],
      ...(trial === 2 ? { remark: "loss <NaN>" } : {}),
    })),
  );
  const result = resultOf(recipe, settings, outcomes);
  assert.deepEqual(
    result.trials.map(({ number }) => number),
    [4, 2, 1, 3],
  );
  assert.match(result.command, /^descent train tabular-classification --data '<b>\.csv' --lr 0\.01 --optimizer adamw --seed 1$/);
  assert.match(formatResult(result), /failed/);
  checkMarkup(sweepChart(result));
  const page = sweepPage(result, "zh");
  assert.ok(page.includes("&lt;b&gt;.csv") && !page.includes("<b>.csv") && page.includes("loss &lt;NaN&gt;"));
});
