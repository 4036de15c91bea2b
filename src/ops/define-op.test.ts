/** @module An op of one's own, for which the engine has a kernel, is like any other of the table. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defineOp,
  emitOne,
  Graph,
  evaluate,
  fromNumbers,
  grad,
  input,
  perElement,
  symbol,
  tensor,
  toNumbers,
  vmap,
} from "descentjs";
import type { Op, Tensor } from "descentjs";
import { exportGraph, importOnnx } from "descentjs/onnx";

const Inverse: Op<Record<never, never>, readonly [Tensor]> = defineOp({
  name: "Inverse",
  domain: "com.microsoft",
  attributes: {},
  infer: ([a]) => [a],
  gradient: ({ y, dy }) => [y.swapAxes(-1, -2).matMul(dy).matMul(y.swapAxes(-1, -2)).neg()],
  cost: perElement(10),
  batch: ({ inputs: [a] }) => [inverse(a)],
});
const inverse = (a: Tensor): Tensor => emitOne(Inverse, [a], {});
const near = (got: ArrayLike<number>, expected: readonly number[], tolerance = 1e-9): void => {
  assert.equal(got.length, expected.length);
  expected.forEach((e, i) => assert.ok(Math.abs((got[i] as number) - e) < tolerance, `[${i}]: expected ${e}, got ${got[i]}`));
};

test("its value and its gradients of both orders are those of the formula and of differences", async () => {
  const a = input("a", [2, 2], "float64");
  const y = inverse(a)
    .mul(
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        "float64",
      ),
    )
    .sum();
  const dy = grad(y, a);
  const values = [2, 1, 1, 3];
  const feed = (numbers: readonly number[]) => ({ a: fromNumbers("float64", [2, 2], numbers) });
  const { inverted, slope, curvature } = await evaluate(
    { inverted: inverse(a), slope: dy, curvature: grad(dy.sum(), a) },
    feed(values),
  );
  near(toNumbers(inverted), [0.6, -0.2, -0.2, 0.4]);
  const differences = async (of: Tensor): Promise<number[]> =>
    Promise.all(
      values.map(async (_, i) => {
        const at = async (d: number) => {
          const { of: found } = await evaluate({ of }, feed(values.map((v, j) => (i === j ? v + d : v))));
          return toNumbers(found)[0] as number;
        };
        return ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
      }),
    );
  near(toNumbers(slope), await differences(y), 1e-8);
  near(toNumbers(curvature), await differences(dy.sum()), 1e-8);
});

test("it is mapped over examples, and goes through an ONNX file", async () => {
  const both = vmap((...[a]) => inverse(a as Tensor))(
    tensor([
      [
        [2, 0],
        [0, 4],
      ],
      [
        [1, 0],
        [0, 5],
      ],
    ]),
  );
  near(Array.from(await both.data(), Number), [0.5, 0, 0, 0.25, 1, 0, 0, 0.2], 1e-6);
  const a = input("a", [symbol("N"), 2, 2]);
  const read = importOnnx(exportGraph(new Graph({ y: inverse(a) })));
  const { y } = await evaluate(
    { y: read.graph.outputs.get("y") as Tensor },
    { a: fromNumbers("float32", [1, 2, 2], [2, 0, 0, 4]) },
  );
  near(toNumbers(y), [0.5, 0, 0, 0.25], 1e-6);
});

test("a name that is taken, and an op that nothing could run, are refused", () => {
  const same = { name: "MatMul", domain: "com.microsoft", attributes: {}, infer: () => [], cost: perElement(0) } as const;
  const rest = { gradient: { none: "a test" }, batch: { unroll: "a test" } };
  assert.throws(() => defineOp({ ...same, ...rest }), { message: 'defineOp: expected a name that no op has, got "MatMul"' });
  assert.throws(() => defineOp({ ...same, ...rest, name: "Nothing", domain: "descent" }), {
    message: "defineOp: Nothing: expected a lower, since no engine has kernels for the domain descent, got none",
  });
});
