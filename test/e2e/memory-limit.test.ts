/**
 * @module `--memory`: what fits stays as it is, what does not is divided, and what cannot fit is refused with the least that would do.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run, scratchFolder } from "./command.js";

const folder = scratchFolder();
writeFileSync(join(folder, "verse.txt"), "the cat sat on the mat; the dog sat on the log\n".repeat(900));
const train = (out: string, memory: string): ReturnType<typeof run> =>
  run(
    folder,
    `train language-modeling --data verse.txt --model gpt-nano --steps 1 --batch-size 96 --no-check --device cpu --threads 1 --out ${out} --memory ${memory}`.split(
      " ",
    ),
  );

test("a limit that is no size, and one below what the process has, are refused in one line", async () => {
  const noUnit = await train("none", "3");
  assert.equal(noUnit.status, 2);
  assert.match(noUnit.stderr, /--memory: expected .*, got "?3"?/);
});

test("what fits is left as it is; a batch that does not is cut, and trains; the least that would do is said", async () => {
  const plenty = await train("plenty", "64GB");
  assert.equal(plenty.status, 0, plenty.stderr);
  assert.match(plenty.stderr, /--memory 64GB: it fits as it is; no more arithmetic|--memory 64GB: it fits as it is/);

  const refused = await train("refused", "50MB");
  assert.equal(refused.status, 2, refused.stderr);
  const said =
    /--memory 50MB: expected at least (\d+) MiB for gpt-nano, of which (\d+) MiB are taken before it starts; --memory (\d+)MiB/;
  const [, least = NaN, present = NaN, suggested = NaN] = (said.exec(refused.stderr) ?? assert.fail(refused.stderr)).map(Number);
  assert.ok(least > present && suggested >= least);

  // Between the least and what the whole batch takes; other memory of the process comes and goes by some tens of MiB.
  const whole = Number(/(\d+) MiB predicted, \d+ MiB as asked/.exec(plenty.stderr)?.[1] ?? NaN);
  const limit = Math.round((least + 100 + (whole || least + 200)) / 2);
  const cut = await train("cut", `${limit}MiB`);
  assert.equal(cut.status, 0, cut.stderr);
  assert.match(cut.stderr, /batches of 96 in \d+ pieces of \d+|computed again|state in 8 bits/);
  const { options } = JSON.parse(readFileSync(join(folder, "cut", "config.json"), "utf8")) as {
    options: { batchSize: number; accumulate?: number; recompute?: number; optimizerState?: string; memory?: string };
  };
  assert.equal(options.batchSize * (options.accumulate ?? 1), 96);
  assert.ok((options.accumulate ?? 1) > 1 || options.recompute !== undefined || options.optimizerState === "int8");
  assert.equal(options.memory, undefined);
});
