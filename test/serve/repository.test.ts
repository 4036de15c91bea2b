import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { parseAllDocuments } from "yaml";
import { OnnxModel } from "../../src/onnx/index.js";
import { compile } from "../../src/runtime/index.js";
import { fromNumbers } from "../../src/graph/index.js";
import { scratchFolder, isRefused, succeeds } from "../e2e/command.js";
import { keptRuns, unpack } from "../kept-runs.js";
import { linearFile } from "./server.js";

const folder = scratchFolder();
for (const run of keptRuns())
  if (["image-classification", "language-modeling"].includes(run.task)) unpack(run, join(folder, run.task));
const read = (...path: string[]): string => readFileSync(join(folder, ...path), "utf8");

test("Triton's repository: a file that runs, and a configuration that says what is in it", async () => {
  await succeeds(folder, ["export", "image-classification/run", "--format", "triton", "--out", "triton"]);
  const config = read("triton", "run", "config.pbtxt");
  assert.match(config, /name: "image"\s+data_type: TYPE_UINT8\s+dims: \[ 1, 8, 8 \]/);
  assert.match(config, /name: "logits"\s+data_type: TYPE_FP32\s+dims: \[ 10 \]/);
  assert.match(config, /max_batch_size: 64/);
  assert.equal(read("triton", "run", "labels.txt").trim().split("\n").length, 10);
  const file = new OnnxModel(new Uint8Array(readFileSync(join(folder, "triton", "run", "1", "model.onnx"))));
  await using session = await compile(file, { threads: 1 });
  const { logits } = await session.call({ image: fromNumbers("uint8", [3, 1, 8, 8], new Float64Array(192)) });
  assert.deepEqual(logits?.shape, [3, 10]);

  await succeeds(folder, ["export", "language-modeling/run", "--format", "triton", "--out", "language"]);
  const decoder = read("language", "run", "config.pbtxt");
  assert.match(decoder, /name: "past_key_values\.0\.key"/);
  assert.match(decoder, /name: "present\.0\.value"/);
  assert.ok(existsSync(join(folder, "language", "run", "tokenizer.json")));

  linearFile(join(folder, "linear.onnx"));
  await succeeds(folder, ["export", "linear.onnx", "--format", "triton", "--out", "plain"]);
  assert.match(read("plain", "linear", "config.pbtxt"), /name: "x"\s+data_type: TYPE_FP32\s+dims: \[ 2 \]/);
});

test("KServe's service and a Kubernetes manifest: the same container, with probes, limits, and no root", async () => {
  await succeeds(folder, ["export", "image-classification/run", "--format", "kserve", "--out", "kserve"]);
  assert.ok(existsSync(join(folder, "kserve", "model", "run", "config.json")));
  const documents = parseAllDocuments(read("kserve", "kubernetes.yaml")).map(
    (each) => each.toJS() as { kind: string; spec: Record<string, never> },
  );
  assert.deepEqual(
    documents.map(({ kind }) => kind),
    ["Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"],
  );
  const [service] = parseAllDocuments(read("kserve", "inference-service.yaml")).map((each) => each.toJS() as { kind: string });
  assert.equal(service?.kind, "InferenceService");
  for (const text of [read("kserve", "kubernetes.yaml"), read("kserve", "inference-service.yaml")]) {
    assert.match(text, /runAsNonRoot: true/);
    assert.match(text, /path: \/v2\/health\/ready/);
    assert.match(text, /limits: \{ cpu/);
  }
  assert.match(read("kserve", "Containerfile"), /^USER 10001/m);
  await isRefused(
    folder,
    ["export", "image-classification/run", "--format", "kserve", "--out", "kserve"],
    /a folder that does not exist yet/,
  );
  await isRefused(folder, ["export", "none/run", "--format", "triton", "--out", "other"], /expected a model, found none/);
  // Nothing that looks like a model is left, and nothing that is none is wrapped up.
  writeFileSync(join(folder, "rows.csv"), "a,b\n1,2\n");
  writeFileSync(join(folder, "broken.onnx"), "no model");
  await isRefused(
    folder,
    ["export", "rows.csv", "--format", "kserve", "--out", "other"],
    /expected a run, .* got something else/,
  );
  await isRefused(folder, ["export", "broken.onnx", "--format", "triton", "--out", "other"], /broken\.onnx: expected/);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith("other")),
    [],
  );
});
