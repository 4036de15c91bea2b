/**
 * @module Two hosts, which are network namespaces with names and, where asked, folders of their own: ranks talk over TCP, and a script stands in place of
 * ssh. As root on Linux alone.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Random } from "../../src/util/random.js";
import type { Ended } from "./command.js";
import { MAIN, scratchFolder, startProcess, succeeds, traceOf } from "./command.js";
import { RANK_ENVIRONMENT, withoutMpi } from "./ranks.js";

const folder = scratchFolder();
const [first, second] = [`descent-${process.pid}-a`, `descent-${process.pid}-b`] as const;
const net = `10.77.${process.pid % 250}`;

const ip = (...args: readonly string[]): void => void execFileSync("ip", args, { stdio: "pipe" });

/** Makes two namespaces with a cable between them. Returns why it cannot be done here. */
function makeHosts(): string | undefined {
  if (withoutMpi !== undefined) return withoutMpi;
  if (spawnSync("ip", ["netns", "add", first]).status !== 0) return "network namespaces cannot be made here";
  after(() => [first, second].forEach((name) => spawnSync("ip", ["netns", "del", name])));
  try {
    const [a, b] = [`va${process.pid}`, `vb${process.pid}`];
    ip("netns", "add", second);
    ip("link", "add", a, "type", "veth", "peer", "name", b);
    for (const [name, end, address] of [
      [first, a, 1],
      [second, b, 2],
    ] as const) {
      ip("link", "set", end, "netns", name);
      ip("-n", name, "addr", "add", `${net}.${address}/24`, "dev", end);
      for (const device of ["lo", end]) ip("-n", name, "link", "set", device, "up");
    }
  } catch (error) {
    return `network namespaces cannot be joined here: ${(error as Error).message.split("\n")[0]}`;
  }
  return undefined;
}
const skip = makeHosts();

const random = new Random(13, "rows");
const rows = Array.from({ length: 120 }, () => {
  const [a, b] = [random.normal(), random.normal()];
  return `${a.toFixed(3)},${b.toFixed(3)},${a * b > 0 ? "yes" : "no"}`;
});
mkdirSync(join(folder, "data"));
mkdirSync(join(folder, "own"));
writeFileSync(join(folder, "data", "rows.csv"), `a,b,label\n${rows.join("\n")}\n`);
const others = rows.map((row) => row.replace(/^[^,]+/, "0.5"));
writeFileSync(join(folder, "other.csv"), `a,b,label\n${others.join("\n")}\n`);

/** Trains in a rank on each host; `beforehand` is done on the second one, which sees what is mounted there alone. */
async function train(beforehand: string, args: string): Promise<Ended> {
  const agent = join(folder, "agent.sh");
  const command = `hostname host-b; ${beforehand} shift; exec sh -c "$*"`;
  writeFileSync(agent, `#!/bin/sh\nexec ip netns exec ${second} unshare --uts --mount sh -c '${command}' sh "$@"\n`);
  chmodSync(agent, 0o755);
  const options =
    `--host ${net}.1,${net}.2 --mca plm_rsh_agent ${agent} --mca btl tcp,self ` +
    `--mca btl_tcp_if_include ${net}.0/24 --mca oob_tcp_if_include ${net}.0/24 --wdir ${folder} -n 2`;
  const words = [
    "netns",
    "exec",
    first,
    "unshare",
    "--uts",
    "sh",
    "-c",
    'hostname host-a; exec "$@"',
    "sh",
    "mpirun",
    ...options.split(" "),
  ];
  return startProcess("ip", [...words, process.execPath, MAIN, "train", ...args.split(" ")], folder, RANK_ENVIRONMENT).ended;
}

const TRAINING = "tabular-classification --data data/rows.csv --steps 30 --batch-size 32 --exact --no-check --threads 1";

test("ranks on two hosts train to the bits of one process; a folder that one host does not see is named", { skip }, async () => {
  await succeeds(folder, ["train", ...TRAINING.split(" "), "--out", "alone"]);
  const { status, stderr } = await train(`mount -t tmpfs none ${folder}/own;`, `${TRAINING} --out own/run`);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /2 ranks on 2 hosts \(Open MPI/);
  assert.match(
    stderr,
    /own\/run lies on host-a alone, rank 1 \(host-b\) does not see it: to resume, start rank 0 on that host again/,
  );
  assert.deepEqual(traceOf(join(folder, "own", "run")), traceOf(join(folder, "alone")));
  assert.ok(readFileSync(join(folder, "own", "run", "report.html"), "utf8").length > 0);
});

test("a host with other data is named before the first step", { skip }, async () => {
  const { status, stderr } = await train(`mount --bind ${folder}/other.csv ${folder}/data/rows.csv;`, `${TRAINING} --out never`);
  assert.equal(status, 2, stderr);
  assert.match(
    stderr,
    /descent: ranks: expected the same training data on all of them, got [0-9a-f]+ on rank 0 \(host-a\) and [0-9a-f]+ on rank 1 \(host-b\)/,
  );
  assert.doesNotMatch(stderr, /epoch 1/);
});
