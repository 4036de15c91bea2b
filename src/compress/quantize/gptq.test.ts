import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, symbol, toNumbers } from "../../graph/index.js";
import { Gpt2 } from "../../models/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel, graphToModel, OnnxModel } from "../../onnx/index.js";
import { lowerGraph, resolveForUse } from "../../ops/index.js";
import { compile } from "../../runtime/index.js";
import type { Refinement } from "./options.js";
import { quantizeFile } from "./quantize.js";

interface Golden {
  readonly calibration: readonly (readonly number[])[];
  readonly test: readonly (readonly number[])[];
  readonly weights: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: string }>>;
  readonly perplexity: { readonly float32: number; readonly plain: number; readonly gptq: number };
}
const golden = JSON.parse(readFileSync("test/golden/gptq.json", "utf8")) as Golden;
const idsOf = (rows: readonly (readonly number[])[]): { readonly ids: TensorData } => ({
  ids: fromNumbers("int64", [rows.length, rows[0]?.length ?? 0], rows.flat()),
});

/** The trained model of `scripts/golden/gptq.py`. */
function trained(): ModelProto {
  const model = new Gpt2({ vocabSize: 12, maxPositions: 32, hiddenSize: 32, numLayers: 2, numHeads: 2 });
  const [names, values] = [new Map<Tensor, string>(), new Map<Tensor, TensorData>()];
  for (const [path, parameter] of model.state()) {
    const stored = golden.weights[path];
    assert.ok(stored !== undefined, path);
    const bytes = Uint8Array.from(Buffer.from(stored.data, "base64"));
    names.set(parameter, path);
    values.set(parameter, { dtype: "float32", shape: parameter.dims, data: new Float32Array(bytes.buffer) });
  }
  const ids = input("ids", [symbol("N"), symbol("T")], "int64");
  const graph = lowerGraph(new Graph(resolveForUse({ logits: model.forward(ids) })), "onnx");
  return graphToModel(graph, { names, values, inputs: [ids] });
}

/** e to the mean cross-entropy of each next token of the test texts. */
async function perplexity(file: ModelProto): Promise<number> {
  await using session = await compile(new OnnxModel(encodeModel(file)));
  const logits = (await session.call(idsOf(golden.test)))["logits"] as TensorData;
  const [numbers, size] = [toNumbers(logits), logits.shape[2] as number];
  let [nats, count, at] = [0, 0, 0];
  for (const row of golden.test)
    for (let t = 0; t < row.length; t++, at += size) {
      const next = row[t + 1];
      if (next === undefined) continue;
      const own = numbers.subarray(at, at + size);
      const most = Math.max(...own);
      nats += most + Math.log(own.reduce((sum, z) => sum + Math.exp(z - most), 0)) - (own[next] as number);
      count++;
    }
  return Math.exp(nats / count);
}

test("GPTQ at 4 bits reaches the perplexity of a reference in torch, to a hundredth", async () => {
  const file = trained();
  const isNear = (got: number, expected: number, share: number, where: string): void =>
    assert.ok(Math.abs(got / expected - 1) < share, `${where}: expected ${expected}, got ${got}`);
  isNear(await perplexity(file), golden.perplexity.float32, 1e-4, "float32");
  const data = { one: idsOf([[1]]), calibration: [idsOf(golden.calibration)] };
  const made = async (refinement: Refinement): Promise<number> => {
    const keep = new Set(["transformer.wte.weight"]);
    const options = { form: "int4", blockSize: 32, evenIfSlower: true, keep, refinement } as const;
    return perplexity((await quantizeFile(file, data, options)).model);
  };
  const [plain, gptq] = [await made("none"), await made("gptq")];
  isNear(plain, golden.perplexity.plain, 0.01, "rounded to the nearest");
  isNear(gptq, golden.perplexity.gptq, 0.01, "GPTQ");
  assert.ok(gptq < plain, `${gptq} and ${plain}`);
});
