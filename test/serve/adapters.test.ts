/**
 * @module A hundred adapters of one model in one batch: each writes what the model writes into which it was merged.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { saveSafetensors } from "../../src/data/node.js";
import { fromNumbers, sizeOf, type TensorData } from "../../src/graph/index.js";
import { modelFromConfig } from "../../src/models/index.js";
import { addAdapters, lora, mergeAdapters } from "../../src/nn/index.js";
import type { GenerateEvent } from "../../src/serve/engine.js";
import { openEngine, type OwnedEngine, startServer } from "../../src/serve/node.js";
import { loadPretrained, saveAdapters } from "../../src/train/node.js";
import { Random } from "../../src/util/random.js";
import { languageFolder } from "./server.js";

const COUNT = 100;
const CHECKED = [0, 1, 57, 99];
const folder = mkdtempSync(join(tmpdir(), "descent-adapters-"));
const base = join(folder, "base");
const adapters = Array.from({ length: COUNT }, (_, i) => ({ name: `a${i}`, path: join(folder, `a${i}`) }));
const mergedOf = (i: number): string => join(folder, `merged${i}`);

/** Writes adapter number i, of ranks and layers of its own, and for some the model that it is merged into. */
async function writeAdapter(i: number, weights: ReadonlyMap<string, TensorData>): Promise<void> {
  const config = JSON.parse(readFileSync(join(base, "config.json"), "utf8")) as Record<string, never>;
  const model = modelFromConfig("LlamaForCausalLM", config);
  const options = lora({ rank: 1 + (i % 4), alpha: 3, ...(i % 2 === 0 ? {} : { targets: ["q_proj", "o_proj", "down_proj"] }) });
  addAdapters(model, options);
  const random = new Random(11, "adapter", i);
  const own = new Map(weights);
  for (const [path, { dims }] of model.state())
    if (path.includes("lora_"))
      own.set(
        path,
        fromNumbers(
          "float32",
          dims,
          Float32Array.from({ length: sizeOf(dims) }, () => 0.2 * random.normal()),
        ),
      );
  await saveAdapters(join(folder, `a${i}`), model, own, options);
  if (!CHECKED.includes(i)) return;
  cpSync(base, mergedOf(i), { recursive: true });
  await saveSafetensors(join(mergedOf(i), "model.safetensors"), mergeAdapters(model, own));
}

before(async () => {
  await languageFolder(base);
  const { weights } = await loadPretrained(base);
  for (let i = 0; i < COUNT; i++) await writeAdapter(i, weights);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Log-probabilities of the tokens that a model writes, and of those that it might have written. */
async function likely(engine: OwnedEngine, adapter?: string): Promise<number[]> {
  const values: number[] = [];
  const params = {
    prompt: "To be, or not to be: that is the",
    isConversation: false,
    maxTokens: 12,
    temperature: 0,
    seed: 0,
    stop: [],
    owner: "",
    logprobs: 5,
    ...(adapter === undefined ? {} : { adapter }),
  };
  const onEvent = ({ logprobs = [] }: GenerateEvent): void => {
    for (const { logprob, top } of logprobs) values.push(logprob, ...top.map((each) => each.logprob));
  };
  await engine.call("generate", params, { onEvent });
  return values;
}

const difference = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length ? a.reduce((most, value, k) => Math.max(most, Math.abs(value - (b[k] as number))), 0) : Infinity;

test("a hundred adapters and their base write in one batch as the merged models do", async () => {
  const rows: number[] = [];
  const observe = ({ kind, rows: together }: { kind: string; rows: number }): void =>
    void (kind === "token" && rows.push(together));
  await using engine = await openEngine(base, { threads: 1, adapters, observe });
  const [own, ...all] = await Promise.all([likely(engine), ...adapters.map(({ name }) => likely(engine, name))]);
  assert.ok(Math.max(...rows) >= 8, `at most ${Math.max(...rows)} together`);
  for (const i of CHECKED) {
    await using merged = await openEngine(mergedOf(i), { threads: 1 });
    const gap = difference(await likely(merged), all[i] as number[]);
    assert.ok(gap <= 1e-5, `adapter ${i}: ${gap}`);
    // Its vectors of texts, too.
    const params = { inputs: ["To be, or not to be"] };
    const [theirs, ours] = [await merged.call("embed", params), await engine.call("embed", { ...params, adapter: `a${i}` })];
    const apart = difference(Array.from(theirs.embeddings[0] ?? []), Array.from(ours.embeddings[0] ?? []));
    assert.ok(apart <= 1e-5, `adapter ${i}: ${apart}`);
  }
  await using plain = await openEngine(base, { threads: 1 });
  assert.ok(difference(await likely(plain), own) <= 1e-5);
  assert.ok(all.every((each, i) => i === 0 || difference(each, all[i - 1] as number[]) > 1e-3));
  // What an adapter has read is nobody else's beginning.
  assert.ok(difference(await likely(engine, "a3"), all[3] as number[]) <= 1e-5);
});

test("the name of a model picks the adapter, and a wrong adapter is said at the start", async () => {
  const [first, second] = adapters as [(typeof adapters)[0], (typeof adapters)[0]];
  const options = { host: "127.0.0.1", port: 0, threads: 1, logLevel: "silent" } as const;
  const server = await startServer([{ name: "base", version: "1", path: base, adapters: [first, second] }], options);
  try {
    const complete = async (model: string) => {
      const body = JSON.stringify({
        model,
        prompt: "To be, or not to be: that is the",
        max_tokens: 8,
        temperature: 0,
        logprobs: 5,
      });
      const response = await fetch(`${server.url}/v1/completions`, { method: "POST", body });
      return {
        status: response.status,
        body: (await response.json()) as { choices: { logprobs: { token_logprobs: number[] } }[] },
      };
    };
    const names = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { id: string }[] };
    assert.deepEqual(
      names.data.map(({ id }) => id),
      ["base", "a0", "a1"],
    );
    const told = await Promise.all(["base", "a0", "a1"].map(complete));
    assert.deepEqual(
      told.map(({ status }) => status),
      [200, 200, 200],
    );
    const likelihoods = told.map(({ body }) => body.choices[0]?.logprobs.token_logprobs ?? []);
    assert.ok(difference(likelihoods[0] as number[], likelihoods[1] as number[]) > 1e-3);
    assert.ok(difference(likelihoods[1] as number[], likelihoods[2] as number[]) > 1e-3);
    assert.equal((await complete("a2")).status, 404);
  } finally {
    await server.close(1000);
  }
  await assert.rejects(openEngine(base, { adapters: [{ name: "none", path: base }] }), /adapter_config\.json/);
});
