/**
 * @module Descent in a real Chromium: the shared cases on WebAssembly and WebGPU, in the page and in a web worker, and the
 * same network trained there and in Node.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { languageFolder, testServer } from "../serve/server.js";
import { openBrowser, withoutChromium } from "./chromium.js";
import type { Place } from "./page.js";
import type { Device } from "../../src/runtime/index.js";
import { documented } from "./documented.js";
import { exportedCase } from "./exported-case.js";
import { buildMlp, trainMlp, trainModel } from "../suites/mlp.js";
import { RUNTIME_CASES } from "../suites/runtime-suite.js";

interface TokenizerCase {
  readonly texts: readonly string[];
  readonly maxLength?: number;
  readonly ids: readonly number[];
  readonly offsets: readonly number[];
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/tokenizers.json", import.meta.url), "utf8")) as {
  readonly tokenizers: readonly { readonly name: string; readonly tokenizer: object; readonly cases: readonly TokenizerCase[] }[];
};

const HOMES: readonly (readonly [Place, Device])[] = [
  ["page", "wasm"],
  ["page", "webgpu"],
  ["worker", "wasm"],
];

if (withoutChromium !== undefined) test("browser", { skip: withoutChromium });
else {
  const browser = openBrowser();
  after(async () => (await browser)[Symbol.asyncDispose]());

  test("the page is isolated, so that WebAssembly has threads", async () => {
    assert.equal(await (await browser).call("isolated"), true);
  });

  for (const [place, device] of HOMES) {
    for (const { name } of RUNTIME_CASES) {
      test(`${place} ${device}: ${name}`, async () => (await browser).call("runCase", place, device, name));
    }
  }

  /** The page's losses over the steps equal Node's. */
  async function trainsAsInNode(place: Place, device: Device, widths: number[], batchSize: number, steps: number): Promise<void> {
    const { losses, locations } = await (await browser).call("train", place, device, widths, batchSize, steps);
    const node = await trainMlp(buildMlp(widths, batchSize), steps, { device: "cpu" });
    assert.equal(losses.length, steps);
    losses.forEach((loss, i) => {
      const expected = node.losses[i] as number;
      assert.ok(Math.abs(loss - expected) < 1e-4, `step ${i}: ${loss} in the page, ${expected} in Node`);
    });
    if (device === "webgpu") assert.ok(locations.every((location) => location === "device"));
  }

  test("the MLP of 784, 128 and 10 trains in the page on WebAssembly, with Node's losses over 20 steps", () =>
    trainsAsInNode("page", "wasm", [784, 128, 10], 32, 20));
  test("it trains in a web worker as well", () => trainsAsInNode("worker", "wasm", [784, 128, 10], 32, 20));
  test("a tiny MLP trains on WebGPU with its state in GPU buffers, with Node's losses", () =>
    trainsAsInNode("page", "webgpu", [12, 16, 4], 8, 10));

  for (const [place, device, steps] of [
    ["page", "wasm", 20],
    ["worker", "wasm", 20],
    ["page", "webgpu", 6],
  ] as const) {
    test(`modules, dropout, AdamW and a training state give Node's losses on ${place} ${device}`, async () => {
      const losses = await (await browser).call("trainModel", place, device, steps);
      const node = await trainModel({ device: "cpu" }, steps);
      losses.forEach((loss, i) => assert.ok(Math.abs(loss - (node[i] as number)) < 1e-4, `step ${i}: ${loss}, ${node[i]}`));
      assert.equal(losses.length, steps);
    });
  }

  test("what the documents show works as it stands: no call names a device, rows, files and answers of fetch train", async () => {
    const { device, loss, ...page } = await (await browser).call("documented");
    const node = await documented();
    assert.equal(device, "wasm");
    assert.equal(node.device, "cpu");
    assert.ok(Math.abs(loss - node.loss) < 1e-4, `${loss}, ${node.loss}`);
    assert.deepEqual(page.gradient, [2, 4, 6, -8]);
    assert.deepEqual(page.fields, ["a number", "b number", "label category"]);
    for (const [name, value = 0] of Object.entries(page.accuracies)) assert.ok(value > 0.95, `${name}: ${value}`);
    assert.deepEqual(Object.keys(page.accuracies), ["rows", "columns", "file", "fetched"]);
  });

  for (const { name, tokenizer, cases } of golden.tokenizers) {
    test(`tokenizer ${name}: ids and places of Python's tokenizers`, async () => {
      const whole = cases.filter((c) => c.maxLength === undefined);
      const found = await (
        await browser
      ).call(
        "tokenize",
        tokenizer,
        whole.map(({ texts }) => (texts.length === 1 ? (texts[0] as string) : [texts[0] as string, texts[1] as string])),
      );
      assert.deepEqual(
        found,
        whole.map(({ ids, offsets }) => ({ ids, offsets })),
      );
    });
  }

  for (const method of ["integrated-gradients", "grad-cam"] as const) {
    test(`an exported explanation, ${method}: WebAssembly gives what Node's explain gives, for batches of 1 and 7`, async () => {
      const { bytes, batches, expected } = await exportedCase(method);
      const found = await (await browser).call("exported", [...bytes], batches);
      expected.forEach((values, i) => {
        const scale = Math.max(...values.map(Math.abs));
        assert.ok(scale > 0 && values.length === found[i]?.length);
        values.forEach((v, e) =>
          assert.ok(Math.abs(v - (found[i]?.[e] ?? NaN)) <= 1e-5 * scale, `${e}: ${v}, got ${found[i]?.[e]}`),
        );
      });
    });
  }

  test("OpenAI's client talks to the handler in the page, without a network, and reads what Node's server writes", async () => {
    await using served = await testServer([], { tiny: languageFolder });
    const read = (name: string): Buffer => readFileSync(join(served.folder, "tiny", name));
    const { chat_template: template } = JSON.parse(read("tokenizer_config.json").toString()) as { chat_template: string };
    const [config, tokenizer] = [read("config.json").toString(), read("tokenizer.json").toString()];
    const weights = [...read("model.safetensors")];
    const found = await (await browser).call("chats", { config, tokenizer, template, weights });
    const asked = {
      model: "tiny",
      messages: [{ role: "user", content: "What is a neural network?" }],
      temperature: 0,
      max_tokens: 12,
    };
    const answer = (await (await served.post("/v1/chat/completions", asked)).json()) as {
      choices: { message: { content: string } }[];
    };
    assert.equal(found.text, answer.choices[0]?.message.content);
    assert.ok((found.text ?? "").length > 0);
    assert.equal(found.streamed, found.text);
    assert.ok([3, 4].includes((JSON.parse(found.json ?? "") as { age: number }).age));
    assert.equal(found.usage, 12);
    assert.deepEqual(found.models, ["tiny"]);
    assert.match(String(found.refused), /expected one of tiny, got "other"/);
  });

  test("auto takes WebAssembly, since the GPU here is one in software", async () => {
    assert.equal(await (await browser).call("resolve", "auto"), "wasm");
  });

  test("nothing was complained of in the page", async () => {
    assert.deepEqual((await browser).complaints, []);
  });
}
