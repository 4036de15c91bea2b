/**
 * @module A run that was interrupted and goes on equals the run that was not: every byte of parameters and optimizer state,
 * and every line of the log but its times.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { trainTask } from "../../src/tasks/training/train-task-node.js";
import type { TrainTaskOptions } from "../../src/tasks/training/training-options.js";
import { lastStep, reaches, run, scratchFolder, start, traceOf } from "./command.js";

const folder = scratchFolder();

// Dropout, images changed at random and mixed in the loader's thread, AdamW, batches accumulated over the ends of epochs, clipping of gradients and weights, a schedule with memory; checkpoints within epochs.
const VARIANT =
  "--data digits --model mlp --device cpu --epochs 24 --batch-size 24 --optimizer adamw --schedule reduce-on-plateau " +
  "--accumulate 2 --clip-norm 1 --clip-weights 99% --weight-decay 0.1 --seed 7 --augment crop,rotate,erase,mixup --no-check";
const command = (out: string): string[] => ["train", "image-classification", ...VARIANT.split(" "), "--out", out];

test("a run interrupted by Ctrl-C, and one killed with SIGKILL, go on to the same bits", async (t) => {
  const path = (name: string): string => join(folder, name);
  const whole = await run(folder, command("whole"));
  assert.equal(whole.status, 0, whole.stderr);
  const expected = traceOf(path("whole"));

  const stopped = start(folder, command("stopped"));
  await reaches(path("stopped"), 100, stopped);
  stopped.kill("SIGINT");
  const first = await stopped.ended;
  assert.equal(first.status, 130, first.stderr);
  assert.match(first.stderr, /resume with: descent train --resume stopped/);
  t.diagnostic(`interrupted at step ${lastStep(path("stopped"))}`);
  const resumed = await run(folder, ["train", "--resume", "stopped"]);
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.deepEqual(traceOf(path("stopped")), expected);

  const killed = start(folder, command("killed"));
  await reaches(path("killed"), 200, killed);
  killed.kill("SIGKILL");
  const second = await killed.ended;
  assert.equal(second.signal, "SIGKILL", second.stderr);
  t.diagnostic(`killed; the last whole checkpoint is that of step ${lastStep(path("killed"))}`);
  const again = await run(folder, ["train", "--resume", "killed", "--json"]);
  assert.equal(again.status, 0, again.stderr);
  assert.equal((JSON.parse(again.stdout) as { ended: string }).ended, "steps");
  assert.deepEqual(traceOf(path("killed")), expected);
});

test("an AbortSignal stops the library's training at any step; going on gives the same bits, and the same early stop", async () => {
  const options: TrainTaskOptions = {
    task: "image-classification",
    data: "digits",
    model: "mlp",
    optimizer: "sgd",
    schedule: "cosine",
    lr: 0.1,
    warmupSteps: 20,
    epochs: 30,
    earlyStopping: 2,
    check: false,
    device: "cpu",
  };
  const train = async (name: string, stopAt = Infinity, resume = false): Promise<string> => {
    const out = join(folder, name);
    const abort = new AbortController();
    const result = await trainTask(options, {
      out,
      signal: abort.signal,
      ...(resume ? { resume: out } : {}),
      onStep: ({ step }) => void (step >= stopAt && abort.abort()),
    });
    return result.ended;
  };
  assert.equal(await train("early"), "early stopping");
  assert.equal(await train("aborted", 17), "interrupted");
  assert.equal(lastStep(join(folder, "aborted")), 17);
  assert.equal(await train("aborted", 101, true), "interrupted");
  assert.equal(lastStep(join(folder, "aborted")), 101);
  assert.equal(await train("aborted", Infinity, true), "early stopping");
  assert.deepEqual(traceOf(join(folder, "aborted")), traceOf(join(folder, "early")));
  // A run that has ended stays as it is.
  assert.equal(await train("aborted", Infinity, true), "early stopping");
  assert.deepEqual(traceOf(join(folder, "aborted")), traceOf(join(folder, "early")));
});
