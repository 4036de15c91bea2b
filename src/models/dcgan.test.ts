import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { vjpOf } from "../autodiff/index.js";
import type { Parameter, Tensor } from "../graph/index.js";
import { constant, fromNumbers, symbol } from "../graph/index.js";
import { binaryCrossEntropyWithLogits } from "../losses/index.js";
import { ones, randomInputs, resolveMode } from "../ops/index.js";
import type { RefValue } from "../../test/reference/index.js";
import { evaluateReference } from "../../test/reference/index.js";
import { ConfigError } from "../util/errors.js";
import { Dcgan } from "./dcgan.js";

type Mode = "eval" | "train";
type Case = { imageSize: number; channels: number; latentSize: number; width: number; paths: string[] } & Record<
  Mode,
  { image: number[]; logits: number[]; gradientNorms: number[] }
>;
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/dcgan.json", import.meta.url), "utf8")) as {
  parameters: { generator: number; discriminator: number };
  cases: Case[];
};

/** As scripts/golden/dcgan.py makes its numbers. */
const wave = (number: number, size: number, scale: number): number[] =>
  Array.from({ length: size }, (_, i) => scale * Math.sin(1 + 0.37 * i + number));

function filled(model: Dcgan): Map<Tensor, RefValue> {
  const values = new Map<Tensor, RefValue>();
  for (const network of [model.generator, model.discriminator]) {
    [...network.state()].forEach(([path, p], j) => {
      const around = p.dims.length === 1 && /weight|var/.test(path) ? 1 : 0;
      values.set(p, { dtype: "float32", shape: p.dims, data: Float64Array.from(wave(j, p.size, 0.3), (v) => v + around) });
    });
  }
  return values;
}

function assertClose(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, i) =>
    assert.ok(
      Math.abs((actual[i] as number) - value) <= 1e-6 * Math.max(1, Math.abs(value)),
      `${what}[${i}]: ${value}, ${actual[i]}`,
    ),
  );
}

for (const c of golden.cases)
  for (const mode of ["eval", "train"] as const)
    test(`DCGAN for ${c.channels}×${c.imageSize}², ${mode}: images, logits, gradients and paths as PyTorch's`, () => {
      const model = new Dcgan(c);
      assert.deepEqual([...model.state().keys()], c.paths);
      const latent = constant(fromNumbers("float32", [3, c.latentSize], wave(0, 3 * c.latentSize, 1)));
      const image = model.forward(latent);
      assert.deepEqual(image.shape, [3, c.channels, c.imageSize, c.imageSize]);
      const logits = model.discriminator.forward(image);
      const loss = binaryCrossEntropyWithLogits(logits, ones([3], "float32"));
      const { map } = resolveMode([image, logits, loss], mode, randomInputs());
      const parameters: Parameter[] = [...model.parameters().values()];
      const gradients = vjpOf([map(loss)], [constant(1, "float32")], parameters);
      const [images, logit, ...dw] = evaluateReference([map(image), map(logits), ...gradients], filled(model));
      const every = Math.max(1, Math.floor((images?.data.length as number) / 40));
      assertClose(
        Array.from(images?.data ?? []).filter((_, i) => i % every === 0),
        c[mode].image,
        "image",
      );
      assertClose(logit?.data ?? [], c[mode].logits, "logits");
      assertClose(
        dw.map(({ data }) => Math.hypot(...data)),
        c[mode].gradientNorms,
        "gradient norms",
      );
    });

test("the paper's size has the parameters of PyTorch's example; other sizes are refused", () => {
  const model = new Dcgan();
  assert.equal(model.generator.parameterCount, golden.parameters.generator);
  assert.equal(model.discriminator.parameterCount, golden.parameters.discriminator);
  assert.equal(model.generator.summary([symbol("N"), 100]).parameters, golden.parameters.generator);
  for (const imageSize of [4, 7, 9, 18, 31])
    assert.throws(
      () => new Dcgan({ imageSize }),
      (error: Error) => error instanceof ConfigError && /4 … 7 doubled/.test(error.message),
    );
});
