import assert from "node:assert/strict";
import { test } from "node:test";
import { Exchange } from "./exchange.js";
import type { ProcessGroup } from "./group.js";
import { soleProcess } from "./group.js";
import { launchOf, refuseRanks, withoutLaunch } from "./launch.js";
import { MpiLibrary } from "./mpi-library.js";
import { OverlapChoice } from "./overlap.js";
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

/** A group whose second rank measures what the first does. */
const twins: ProcessGroup = {
  ...soleProcess(),
  size: 2,
  collect: (send, receive) => [0, send.length].forEach((at) => receive.set(send, at)),
};

/** The choice, in words too, where updates take so long without and with overlap, and sums so long without. */
function choose(off: number, sums: number, on: number): { isOn: boolean; said: string[]; tried: number; givenUp: number } {
  const choice = new OverlapChoice(twins, "auto");
  const said: string[] = [];
  choice.onMeasured = (text) => said.push(text);
  let [tried, givenUp] = [0, 0];
  for (let update = 0; update < 40; update++) {
    if (choice.isOn) tried++;
    // The first update of either kind compiles; one in four is late.
    const late = update % 4 === 3 ? 500 : 0;
    const whole = (choice.isOn ? on : off) + late;
    if (choice.take(update === 0 || tried === 1 ? NaN : whole, choice.isOn ? 1 : sums)) givenUp++;
  }
  return { isOn: choice.isOn, said, tried, givenUp };
}

test("sums overlap the backward pass where the first updates gain by it", () => {
  const gains = choose(200, 80, 140);
  assert.deepEqual([gains.isOn, gains.givenUp], [true, 0]);
  assert.deepEqual(gains.said, ["gradients travel during the backward pass: 140 ms an update with --overlap on, 200 with off"]);
  const loses = choose(200, 20, 198);
  assert.deepEqual({ ...loses, said: loses.said.length }, { isOn: false, said: 1, tried: 6, givenUp: 1 });
  // Sums that are short are not worth a try.
  for (const [off, sums] of [
    [200, 8],
    [20, 4],
  ] as const)
    assert.deepEqual(choose(off, sums, 1), { isOn: false, said: [], tried: 0, givenUp: 0 });
  assert.equal(new OverlapChoice(twins, "on").isOn, true);
  assert.equal(new OverlapChoice(soleProcess(), "on").isOn, false);
});

test("an exchange takes groups of arrays as ranges of its memory", async () => {
  const begun: number[][] = [];
  const group: ProcessGroup = { ...twins, begin: (values) => void begun.push([values.byteOffset / 64, values.length / 16]) };
  const lengths = new Map(["a", "b", "c", "d"].map((name) => [name, 17]));
  const exchange = new Exchange(group, { passes: 2, exact: false, overlap: "on" }, lengths);
  exchange.part.all.fill(1);
  assert.equal(exchange.overlaps, false);
  exchange.add();
  assert.equal(exchange.overlaps, true);
  exchange.part.all.fill(10);
  exchange.begin(["d", "c", "a"]);
  exchange.begin(["b"]);
  exchange.add();
  await exchange.finish();
  assert.deepEqual(begun, [
    [0, 2],
    [4, 4],
    [2, 2],
  ]);
  assert.ok(["a", "b", "c", "d"].every((name) => exchange.total.of(name).every((value) => value === 11)));
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
