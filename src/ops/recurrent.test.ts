import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../graph/index.js";
import { input, sizeOf } from "../graph/index.js";
import { grad } from "../autodiff/index.js";
import { evaluate } from "../runtime/index.js";
import type { RefValue } from "../../test/reference/index.js";
import { evaluateReference, fromReference } from "../../test/reference/index.js";
import { Random } from "../util/random.js";
import type { Direction } from "./index.js";
import { gru, lstm, randomInputs, resolveMode } from "./index.js";

const [T, N, I, H] = [5, 3, 4, 2];

type Feeds = Map<Tensor, RefValue>;

function operand(feeds: Feeds, name: string, shape: readonly number[], dtype: "float32" | "float64"): Tensor {
  const random = new Random("recurrent", name);
  const data = Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(random.normal() * 0.7));
  const leaf = input(name, shape, dtype);
  feeds.set(leaf, { dtype, shape, data });
  return leaf;
}

interface Variant {
  readonly cell: "lstm" | "gru" | "gru after";
  readonly direction: Direction;
  readonly bare?: boolean;
  readonly lengths?: readonly number[];
  readonly peepholes?: boolean;
}

const VARIANTS: readonly Variant[] = (["lstm", "gru", "gru after"] as const).flatMap((cell) => [
  { cell, direction: "forward" },
  { cell, direction: "reverse", bare: true },
  { cell, direction: "bidirectional", lengths: [5, 1, 3] },
]);
const ALL: readonly Variant[] = [...VARIANTS, { cell: "lstm", direction: "forward", peepholes: true }];

function build(v: Variant, dtype: "float32" | "float64", feeds: Feeds): { outputs: Tensor[]; leaves: Tensor[] } {
  const directions = v.direction === "bidirectional" ? 2 : 1;
  const gates = v.cell === "lstm" ? 4 : 3;
  const leaf = (name: string, ...shape: number[]): Tensor => operand(feeds, name, shape, dtype);
  const [x, w, r] = [leaf("x", T, N, I), leaf("w", directions, gates * H, I), leaf("r", directions, gates * H, H)];
  const leaves = [x, w, r];
  const also = (name: string, ...shape: number[]): Tensor => {
    const t = leaf(name, ...shape);
    leaves.push(t);
    return t;
  };
  let lengths: Tensor | undefined;
  if (v.lengths !== undefined) {
    lengths = input("lengths", [N], "int32");
    feeds.set(lengths, { dtype: "int32", shape: [N], data: Float64Array.from(v.lengths) });
  }
  const options = {
    direction: v.direction,
    ...(lengths === undefined ? {} : { lengths }),
    ...(v.bare ? {} : { bias: also("b", directions, 2 * gates * H), initialHidden: also("h0", directions, N, H) }),
  };
  if (v.cell === "lstm") {
    const made = lstm(x, w, r, {
      ...options,
      ...(v.bare ? {} : { initialCell: also("c0", directions, N, H) }),
      ...(v.peepholes ? { peepholes: also("p", directions, 3 * H) } : {}),
    });
    return { outputs: [made.y, made.hidden, made.cell], leaves };
  }
  const made = gru(x, w, r, { ...options, linearBeforeReset: v.cell === "gru after" });
  return { outputs: [made.y, made.hidden], leaves };
}

/** A scalar in which every element of every output counts differently. */
function scalarOf(outputs: readonly Tensor[]): Tensor {
  const parts = outputs.map((t, i) =>
    t
      .mul(t.add(0.3 + i))
      .mul(t.reshape([-1]).cumSum(0).reshape(t.shape))
      .sum(),
  );
  return parts.reduce((a, b) => a.add(b));
}

const random = randomInputs();
function near(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(got.length, expected.length);
  for (let i = 0; i < got.length; i++) {
    const [a, b] = [Number(got[i]), Number(expected[i])];
    assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${what}: element ${i}: expected ${b}, got ${a}`);
  }
}

for (const v of ALL) {
  const name = `${v.cell}, ${v.direction}${v.bare ? ", bare" : ""}${v.lengths ? ", lengths" : ""}${v.peepholes ? ", peepholes" : ""}`;

  test(`${name}: the node, its expansion and the engine give the reference's values`, async () => {
    const feeds: Feeds = new Map();
    const { outputs } = build(v, "float32", feeds);
    const expected = evaluateReference(outputs, feeds);
    const { map } = resolveMode(outputs, "train", random);
    const expanded = outputs.map(map);
    assert.ok(expanded.every((t) => t.node.op !== "LSTM" && t.node.op !== "GRU"));
    evaluateReference(expanded, feeds).forEach((value, i) =>
      near(value.data, (expected[i] as RefValue).data, 1e-12, `expansion, output ${i}`),
    );
    const named = Object.fromEntries([...outputs, ...expanded].map((t, i) => [`y${i}`, t]));
    const given = Object.fromEntries([...feeds].map(([t, value]) => [t.node.attributes["name"] as string, fromReference(value)]));
    const got = await evaluate(named, given);
    [...outputs, ...expanded].forEach((_, i) =>
      near(
        got[`y${i}`]?.data as Float32Array,
        (expected[i % outputs.length] as RefValue).data,
        1e-5,
        i < outputs.length ? `engine, output ${i}` : "engine, expansion",
      ),
    );
  });

  test(`${name}: gradients and second gradients equal central differences`, () => {
    const feeds: Feeds = new Map();
    const { outputs, leaves } = build(v, "float64", feeds);
    const y = scalarOf(outputs);
    const first = grad(y, leaves);
    const slope = first.map((g, i) => g.mul(g.add(i)).sum()).reduce((a, b) => a.add(b));
    const second = grad(slope, leaves);
    const values = evaluateReference([...first, ...second], feeds);
    const h = 1e-3;
    for (const [k, [f, gradients]] of [
      [y, values.slice(0, leaves.length)] as const,
      [slope, values.slice(leaves.length)] as const,
    ].entries()) {
      for (const [i, leaf] of leaves.entries()) {
        const value = feeds.get(leaf) as RefValue;
        const direction = value.data.map((_, j) => Math.cos(3 * j + i + 1));
        const at = (t: number): number => {
          const data = value.data.map((d, j) => d + t * (direction[j] as number));
          return evaluateReference([f], new Map(feeds).set(leaf, { ...value, data }))[0]?.data[0] as number;
        };
        const expected = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
        const got = direction.reduce((sum, d, j) => sum + d * ((gradients[i] as RefValue).data[j] as number), 0);
        near([got], [expected], 1e-6, `${k === 0 ? "gradient" : "second gradient"} by ${String(leaf.node.attributes["name"])}`);
      }
    }
  });
}

test("shapes that do not fit are named", () => {
  const x = input("x", [5, 3, 4]);
  const w = input("w", [1, 8, 4]);
  assert.throws(() => lstm(x, w, input("r", [1, 8, 3])), /LSTM: expected W \[1, 12, 4\], got \[1, 8, 4\]/);
  assert.throws(() => lstm(input("x", [3, 4]), w, input("r", [1, 8, 2])), /expected X \[T, N, I\], got \[3, 4\]/);
});
