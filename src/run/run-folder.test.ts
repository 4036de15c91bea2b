import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError } from "../util/errors.js";
import { formatRecord, parseMetricsLog } from "./metrics-log.js";
import { createRun, openRun, resumeRun, splitRunPath } from "./run-folder-node.js";
import type { RunSummary } from "./run-folder.js";
import { bytes, config, pretend, scratch } from "./run-folder.test.util.js";

test("what was written is read back", async (t) => {
  const path = scratch(t);
  using writer = await createRun(path, { config });
  await pretend(writer, 1, 7);
  const summary: RunSummary = {
    task: "image-classification",
    model: "mlp",
    data: "digits",
    seed: 1,
    device: "cpu",
    parameters: 10,
    flopsPerStep: 20,
    steps: 7,
    stepMs: 1.5,
    trainSeconds: 3,
    peakMemoryMiB: 100,
    metrics: { test: { accuracy: 0.97 } },
  };
  await writer.writeSummary(summary);
  await writer.write("report.html", "<p>好");
  await assert.rejects(writer.write("../elsewhere", "x"), ConfigError);

  const run = await openRun(path);
  assert.deepEqual(await run.config(), config);
  assert.deepEqual(await run.summary(), summary);
  assert.equal(new TextDecoder().decode(await run.read("report.html")), "<p>好");
  assert.deepEqual(
    (await run.metrics()).map((record) => record.step),
    [1, 2, 3, 4, 5, 6, 7],
  );
  assert.deepEqual(await run.checkpoints(), [6, 3]);
  const checkpoint = await run.readCheckpoint();
  assert.equal(checkpoint.step, 6);
  assert.deepEqual(checkpoint.files["model.safetensors"], bytes(1000, 6));
  assert.deepEqual(
    readdirSync(path).filter((name) => name.startsWith(".")),
    [],
  );
});

test("the newest checkpoints and the best one stay, the others go", async (t) => {
  using writer = await createRun(scratch(t), { config, keepCheckpoints: 2 });
  for (const step of [10, 20, 30, 40, 50]) await writer.saveCheckpoint(step, { m: bytes(5, step) }, { best: step === 20 });
  assert.deepEqual(await writer.folder.checkpoints(), [50, 40, 20]);
  assert.equal((await writer.folder.readCheckpoint("best")).step, 20);
  assert.equal((await writer.folder.readCheckpoint("last")).step, 50);
});

test("resuming cuts the logs back to the checkpoint, and drops a course that was left", async (t) => {
  const path = scratch(t);
  {
    using writer = await createRun(path, { config });
    await pretend(writer, 1, 8);
  }
  appendFileSync(join(path, "metrics.jsonl"), '{"step":9,"spl');
  assert.equal((await (await openRun(path)).metrics()).length, 8, "a torn last line is passed over");
  {
    const { writer, checkpoint } = await resumeRun(path);
    using _ = writer;
    assert.equal(checkpoint.step, 6);
    assert.deepEqual(
      (await writer.folder.metrics()).map((record) => record.step),
      [1, 2, 3, 4, 5, 6],
    );
    assert.equal(writer.eventBytes, 6);
    await pretend(writer, 7, 9);
  }
  const { writer, checkpoint } = await resumeRun(join(path, "checkpoints", "step-6"));
  using _ = writer;
  assert.equal(checkpoint.step, 6);
  assert.equal(await writer.folder.pointer("last"), 6);
  await writer.saveCheckpoint(7, { m: bytes(3) });
  assert.deepEqual(await writer.folder.checkpoints(), [7, 6]);
});

test("a checkpoint written twice at one step is whole, whether its bytes changed or not", async (t) => {
  using writer = await createRun(scratch(t), { config });
  await writer.saveCheckpoint(5, { m: bytes(9, 1) });
  writer.logMetrics({ step: 5, split: "validation", metrics: { loss: 1 } });
  await writer.saveCheckpoint(5, { m: bytes(9, 1) });
  const again = await writer.folder.readCheckpoint(5);
  assert.equal(again.manifest.logBytes.metrics, readFileSync(join(writer.path, "metrics.jsonl")).length);
  await writer.saveCheckpoint(5, { m: bytes(12, 2) });
  assert.deepEqual((await writer.folder.readCheckpoint()).files, { m: bytes(12, 2) });
  assert.deepEqual(readdirSync(join(writer.path, "checkpoints")).sort(), ["last", "step-5"]);
});

test("a folder is refused that holds a run, other files, or nothing to resume", async (t) => {
  const path = scratch(t);
  (await createRun(path, { config }))[Symbol.dispose]();
  await assert.rejects(createRun(path, { config }), /expected a new folder, got one that holds a run; resume it with --resume/);
  const small = scratch(t);
  (await createRun(small, { config: { ...config, compression: {} } }))[Symbol.dispose]();
  await assert.rejects(
    createRun(small, { config }),
    /got one that holds a run; replace it with --overwrite, or choose another --out/,
  );
  await assert.rejects(resumeRun(path), /expected a checkpoint, got none; train it again with --overwrite/);
  writeFileSync(join(path, "old"), "x");
  (await createRun(path, { config, overwrite: true }))[Symbol.dispose]();
  assert.ok(!existsSync(join(path, "old")));

  const other = scratch(t);
  mkdirSync(other);
  writeFileSync(join(other, "thesis.tex"), "x");
  await assert.rejects(
    createRun(other, { config, overwrite: true }),
    /expected a new or empty folder, got one with 1 files in it/,
  );
  assert.deepEqual(readdirSync(other), ["thesis.tex"]);
  await assert.rejects(openRun(join(other, "no")), /expected a run folder, got nothing there/);
  await assert.rejects(openRun(other), /expected a run folder, got no config.json in it/);
  await assert.rejects(
    createRun(join(other, "thesis.tex"), { config }),
    /expected a folder to write to, got a file of that name/,
  );
});

test("what a killed process left of a run is replaced with overwrite: a lock, or an empty beginning", async (t) => {
  const gone = JSON.stringify({ pid: 2 ** 30, host: hostname(), startedAt: "2026-01-01T00:00:00Z" });
  for (const [i, left] of [{ "run.lock": gone, "model.onnx": "x", "report.html": "x" }, { "metrics.jsonl": "" }].entries()) {
    const path = `${scratch(t)}-${i}`;
    mkdirSync(join(path, "checkpoints"), { recursive: true });
    for (const [name, content] of Object.entries(left)) writeFileSync(join(path, name), content);
    await assert.rejects(createRun(path, { config }), /expected a new or empty folder/);
    (await createRun(path, { config, overwrite: true }))[Symbol.dispose]();
    assert.ok(!existsSync(join(path, "model.onnx")));
    assert.ok(existsSync(join(path, "config.json")));
    rmSync(path, { recursive: true });
  }
});

test("the pointer to the best checkpoint is that of the checkpoint from which a run is resumed", async (t) => {
  const path = scratch(t);
  {
    using writer = await createRun(path, { config, keepCheckpoints: 9 });
    for (const [step, best] of [
      [3, true],
      [6, false],
      [9, true],
    ] as const)
      await writer.saveCheckpoint(step, { "model.safetensors": bytes(10, step) }, { best });
  }
  const best = (): string => readFileSync(join(path, "checkpoints", "best"), "utf8");
  // As a kill between the two pointers leaves it.
  writeFileSync(join(path, "checkpoints", "best"), "step-3\n");
  (await resumeRun(path)).writer[Symbol.dispose]();
  assert.equal(best(), "step-9\n");
  (await resumeRun(join(path, "checkpoints", "step-6"))).writer[Symbol.dispose]();
  assert.equal(best(), "step-3\n");
});

test("a run killed while its last checkpoint was replaced goes on from the one before", async (t) => {
  const path = scratch(t);
  {
    using writer = await createRun(path, { config });
    await pretend(writer, 1, 6);
  }
  renameSync(join(path, "checkpoints", "step-6"), join(path, "checkpoints", ".step-6.1234-0.tmp"));
  const { writer, checkpoint } = await resumeRun(path);
  writer[Symbol.dispose]();
  assert.equal(checkpoint.step, 3);
  assert.equal(readFileSync(join(path, "checkpoints", "last"), "utf8"), "step-3\n");
});

test("a path names a run or one of its checkpoints", () => {
  assert.deepEqual(splitRunPath("runs/x"), { run: "runs/x" });
  assert.deepEqual(splitRunPath("runs/x/checkpoints/step-20/"), { run: "runs/x", checkpoint: 20 });
  assert.deepEqual(splitRunPath("runs/x/checkpoints/best"), { run: "runs/x", checkpoint: "best" });
  assert.deepEqual(splitRunPath("checkpoints/other"), { run: "checkpoints/other" });
});

test("metrics keep numbers that JSON has not, and a broken line is named", () => {
  const record = {
    step: 3,
    split: "train" as const,
    epoch: 0.5,
    metrics: { loss: NaN, gradientNorm: Infinity, low: -Infinity, f1: 0.1 },
  };
  assert.deepEqual(parseMetricsLog(formatRecord(record), "m"), [record]);
  const broken = `${formatRecord(record)}{"step":-1,"split":"train","metrics":{}}\n`;
  assert.throws(() => parseMetricsLog(broken, "metrics.jsonl"), /^DataError: metrics.jsonl: line 2: step: /);
  assert.throws(() => parseMetricsLog(`nonsense\n`, "m"), /^DataError: m: line 1: expected JSON, got text/);
  assert.throws(
    () => parseMetricsLog(`{"step":"1","split":"train","metrics":{}}\n`, "m"),
    /m: line 1: step: expected number, got string/,
  );
});
