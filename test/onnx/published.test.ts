/**
 * Models that PyTorch exported with free axes, against what PyTorch computed with them for two sets of lengths
 * (test/fixtures/published, made by scripts/published-models/export.py; `npm run published-models` tries many more).
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import { loadOnnx, loadSafetensors } from "../../src/data/node.js";
import { fromNumbers, Graph, input, sizeOf, type Tensor, type TensorData, toNumbers } from "../../src/graph/index.js";
import { compile } from "../../src/runtime/index.js";

const FOLDER = "test/fixtures/published";

/** Free axes of each, and parameters whose names are those of PyTorch. */
const MODELS = { "bert.script": ["batch", "sequence"], "llama.script": ["batch", "sequence"], "vit.script": ["batch"] } as const;

type Feeds = Record<string, TensorData>;
interface Recorded {
  readonly feeds: Feeds;
  readonly y: TensorData;
  readonly gradients: ReadonlyMap<string, TensorData>;
}

async function recorded(name: string): Promise<readonly Recorded[]> {
  const { tensors } = await loadSafetensors(`${FOLDER}/${name}.safetensors`);
  const beginning = (prefix: string): [string, TensorData][] =>
    [...tensors].flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : []));
  return [0, 1].map((k) => ({
    feeds: Object.fromEntries(beginning(`in.${k}.`)),
    y: tensors.get(`out.${k}`) as TensorData,
    gradients: new Map(beginning(`grad.${k}.`)),
  }));
}

function close(got: TensorData | undefined, expected: TensorData, what: string): void {
  assert.ok(got !== undefined, what);
  assert.deepEqual(got.shape, expected.shape, what);
  const [a, b] = [toNumbers(got), toNumbers(expected)];
  const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-4);
  a.forEach((value, i) =>
    assert.ok(Math.abs(value - (b[i] as number)) <= 2e-5 * scale, `${what}, place ${i}: ${value}, not ${b[i]}`),
  );
}

const pick = (feeds: Feeds, names: readonly string[]): Feeds =>
  Object.fromEntries(names.map((name) => [name, feeds[name] as TensorData]));

for (const [name, axes] of Object.entries(MODELS)) {
  suite(name, () => {
    test("the file itself, with its axes free", async () => {
      const model = await loadOnnx(`${FOLDER}/${name}.onnx`);
      assert.deepEqual(model.freeDimensions, axes);
      await using session = await compile(model);
      for (const { feeds, y } of await recorded(name)) close((await session.call(pick(feeds, session.inputs)))["y"], y, "y");
    });

    test("its graph, and gradients, by one compiled graph for all lengths and for each", async () => {
      const model = await loadOnnx(`${FOLDER}/${name}.onnx`);
      const calls = await recorded(name);
      for (const forEach of [false, true]) {
        for (const { feeds, y, gradients } of calls) {
          const shapes = Object.fromEntries(Object.entries(feeds).map(([key, { shape }]) => [key, shape]));
          const { graph, parameters, values, names } = forEach ? model.trace({ shapes }) : model;
          const output = graph.outputs.get("y") as Tensor;
          const loss = output.mul(input("weights", output.shape)).sum();
          const compared = [...parameters].filter(([key]) => gradients.has(key));
          assert.ok(compared.length >= 3);
          const dx = grad(loss, compared.map(([, p]) => p)); // prettier-ignore
          const outputs = new Map<string, Tensor>([
            ["y", output],
            ...compared.map(([key], i): [string, Tensor] => [key, dx[i] as Tensor]),
          ]);
          await using executable = await compile(new Graph(outputs), { values, names });
          const weights = fromNumbers(
            "float32",
            y.shape,
            Float32Array.from({ length: sizeOf(y.shape) }, (_, i) => Math.cos(i)),
          );
          const got = await executable.call(pick({ ...feeds, weights }, executable.inputs));
          close(got["y"], y, "y");
          for (const [key] of compared) close(got[key], gradients.get(key) as TensorData, key);
        }
      }
    });
  });
}
