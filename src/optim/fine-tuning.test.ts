import assert from "node:assert/strict";
import { test } from "node:test";
import { layerDepths, layerFactors, withFineTuning } from "./fine-tuning.js";
import { adamW, sgd } from "./optimizers.js";

const depths = (paths: readonly string[]): number[] =>
  [...layerDepths(paths)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, depth]) => depth);

test("depths follow the model's numbered layers, whatever they are called", () => {
  assert.deepEqual(
    [...layerDepths(["transformer.wte.weight", "transformer.h.0.a", "transformer.h.10.a", "transformer.ln_f.weight"])],
    [
      ["transformer.h.0.a", 1],
      ["transformer.h.10.a", 2],
      ["transformer.wte.weight", 0],
      ["transformer.ln_f.weight", 3],
    ],
  );
  // torchvision's vision transformer, and its residual networks with layers in stages.
  assert.deepEqual(
    depths(["a.token", "e.layers.encoder_layer_0.w", "e.layers.encoder_layer_1.w", "heads.head.weight"]),
    [0, 1, 2, 3],
  );
  assert.deepEqual(depths(["conv1.weight", "layer1.0.w", "layer1.1.w", "layer2.0.w", "zfc.weight"]), [0, 1, 2, 3, 4]);
  assert.throws(() => layerDepths(["fc1.weight", "fc2.weight"]), {
    name: "ConfigError",
    message: /expected a model with numbered layers/,
  });
});

test("the deepest that there is learns at the full rate", () => {
  assert.deepEqual([...layerFactors(["0.weight", "1.weight", "2.weight"], 0.5).values()], [0.25, 0.5, 1]);
  assert.deepEqual(
    [...layerFactors(["e.weight", "h.0.weight", "head.weight"], 0.1)].map(([, factor]) => factor).sort((a, b) => a - b),
    [0.1 ** 2, 0.1, 1],
  );
});

test("tuning adds to what the optimizer's own groups say, and leaves the rest to them", () => {
  const own = adamW({
    groups: [
      { match: "*.bias", weightDecay: 0 },
      { match: "b.*", learningRateMultiplier: 3 },
    ],
  });
  const paths = ["a.weight", "a.bias", "b.weight", "b.bias"];
  const tuned = withFineTuning(own, paths, { learningRates: { "b.*": 0.5, "*.bias": 2 }, freeze: ["a.weight"] });
  assert.deepEqual(
    paths
      .map((path) => tuned.settings(path))
      .map(({ weightDecay, learningRateMultiplier, frozen }) => [weightDecay, learningRateMultiplier, frozen]),
    [
      [undefined, undefined, true],
      [0, 2, undefined],
      [undefined, 1.5, undefined],
      [0, 0.5, undefined],
    ],
  );
  assert.deepEqual([...tuned.trained(new Map(paths.map((path) => [path, 0]))).keys()], paths.slice(1));
  assert.deepEqual(withFineTuning(sgd(), paths, {}).groups, []);
});
