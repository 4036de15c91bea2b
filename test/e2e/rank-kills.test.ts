/**
 * @module Ranks killed at random: the job ends with one line, and goes on with another number of ranks to the same bits, so that no example was
 * missed and none came twice. `DESCENT_RANK_KILLS=10` kills so often.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/util/random.js";
import type { Running } from "./command.js";
import { lastStep, reaches, run, scratchFolder, start, traceOf } from "./command.js";
import { processesOf, startRanks, withoutMpi } from "./ranks.js";

const folder = scratchFolder();
const KILLS = Number(process.env["DESCENT_RANK_KILLS"] ?? 3);
/** Ranks of the attempts, one after another. */
const RANKS = [2, 4, 1, 3];

const random = new Random(11, "rows");
const rows = Array.from({ length: 150 }, () => {
  const [a, b] = [random.normal(), random.normal()];
  return `${a.toFixed(3)},${b.toFixed(3)},${a * b > 0 ? "yes" : "no"}`;
});
writeFileSync(join(folder, "rows.csv"), `a,b,label\n${rows.join("\n")}\n`);
const OPTIONS =
  "tabular-classification --data rows.csv --batch-size 24 --exact --micro-batch 2 --epochs 60 --no-check --quiet --threads 1";

const begin = (ranks: number, args: readonly string[]): Running =>
  ranks === 1 ? start(folder, ["train", ...args]) : startRanks(ranks, folder, ["train", ...args]);

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test(
  `ranks killed at random, ${KILLS} times: the job ends in a line, and goes on to the same bits`,
  { skip: withoutMpi },
  async (t) => {
    const whole = await run(folder, ["train", ...OPTIONS.split(" "), "--out", "whole"]);
    assert.equal(whole.status, 0, whole.stderr);

    const path = join(folder, "killed");
    const chance = new Random(Date.now(), "kill");
    for (let kill = 0; kill < KILLS; kill++) {
      const ranks = RANKS[kill % RANKS.length] as number;
      const before = lastStep(path);
      const job = begin(ranks, kill === 0 ? [...OPTIONS.split(" "), "--out", "killed"] : ["--resume", "killed", "--quiet"]);
      await reaches(path, before + 1, job);
      await new Promise((resolve) => setTimeout(resolve, chance.integer(100)));
      const processes = ranks === 1 ? [job.pid as number] : processesOf(job);
      const victim = chance.integer(processes.length);
      process.kill(processes[victim] as number, "SIGKILL");
      const { status, stderr } = await job.ended;
      assert.notEqual(status, 0, stderr);
      // mpirun ends before its last rank has, which holds the run until then.
      for (let i = 0; i < 500 && processes.some(isAlive); i++) await new Promise((resolve) => setTimeout(resolve, 20));
      t.diagnostic(`killed rank ${victim} of ${ranks} after step ${lastStep(path)}`);
      const said = stderr.split("\n").filter((line) => line.startsWith("descent: "));
      if (ranks === 1) continue;
      assert.equal(said.length, 1, stderr);
      assert.match(
        said[0] as string,
        /^descent: rank \d \(.+\), process \d+, ended without a word; the last checkpoint is step \d+: descent train --resume killed goes on from there$/,
      );
    }
    const rest = await startRanks(3, folder, ["train", "--resume", "killed"]).ended;
    assert.equal(rest.status, 0, rest.stderr);
    assert.deepEqual(traceOf(path), traceOf(join(folder, "whole")));
    assert.ok(readFileSync(join(path, "report.html"), "utf8").length > 0);
  },
);
