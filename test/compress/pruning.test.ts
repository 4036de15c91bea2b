/**
 * Structured pruning: groups against torch-pruning's, and cut graphs against the same graphs with the units' weights at zero, over models of every kind.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import type { Group } from "../../src/compress/prune/groups.js";
import { groupsOf } from "../../src/compress/prune/groups.js";
import type { Kept } from "../../src/compress/prune/cut.js";
import { coupleAxes } from "../../src/compress/prune/coupling.js";
import { cutUnits, keptFor, takePositions, weightCuts } from "../../src/compress/prune/cut.js";
import {
  equate,
  fix,
  keptPositions,
  positionsOf,
  PositionSet,
  productOf,
  setsOf,
  sumOf,
} from "../../src/compress/prune/positions.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import type { Graph } from "../../src/graph/index.js";
import { toNumbers } from "../../src/graph/index.js";
import type { ModelName } from "../../src/models/index.js";
import { bindGraph, resolveForUse, verifyGraph } from "../../src/ops/index.js";
import { compile } from "../../src/runtime/index.js";
import { TOLERANCES } from "../tolerances.js";
import { imageModel, ZOO, type ZooModel } from "./pruning-zoo.js";

const golden = JSON.parse(readFileSync(new URL("../../../test/golden/pruning-groups.json", import.meta.url), "utf8")) as {
  readonly groups: Readonly<Record<string, readonly (readonly string[])[]>>;
};

test("groups of twelve models are torch-pruning's", () => {
  assert.equal(Object.keys(golden.groups).length, 12);
  for (const [name, expected] of Object.entries(golden.groups)) {
    const { graph, paths } = imageModel(
      name as ModelName,
      undefined,
      /googlenet|inception/.test(name) ? { auxiliary: false } : {},
    );
    const named = groupsOf(graph).groups.map(({ axes }) => {
      const weights = axes.map(({ tensor, axis }) => `${paths.get(tensor)} ${axis}`).filter((axis) => /\.weight \d$/.test(axis));
      return [...new Set(weights)].sort().join("\n");
    });
    assert.deepEqual(named.sort(), expected.map((axes) => axes.join("\n")).sort(), name);
  }
});

/** Two of three units of each group, another third in each. */
function twoThirds(groups: readonly Group[]): Kept {
  const exact = groups.filter(({ isMixed }) => !isMixed);
  return new Map(
    exact.map(({ set, units }, k) => [set, Array.from({ length: units }, (_, i) => i).filter((i) => (i + k) % 3 !== 0)]),
  );
}

/** The numbers with every slice of a unit that goes at zero; variances stay, since they divide. */
function masked({ numbers, paths }: ZooModel, groups: readonly Group[], kept: Kept): Map<Tensor, TensorData> {
  const result = new Map([...numbers].map(([t, n]) => [t, { ...n, data: n.data.slice() }]));
  for (const { set, units, axes } of groups) {
    const staying = kept.get(set);
    if (staying === undefined) continue;
    for (const { tensor, axis, positions } of axes) {
      const n = result.get(tensor);
      if (n === undefined || paths.get(tensor)?.endsWith("running_var") === true) continue;
      const gone = new Set<number>();
      for (let i = 0; i < units; i++) if (!staying.includes(i)) for (const at of positionsOf(positions, set, i)) gone.add(at);
      const inner = n.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
      n.data.forEach((_, j) => {
        if (gone.has(Math.floor(j / inner) % (n.shape[axis] as number))) n.data[j] = 0;
      });
    }
  }
  return result;
}

/** The output, and the gradients of the sum of its squares with respect to trained parameters, on two examples. */
async function computed(
  traced: Graph,
  numbers: ReadonlyMap<Tensor, TensorData>,
  wanted: readonly Tensor[],
  feeds: Readonly<Record<string, TensorData>>,
): Promise<readonly TensorData[]> {
  const bound = bindGraph(traced, new Map([["N", 2]]));
  const { y } = resolveForUse(Object.fromEntries(bound.outputs)) as { readonly y: Tensor };
  const gradients = grad(y.square().sum(), wanted);
  const outputs = { y, ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])) };
  await using executable = await compile(outputs, { values: numbers });
  const got = await executable.call(feeds);
  return Object.keys(outputs).map((name) => got[name] as TensorData);
}

function assertSame(got: TensorData, expected: TensorData, what: string): void {
  assert.deepEqual(got.shape, expected.shape, what);
  const [values, wanted] = [toNumbers(got), toNumbers(expected)];
  const scale = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const { absolute, relative } = TOLERANCES.engineGraph;
  wanted.forEach((v, i) => {
    const error = Math.abs((values[i] as number) - v);
    assert.ok(error <= absolute + relative * scale, `${what}[${i}]: expected ${v}, got ${values[i]}`);
  });
}

for (const [name, make] of ZOO) {
  test(`${name}: cut units leave the outputs and gradients of the masked model`, async () => {
    const zoo = make();
    const { couplings, groups } = groupsOf(zoo.graph);
    const kept = twoThirds(groups);
    const cut = cutUnits(couplings, kept);
    verifyGraph(cut.graph, "cutting");
    const numbers = new Map(
      [...cut.parameters].map(([old, made]) => [made as Tensor, cut.numbersOf(old, zoo.numbers.get(old) as TensorData)]),
    );
    const sizeOf = (all: Iterable<TensorData>): number => [...all].reduce((sum, { data }) => sum + data.length, 0);
    assert.ok(sizeOf(numbers.values()) < 0.85 * sizeOf(zoo.numbers.values()), "parameters are fewer");

    const trained = [...cut.parameters].filter(([, made]) => made.trainable);
    const before = await computed(
      zoo.graph,
      masked(zoo, groups, kept),
      trained.map(([old]) => old),
      zoo.feeds,
    );
    const after = await computed(
      cut.graph,
      numbers,
      trained.map(([, made]) => made),
      zoo.feeds,
    );
    assertSame(after[0] as TensorData, before[0] as TensorData, "output");
    trained.forEach(([old], i) => {
      assertSame(
        after[i + 1] as TensorData,
        cut.numbersOf(old, before[i + 1] as TensorData),
        `gradient of ${zoo.paths.get(old)}`,
      );
    });

    // What was cut is known by the weights alone: another trace of the model loses the same.
    const again = coupleAxes(bindGraph(zoo.graph, new Map([["N", 3]])));
    const refound = cutUnits(again, keptFor(again, weightCuts(couplings, kept, zoo.paths), zoo.paths));
    for (const [old, made] of refound.parameters) assert.deepEqual(made.dims, cut.parameters.get(old)?.dims, zoo.paths.get(old));
  });
}

test("positions: 12 × 64 in an axis of 768, and a concatenation that is taken apart at other places", () => {
  const [wide, heads, size] = [new PositionSet(12), new PositionSet(3), new PositionSet(4)];
  equate(wide, productOf([heads, size]));
  assert.deepEqual(
    keptPositions(
      wide,
      new Map([
        [heads, [0, 2]],
        [size, [1]],
      ]),
    ),
    [1, 9],
  );
  assert.deepEqual(positionsOf(wide, heads, 1), [4, 5, 6, 7]);

  const [left, right, whole] = [new PositionSet(3), new PositionSet(7), new PositionSet(10)];
  equate(whole, sumOf([left, right]));
  const [first, second] = [new PositionSet(5), new PositionSet(5)];
  equate(whole, sumOf([first, second]));
  assert.equal(setsOf(whole).size, 3); // 3, 2 and 5
  assert.deepEqual(keptPositions(whole, new Map([[[...setsOf(left)][0] as PositionSet, [2]]])), [2, 3, 4, 5, 6, 7, 8, 9]);
  fix(second);
  assert.deepEqual(
    [...setsOf(right)].map(({ isFixed }) => isFixed),
    [false, true],
  );
});

test("positions: what has no common form keeps all of its positions", () => {
  const [a, b, c, d] = [2, 9, 3, 6].map((size) => new PositionSet(size)) as [PositionSet, PositionSet, PositionSet, PositionSet];
  equate(productOf([a, b]), productOf([c, d]));
  for (const set of [a, c]) assert.ok(set.isFixed);
});

test("elements at positions of every axis", () => {
  const whole: TensorData = { dtype: "int64", shape: [2, 3], data: BigInt64Array.of(0n, 1n, 2n, 3n, 4n, 5n) };
  assert.deepEqual(takePositions(whole, [[1], [0, 2]]), { dtype: "int64", shape: [1, 2], data: BigInt64Array.of(3n, 5n) });
});
