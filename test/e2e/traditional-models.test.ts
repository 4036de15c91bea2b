/**
 * @module Traditional models of a table and of texts, from the command line: trained, measured again, explained, exported, refused.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { loadOnnx } from "../../src/data/node.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import type { TensorData } from "../../src/graph/index.js";
import { compile } from "../../src/runtime/index.js";
import { wasmRuntime } from "../../src/runtime/ort-wasm-node.js";
import { loadExamples } from "../../src/tasks/use/examples-node.js";
import { openTrained } from "../../src/tasks/use/trained-node.js";
import { Random } from "../../src/util/random.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const descent = (...line: string[]) => succeeds(folder, line, { DESCENT_THREADS: "1" });

/** Ages with gaps, a plan that decides with them, and a town of many that says nothing. */
function customers(): string {
  const random = new Random(2, "customers");
  const lines = Array.from({ length: 300 }, () => {
    const [age, plan, town] = [
      20 + random.integer(50),
      ["basic", "pro", "team"][random.integer(3)] as string,
      `town ${random.integer(20)}`,
    ];
    const stays = plan === "pro" || age > 45;
    return `${random.uniform() < 0.1 ? "" : age},${plan},${town},${stays !== random.uniform() < 0.05 ? "stays" : "leaves"},${(age / 10 + (plan === "pro" ? 3 : 0) + random.normal(0, 0.2)).toFixed(2)}`;
  });
  return `age,plan,town,decision,spent\n${lines.join("\n")}\n`;
}

before(() => {
  writeFileSync(join(folder, "customers.csv"), customers());
  const random = new Random(1, "reviews");
  const [good, bad, other] = [
    ["kind", "clean", "quiet"],
    ["dirty", "loud", "rude"],
    ["room", "staff", "street", "bed"],
  ];
  const pick = (words: readonly string[]): string => words[random.integer(words.length)] as string;
  const rows = Array.from(
    { length: 200 },
    (_, i) => `${pick(other)} ${pick(i % 2 ? good : bad)} ${pick(other)} ${pick(other)},${i % 2 ? "good" : "bad"}`,
  );
  writeFileSync(join(folder, "reviews.csv"), `text,label\n${rows.join("\n")}\n`);
});

const CLASSIFIERS = [
  "logistic-regression",
  "linear-svm",
  "naive-bayes",
  "k-nearest-neighbours",
  "random-forest",
  "gradient-boosting",
];
const REGRESSORS = ["linear-svm", "k-nearest-neighbours", "random-forest", "gradient-boosting"];

interface Printed {
  readonly metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A run's file gives in WebAssembly what it gives on the CPU, for rows of the data. */
async function assertSameInWasm(run: string, data: string): Promise<void> {
  const { model, config } = await openTrained(join(folder, run));
  await using used = model;
  const { examples } = await loadExamples(used, config, { data: join(folder, data) });
  const runtime = await wasmRuntime();
  await using session = await runtime.createSession(readFileSync(join(folder, run, "model.onnx")), { device: "wasm" });
  const rows = examples.select(Uint32Array.from({ length: Math.min(40, examples.length) }, (_, i) => i));
  let compared = 0;
  const checks: Promise<void>[] = [];
  await used.run(rows, (outputs, _rows, batch) => {
    const expected = new Map(Object.entries(outputs).map(([name, t]) => [name, toNumbers(t).slice()]));
    const feeds = session.inputs.map((name) => [name, runtime.upload(structuredClone(batch[name] as TensorData))] as const);
    checks.push(
      session.run(Object.fromEntries(feeds)).then(async (given) => {
        for (const [name, value] of Object.entries(given)) {
          const numbers = toNumbers(await runtime.read(value));
          const wanted = expected.get(name) ?? new Float64Array();
          assert.equal(numbers.length, wanted.length);
          const greatest = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
          for (const [i, v] of wanted.entries())
            assert.ok(
              Math.abs((numbers[i] as number) - v) < 1e-5 * greatest,
              `${run}: ${name}: ${v} on the CPU, ${numbers[i]} in wasm`,
            );
          compared += numbers.length;
        }
      }),
    );
  });
  await Promise.all(checks);
  assert.ok(compared > 0);
}

/** Trains and measures again: the summary's figures. */
async function trained(task: string, model: string, data: string, ...more: string[]): Promise<Readonly<Record<string, number>>> {
  const out = `${task}-${model}`;
  const { stdout } = await descent("train", task, "--model", model, "--data", data, "--out", out, "--json", ...more);
  const { metrics } = JSON.parse(stdout) as Printed;
  const again = JSON.parse((await descent("eval", out, "--data", data, "--json")).stdout) as { metrics: Record<string, number> };
  for (const [name, value] of Object.entries(metrics["test"] ?? {}))
    assert.ok(
      Math.abs((again.metrics[name] ?? Number.NaN) - value) < 1e-6,
      `${model}: ${name}: trained ${value}, measured ${again.metrics[name]}`,
    );
  await assertSameInWasm(out, data);
  return metrics["test"] ?? {};
}

suite("models of a table", () => {
  for (const model of CLASSIFIERS)
    test(`${model} learns a class, is measured again the same, and explains an answer`, async () => {
      const { accuracy = 0 } = await trained(
        "tabular-classification",
        model,
        "customers.csv",
        "--label-column",
        "decision",
        "--ignore-column",
        "spent",
      );
      assert.ok(accuracy > 0.6, `accuracy ${accuracy}`);
      const method = model === "k-nearest-neighbours" ? ["--method", "kernel-shap"] : [];
      const out = await descent("explain", `tabular-classification-${model}`, "age=30", "plan=pro", "town=", "--json", ...method);
      const { explanations } = JSON.parse(out.stdout) as { explanations: { method: string; gap: number; values: number[] }[] };
      const [one] = explanations;
      assert.ok(one !== undefined && Math.abs(one.gap) < 1e-3 * Math.max(1, ...one.values.map(Math.abs)), `gap ${one?.gap}`);
      if (/forest|boosting/.test(model)) {
        assert.equal(one.method, "tree-shap-path");
        assert.ok(Math.abs(one.gap) < 1e-5, `gap ${one.gap}`);
      }
    });
  for (const model of REGRESSORS)
    test(`${model} learns a quantity`, async () => {
      const { r2 = 0 } = await trained(
        "tabular-regression",
        model,
        "customers.csv",
        "--label-column",
        "spent",
        "--ignore-column",
        "decision",
      );
      assert.ok(r2 > 0.5, `R² ${r2}`);
    });
  test("an exported file gives the run's answers outside, gaps and categories inside", async () => {
    const file = await loadOnnx(join(folder, "tabular-classification-gradient-boosting", "model.onnx"));
    await using session = await compile(file);
    const rows = fromNumbers("float32", [2, 3], [Number.NaN, 2, 2, 0.5, 3, 99]);
    const { logits } = await session.call({ features: rows });
    assert.deepEqual((logits as TensorData).shape, [2, 2]);
    assert.ok(toNumbers(logits as TensorData).every(Number.isFinite));
  });
});

suite("models of texts", () => {
  for (const model of ["logistic-regression", "naive-bayes", "linear-svm", "gradient-boosting"])
    test(`${model} learns words`, async () => {
      const { accuracy = 0 } = await trained("text-classification", model, "reviews.csv");
      assert.ok(accuracy > 0.85, `accuracy ${accuracy}`);
    });
});

test("what a method does not do is refused, with what does", async () => {
  const line = [
    "train",
    "tabular-regression",
    "--model",
    "logistic-regression",
    "--data",
    "customers.csv",
    "--label-column",
    "spent",
    "--out",
    "no",
  ];
  await isRefused(folder, line, /logistic-regression.*gradient-boosting/);
  const steps = [
    "train",
    "tabular-classification",
    "--model",
    "naive-bayes",
    "--epochs",
    "3",
    "--data",
    "customers.csv",
    "--label-column",
    "decision",
    "--out",
    "no",
  ];
  await isRefused(folder, steps, /--epochs: expected a model that is trained in steps, got naive-bayes/);
});
