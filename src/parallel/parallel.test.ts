import assert from "node:assert/strict";
import { test } from "node:test";
import { Exchange } from "./exchange.js";
import { soleProcess } from "./group.js";
import { launchOf, refuseRanks, withoutLaunch } from "./launch.js";
import { MpiLibrary } from "./mpi-library.js";
import { isNode, nodesOf, TreeSum } from "./tree.js";

/** Sums texts as the tree brackets them. */
function bracketed(count: number, cuts: readonly number[]): string {
  const tree = new TreeSum<{ text: string }>(count, (a, b) => void (a.text = `(${a.text} ${b.text})`));
  cuts.forEach((to, i) => {
    const own = new TreeSum<{ text: string }>(count, (a, b) => void (a.text = `(${a.text} ${b.text})`));
    for (let part = cuts[i - 1] ?? 0; part < to; part++) own.push({ from: part, to: part + 1, sum: { text: String(part) } });
    for (const partial of own.partials) tree.push(partial);
  });
  assert.equal(tree.partials.length, 1);
  return (tree.partials[0] as { sum: { text: string } }).sum.text;
}

test("parts are added in one order, wherever they are cut", () => {
  assert.equal(bracketed(8, [8]), "(((0 1) (2 3)) ((4 5) (6 7)))");
  assert.equal(bracketed(5, [5]), "((0 1) (2 (3 4)))");
  for (const count of [1, 2, 3, 6, 7, 12, 16, 30])
    for (const size of [1, 2, 3, 4, 5, 6]) {
      const cuts = Array.from({ length: size }, (_, r) => Math.ceil(((r + 1) * count) / size));
      assert.equal(bracketed(count, cuts), bracketed(count, [count]), `${count} parts among ${size}`);
    }
});

test("a rank whose parts are a node of the tree sends one sum, others a few", () => {
  for (let rank = 0; rank < 4; rank++) assert.equal(nodesOf(12, 3 * rank, 3 * rank + 3).length, 1);
  assert.deepEqual(
    nodesOf(6, 2, 4).map(({ from, to }) => [from, to]),
    [
      [2, 3],
      [3, 4],
    ],
  );
  assert.ok(isNode(6, 0, 3) && !isNode(6, 0, 2) && isNode(6, 1, 3));
});

test("an exchange of one process sums its passes", async () => {
  for (const exact of [false, true]) {
    const exchange = new Exchange(soleProcess(), { passes: 3, exact }, new Map([["a", 2]]));
    for (let update = 1; update <= 2; update++) {
      for (let pass = 1; pass <= 3; pass++) {
        exchange.part.of("a").set([pass * update, 10]);
        exchange.add();
      }
      await exchange.finish();
      assert.deepEqual([...exchange.total.of("a")], [6 * update, 30]);
    }
    assert.deepEqual([...exchange.meansOf([Float64Array.of(1, 0), Float64Array.of(2, 0), Float64Array.of(6, 3)])], [3, 1]);
    assert.equal(exchange.stops, false);
    exchange.wantsToStop = true;
    exchange.meansOf([Float64Array.of(1)]);
    assert.equal(exchange.stops, true);
  }
});

test("launchers are known by their variables, and a batch script's are none", () => {
  assert.deepEqual(launchOf({ OMPI_COMM_WORLD_RANK: "1", OMPI_COMM_WORLD_SIZE: "4" }), {
    launcher: "Open MPI",
    rank: 1,
    size: 4,
  });
  assert.deepEqual(launchOf({ PMI_RANK: "0", PMI_SIZE: "2" }), { launcher: "MPICH", rank: 0, size: 2 });
  assert.deepEqual(launchOf({ PMIX_RANK: "3", SLURM_STEP_NUM_TASKS: "8" }), { launcher: "Slurm", rank: 3, size: 8 });
  assert.equal(launchOf({ SLURM_PROCID: "0", SLURM_NTASKS: "8" }), undefined);
  assert.equal(launchOf({ OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" }), undefined);
  const env = { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "2", PATH: "/bin" };
  assert.deepEqual(withoutLaunch(env), { PATH: "/bin" });
  assert.throws(() => refuseRanks(env, "predict"), /^ConfigError: predict: expected one process, got 2 ranks/);
});

test("without a library of MPI it is said what to install, by system", async () => {
  const launch = { launcher: "Open MPI", rank: 0, size: 2 } as const;
  await assert.rejects(MpiLibrary.load(launch, "linux", "/no/libmpi.so"), /found none; .*apt install openmpi-bin/);
  await assert.rejects(MpiLibrary.load(launch, "darwin", "/no/libmpi.so"), /found none; .*brew install open-mpi/);
  await assert.rejects(MpiLibrary.load(launch, "win32", ""), /found none; run Descent on Linux/);
});
