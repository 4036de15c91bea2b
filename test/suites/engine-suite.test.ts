/**
 * Every row of the op cases on the engine, with one thread and with two: values and gradients in float32 equal the
 * reference interpreter's in float64. And what the compiler makes of a row for each device keeps its value.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { vjpOf } from "../../src/autodiff/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { Graph } from "../../src/graph/index.js";
import type { Device } from "../../src/runtime/index.js";
import { compile, prepareGraph } from "../../src/runtime/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference, fromReference, toReference } from "../reference/index.js";
import { Random } from "../../src/util/random.js";
import type { OpCase } from "../cases/case.js";
import { applyCase, caseName } from "../cases/case.js";
import { OP_CASES } from "../cases/ops.cases.js";
import type { Tolerance } from "../tolerances.js";
import { engineTolerance, TOLERANCES } from "../tolerances.js";
import { arriving, assertClose, differentiable, floating, hasGradient, instantiate, resolved } from "./harness.js";

interface Built {
  readonly row: OpCase;
  readonly feeds: Map<Tensor, RefValue>;
  readonly outputs: Map<string, Tensor>;
}

/** The row's outputs and the gradients of them, under names that begin with `prefix`. */
function build(row: OpCase, prefix: string): Built {
  const { leaves, feeds } = instantiate(row, "float32", 0, prefix);
  const ys = applyCase(row, leaves);
  const outputs = ys.map((y, i): [string, Tensor] => [`${prefix}y${i}`, y]);
  const [xs, floats] = [differentiable(row, leaves), floating(ys)];
  if (xs.length > 0 && floats.length > 0 && hasGradient(row)) {
    const dys = arriving(floats, new Random("engine", caseName(row)));
    vjpOf(floats, dys, xs).forEach((dx, i) => outputs.push([`${prefix}dx${i}`, dx]));
  }
  const tensors = resolved(
    row,
    outputs.map(([, t]) => t),
  );
  return { row, feeds, outputs: new Map(outputs.map(([name], i) => [name, tensors[i] as Tensor])) };
}

const named = (feeds: ReadonlyMap<Tensor, RefValue>) =>
  Object.fromEntries([...feeds].map(([leaf, value]) => [String(leaf.node.attributes["name"]), fromReference(value)]));

/** Rows by their op: one session holds all of an op's rows. */
const byOp = new Map<string, OpCase[]>();
for (const row of OP_CASES) {
  if (row.notOnEngine === undefined) byOp.set(row.op, [...(byOp.get(row.op) ?? []), row]);
}

async function runOnEngine(built: readonly Built[], threads: number): Promise<void> {
  const outputs = new Map(built.flatMap(({ outputs }) => [...outputs]));
  const feeds = new Map(built.flatMap(({ feeds }) => [...feeds]));
  await using executable = await compile(new Graph(outputs), { device: "cpu", threads, spin: false });
  const given = named(feeds);
  const results = await executable.call(Object.fromEntries(executable.inputs.map((name) => [name, given[name]!])));
  for (const { row, outputs, feeds } of built) {
    const expected = evaluateReference([...outputs.values()], feeds);
    [...outputs].forEach(([name, t], i) => {
      const got = results[name];
      assert.ok(got !== undefined);
      assert.equal(got.dtype, t.dtype);
      const tolerance: Tolerance = row.tolerance?.engine ?? engineTolerance(t.dtype);
      assertClose(toReference(got), expected[i] as RefValue, tolerance, `${caseName(row)}: ${name}, ${threads} threads`);
    });
  }
}

for (const threads of [1, 2]) {
  suite(`the engine with ${threads} thread${threads === 1 ? "" : "s"} equals the reference`, () => {
    for (const [op, rows] of byOp) {
      test(op, async () => {
        const built = rows.map((row, i) => build(row, `r${i}`));
        try {
          await runOnEngine(built, threads);
        } catch (error) {
          if (error instanceof assert.AssertionError || built.length === 1) throw error;
          // The engine refused the whole: name the rows that it refuses.
          const refused: string[] = [];
          for (const one of built) {
            await runOnEngine([one], threads).catch((e: unknown) =>
              refused.push(`${caseName(one.row)}: ${(e as Error).message}`),
            );
          }
          assert.fail(refused.length === 0 ? (error as Error).message : refused.join("\n"));
        }
      });
    }
  });
}

suite("what is compiled for a device keeps values and gradients", () => {
  for (const device of ["cpu", "wasm", "webgpu", "cuda"] satisfies Device[]) {
    for (const [op, rows] of byOp) {
      test(`${device}: ${op}`, () => {
        for (const row of rows) {
          const { feeds, outputs } = build(row, "");
          const prepared = prepareGraph(new Graph(outputs), device);
          const expected = evaluateReference([...outputs.values()], feeds);
          const byName = new Map([...feeds].map(([leaf, value]) => [leaf.node.attributes["name"], value]));
          const leaves = new Map(prepared.inputs.map((t) => [t, byName.get(t.node.attributes["name"]) as RefValue]));
          const got = evaluateReference([...prepared.outputs.values()], leaves);
          got.forEach((value, i) => assertClose(value, expected[i] as RefValue, TOLERANCES.float32Constants, caseName(row)));
        }
      });
    }
  }
});
