import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNumbers, input, sizeOf, symbol } from "../graph/index.js";
import { compile } from "../runtime/index.js";
import type { TensorData } from "../graph/index.js";
import { randomInputs, resolveMode } from "../ops/index.js";
import { Random } from "../util/random.js";
import { Tagger } from "./tagger.js";

const SLOTS = 2;
const made = (options: { readonly hiddenSize: number; readonly window: number }): Tagger =>
  new Tagger({ vocabSize: 9, slots: SLOTS, numLabels: 3, embeddingSize: 4, ...options });

/** Emissions for one text that is padded to a length. */
async function emissions(
  model: Tagger,
  ids: readonly number[],
  length: number,
  width: number | undefined,
): Promise<Float64Array> {
  const t = width ?? symbol("T");
  const features = input("features", [1, t, SLOTS], "int64");
  const mask = input("mask", [1, t], "int64");
  const output = model.forward(features, { mask });
  const { map } = resolveMode([output], "eval", randomInputs());
  const values = new Map(
    [...model.state()].map(([path, p]) => {
      const random = new Random(3, path);
      const size = sizeOf(p.dims);
      return [
        p,
        fromNumbers(
          p.dtype,
          p.dims,
          Float64Array.from({ length: size }, () => random.uniform() - 0.5),
        ),
      ] as const;
    }),
  );
  const executable = await compile({ output: map(output) }, { values });
  const padded = Array.from({ length: length * SLOTS }, (_, i) => ids[i] ?? 0);
  const feeds: Record<string, TensorData> = {
    features: fromNumbers("int64", [1, length, SLOTS], padded),
    mask: fromNumbers(
      "int64",
      [1, length],
      Array.from({ length }, (_, i) => (i * SLOTS < ids.length ? 1 : 0)),
    ),
  };
  const result = await executable.call(feeds);
  await executable.dispose();
  return Float64Array.from((result["output"] as TensorData).data, Number);
}

const text = [1, 2, 3, 4, 5, 6];

for (const [name, options] of [
  ["BiLSTM and direct scores", { hiddenSize: 3, window: 1 }],
  ["direct scores alone", { hiddenSize: 0, window: 2 }],
  ["BiLSTM alone", { hiddenSize: 3, window: -1 }],
] as const) {
  test(`${name}: unrolled and as a node of free length give the same, and padding changes nothing`, async () => {
    const model = made(options);
    const alone = await emissions(model, text, 3, 3);
    const padded = await emissions(model, text, 5, 5);
    const free = await emissions(model, text, 5, undefined);
    assert.ok(alone.some((x) => Math.abs(x) > 1e-3));
    for (const [i, x] of alone.entries()) {
      assert.ok(Math.abs(x - (padded[i] as number)) < 1e-5, `${i}`);
      assert.ok(Math.abs(x - (free[i] as number)) < 1e-5, `${i}`);
    }
  });
}

test("direct scores see as many neighbours as the window holds, and no more", async () => {
  const changed = [...text.slice(0, 4), 7, 8];
  const [before, after] = [
    await emissions(made({ hiddenSize: 0, window: 1 }), text, 3, 3),
    await emissions(made({ hiddenSize: 0, window: 1 }), changed, 3, 3),
  ];
  assert.deepEqual(before.slice(0, 3), after.slice(0, 3));
  assert.notDeepEqual(before.slice(3, 6), after.slice(3, 6));
});

test("a model of nothing is refused", () => {
  assert.throws(() => made({ hiddenSize: 0, window: -1 }), /expected a BiLSTM, direct scores, or both, got neither/);
});
