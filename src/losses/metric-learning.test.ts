import assert from "node:assert/strict";
import { test } from "node:test";
import { grad, vjpOf } from "../autodiff/index.js";
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers, Graph, input, symbol } from "../graph/index.js";
import { CosineLinear } from "../nn/index.js";
import type { RefValue } from "../../test/reference/index.js";
import { evaluateReference } from "../../test/reference/index.js";
import { prepareGraph } from "../runtime/index.js";
import { nodesWithoutKernel } from "../runtime/kernels.js";
import { assertClose, assertLossCase, exact, readGolden, type Stored, stored, valuesOf } from "../../test/suites/loss-golden.js";
import { ConfigError, DTypeError, ShapeError } from "../util/errors.js";
import { arcFace, batchHardTriplet, cosFace, crossEntropy, lossFrom, supervisedContrastive } from "./index.js";

const golden = readGolden("metric-learning");

for (const c of golden.cases)
  test(`${c.loss} ${JSON.stringify(c.options)}: value and gradient as PyTorch's`, async () => {
    const target = constant(stored({ ...c.target, dtype: "int32" }));
    // ArcFace's scale times 1/sin θ makes its gradients large.
    const { value, gradient } = await assertLossCase(c, (x) => lossFrom({ name: c.loss, ...c.options })(x, target), {
      value: 3e-5,
      gradient: 1e-4,
    });
    const graph = prepareGraph(new Graph(new Map(Object.entries({ value, gradient }))), "webgpu");
    assert.deepEqual(nodesWithoutKernel(graph, "webgpu"), []);
  });

test("CosineLinear: value and gradients as PyTorch's; a zero vector has cosine 0 and a finite gradient", () => {
  const { x: given, weight, output, dx, dw } = golden.cosineLinear as Record<"x" | "weight" | "output" | "dx" | "dw", Stored>;
  const layer = new CosineLinear(3, 2);
  const x = input("x", given.shape, "float32");
  const y = layer.forward(x);
  const dy = constant(fromNumbers("float32", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]));
  const outputs = [y, ...vjpOf([y], [dy], [x, layer.weight])];
  const values = evaluateReference(
    outputs,
    new Map<Tensor, RefValue>([
      [x, exact(given)],
      [layer.weight, exact(weight)],
    ]),
  );
  [output, dx, dw].forEach((expected, i) => assertClose(values[i]?.data ?? [], expected.data, 1e-6, `value ${i}`));
  const zero = evaluateReference(
    outputs,
    new Map<Tensor, RefValue>([
      [x, { ...exact(given), data: new Float64Array(12) }],
      [layer.weight, exact(weight)],
    ]),
  );
  assert.ok([...(zero[0]?.data ?? [])].every((v) => v === 0));
  assert.ok([...(zero[1]?.data ?? [])].every(Number.isFinite));
  assert.equal(String(layer.forward(input("x", [symbol("N"), 3])).shape), "N,2");
});

const vectors = (...rows: readonly number[][]): Tensor =>
  constant(fromNumbers("float64", [rows.length, rows[0]?.length ?? 0], rows.flat()));
const labels = (...values: readonly number[]): Tensor => constant(fromNumbers("int64", [values.length], values));

test("without a margin both margin losses are cross-entropy on scaled cosines; a margin makes the loss larger", () => {
  const cosines = vectors([0.3, -0.2, 0.9], [0.1, 0.5, -0.4]);
  const [plain, arc, cos, arcMargin, cosMargin] = valuesOf(
    crossEntropy(cosines.mul(30), labels(2, 0)),
    arcFace(cosines, labels(2, 0), { margin: 0 }),
    cosFace(cosines, labels(2, 0), { margin: 0 }),
    arcFace(cosines, labels(2, 0)),
    cosFace(cosines, labels(2, 0)),
  ) as [number[], number[], number[], number[], number[]];
  assertClose(arc, plain, 1e-9, "arcFace");
  assertClose(cos, plain, 1e-9, "cosFace");
  assert.ok((arcMargin[0] as number) > (plain[0] as number) && (cosMargin[0] as number) > (plain[0] as number));
});

test("contrastive and triplet losses: lengths, order and lone examples", () => {
  const [a, b, c] = [
    [1, 0],
    [0.8, 0.6],
    [-1, 0.2],
  ] as const;
  const scaled = supervisedContrastive(vectors([3, 0], [8, 6], [-5, 1]), labels(0, 0, 1));
  const shuffled = supervisedContrastive(vectors([...c], [...b], [...a]), labels(1, 0, 0));
  const [one, long, order] = valuesOf(supervisedContrastive(vectors([...a], [...b], [...c]), labels(0, 0, 1)), scaled, shuffled);
  assertClose(long as number[], one as number[], 1e-9, "lengths count for nothing");
  assertClose(order as number[], one as number[], 1e-9, "order");
  // Nobody has a partner, or nobody a stranger: 0 and no NaN, in value and gradient.
  for (const given of [labels(0, 1, 2), labels(1, 1, 1)]) {
    const x = vectors([...a], [...b], [...b]);
    const loss = batchHardTriplet(x, given);
    assert.deepEqual(valuesOf(loss, grad(loss, x)).flat(), [0, 0, 0, 0, 0, 0, 0]);
  }
  const alone = vectors([...a], [...b]);
  const loss = supervisedContrastive(alone, labels(0, 1));
  assert.deepEqual(valuesOf(loss, grad(loss, alone)).flat(), [0, 0, 0, 0, 0]);
  // ‖a − b‖ = √0.4, ‖a − c‖ = √4.04, ‖b − c‖ = √3.4: only a margin above their difference gives a loss.
  const [none] = valuesOf(batchHardTriplet(vectors([...a], [...b], [...c]), labels(0, 0, 1), { margin: 1 }));
  assertClose(none as number[], [0], 0, "apart enough");
  const [some] = valuesOf(batchHardTriplet(vectors([...a], [...b], [...c]), labels(0, 0, 1), { margin: 2 }));
  assertClose(some as number[], [2 + Math.sqrt(0.4) - (Math.sqrt(4.04) + Math.sqrt(3.4)) / 2], 1e-9, "margin 2");
});

test("what does not fit is refused in one line", () => {
  const x = input("x", [4, 3]);
  const refused = (make: () => unknown, kind: new (message: string) => Error, message: RegExp): void =>
    assert.throws(make, (error: Error) => error instanceof kind && message.test(error.message));
  refused(() => arcFace(x, input("t", [5], "int64")), ShapeError, /arcFace: expected labels \[4\], got \[5\]/);
  refused(() => cosFace(x, input("t", [4], "float32")), DTypeError, /cosFace: expected integer labels, got float32/);
  refused(
    () => arcFace(x, input("t", [4], "int64"), { margin: -1 }),
    ConfigError,
    /arcFace: margin: expected a number ≥ 0, got -1/,
  );
  refused(() => batchHardTriplet(input("x", [4]), input("t", [4], "int64")), ShapeError, /expected vectors \[N, D\], got \[4\]/);
  refused(() => supervisedContrastive(input("x", [symbol("N"), 3]), input("t", [symbol("N")], "int64")), ShapeError, /known/);
});
