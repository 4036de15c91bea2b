/**
 * @module The examples for Node in a fresh project, with nothing beyond the documented steps, and the same package required from CommonJS.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { trainWordPiece } from "../../src/text/train.js";
import { makeConsumer, manifest, ROOT } from "./consumer.js";

const consumer = makeConsumer();
consumer.link(...Object.keys(manifest.optionalDependencies));
after(() => consumer.remove());
const node = (...args: string[]) =>
  spawnSync(process.execPath, args, { cwd: consumer.folder, encoding: "utf8", timeout: 120_000 });

test("the example server answers many requests at once as it answers each alone, and refuses what is no row", async () => {
  cpSync(join(ROOT, "examples", "server"), consumer.folder, { recursive: true });
  const rows = Array.from({ length: 60 }, (_, i) => ({ age: i, plan: i % 2 ? "basic" : "gold", churned: i > 30 ? "yes" : "no" }));
  const lines = rows.map((row) => Object.values(row).join(","));
  writeFileSync(join(consumer.folder, "churn.csv"), `age,plan,churned\n${lines.join("\n")}\n`);
  const bin = join(consumer.package, String(manifest.bin.descent));
  const task = "train tabular-classification --data churn.csv --label-column churned --steps 40 --no-check --out run";
  const trained = node(bin, ...task.split(" "));
  assert.equal(trained.status, 0, trained.stderr);

  const server = spawn(process.execPath, ["server.js", "run", "0"], { cwd: consumer.folder });
  try {
    const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
    const url = line.trim();
    const ask = async (body: string) => {
      const response = await fetch(url, { method: "POST", body });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const bodies = rows.slice(0, 40).map(({ age, plan }) => JSON.stringify({ age, plan }));
    const alone = [];
    for (const body of bodies) alone.push(await ask(body));
    assert.ok(alone.every(({ status, body }) => status === 200 && ["yes", "no"].includes(String(body["label"]))));
    const together = await Promise.all(bodies.map(ask));
    for (const [i, { status, body }] of together.entries()) {
      assert.equal(status, 200);
      assert.equal(body["label"], alone[i]?.body["label"]);
      // Rows of a batch go through other kernels than one alone: the last bit may differ.
      assert.ok(Math.abs(Number(body["score"]) - Number(alone[i]?.body["score"])) < 1e-5);
    }
    const mixed = await Promise.all([ask('{"age":"old","plan":"basic"}'), ask(bodies[0] as string)]);
    assert.deepEqual(
      mixed.map(({ status }) => status),
      [400, 200],
    );
    assert.match(String(mixed[0]?.body["error"]), /expected a number, got "old"/);
    for (const body of ["[1]", "{", "7"]) assert.equal((await ask(body)).status, 400);
    assert.equal((await fetch(url.replace("predict", ""))).status, 404);
  } finally {
    server.kill();
  }
});

test("CommonJS takes the package by import(), as the documents show", () => {
  writeFileSync(
    join(consumer.folder, "main.cjs"),
    `const main = async () => {
      const { tensor } = await import("descentjs");
      console.log(await tensor([1, 2]).mul(2).data());
    };
    main();`,
  );
  const { stdout, stderr } = node("main.cjs");
  assert.equal(stdout, "Float32Array(2) [ 2, 4 ]\n");
  assert.equal(stderr, "");
});

/** Runs an example's program in a folder of the fresh project; what it printed. */
function example(name: string, program: string, ...args: string[]): { readonly folder: string; readonly printed: string } {
  const folder = join(consumer.folder, name);
  cpSync(join(ROOT, "examples", name), folder, { recursive: true });
  const { start } = (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { scripts: { start: string } }).scripts;
  assert.equal(start, `node ${program}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.equal(status, 0, stderr);
  return { folder, printed: stdout };
}
const numbers = (text: string, pattern: RegExp): number[] => [...text.matchAll(pattern)].map((found) => Number(found[1]));

test("the example of a custom op finds a better penalty by the gradient through the inverse", () => {
  const errors = numbers(example("custom-op", "ridge.js").printed, /error ([\d.]+)/g);
  assert.equal(errors.length, 4);
  assert.ok((errors.at(-1) as number) < 0.9 * (errors[0] as number), errors.join(" "));
  assert.deepEqual(
    errors.toSorted((a, b) => b - a),
    errors,
  );
});

test("the example of a training loop measures, stops by itself, and keeps the best weights", () => {
  const { folder, printed } = example("custom-loop", "loop.js");
  const errors = numbers(printed, /, error ([\d.]+)/g);
  assert.ok((errors[0] as number) > 20 * Math.min(...errors), printed);
  assert.match(printed, /best after \d+ steps: error 0\.000\d+, kept/);
  assert.ok(existsSync(join(folder, "best.safetensors")));
});

test("the example with another tool's ONNX file runs, differentiates and trains it, and writes a file that does the same", () => {
  const vit = join(ROOT, "test", "fixtures", "published", "vit.script.onnx");
  const { folder, printed } = example("onnx", "onnx.js", vit);
  assert.match(
    printed,
    /74 nodes, x float32 \[batch,3,32,32\] → y \[batch,5\]\nclass 2; its score hangs most on value \d+ of the input/,
  );
  const losses = numbers(printed, /loss ([\d.]+)/g);
  assert.ok((losses.at(-1) as number) < 0.8 * (losses[0] as number), printed);
  const again = spawnSync(process.execPath, ["onnx.js", "trained.onnx"], { cwd: folder, encoding: "utf8" });
  assert.equal(again.status, 0, again.stderr);
  // Where the first one ended the second one begins.
  const [first] = numbers(again.stdout, /step 1: loss ([\d.]+)/g);
  assert.ok((first as number) <= (losses.at(-1) as number), again.stdout);
});

test("the example of fine-tuning takes a folder in Hugging Face's form and writes one", async () => {
  // Tiny, of random weights: made by scripts/golden/language-models.py. Its vocabulary has room for 41 tokens.
  const folder = join(consumer.folder, "checkpoint");
  cpSync(join(ROOT, "test", "fixtures", "language-models", "bert-sequence"), folder, { recursive: true });
  const words = { good: ["clean", "calm", "neat"], bad: ["loud", "damp", "cold"] };
  const texts = Array.from({ length: 240 }, (_, i) => {
    const label = i % 2 === 0 ? "bad" : "good";
    return { label, text: `a ${words[label][i % 3]} room ${words[label][(i >> 2) % 3]}` };
  });
  const tokenizer = await trainWordPiece(
    texts.map(({ text }) => text),
    { vocabularySize: 41, minFrequency: 1 },
  );
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  writeFileSync(
    join(consumer.folder, "reviews.csv"),
    `text,label\n${texts.map(({ text, label }) => `${text},${label}`).join("\n")}\n`,
  );
  const tuned = example("fine-tune", "fine-tune.js", "../checkpoint", "../reviews.csv", "6");
  const losses = numbers(tuned.printed, /loss ([\d.]+)/g);
  assert.equal(losses.length, 6);
  assert.ok((losses[5] as number) < 0.9 * (losses[0] as number), tuned.printed);
  assert.ok((numbers(tuned.printed, /(\d+) of 24 unseen/g)[0] as number) > 16, tuned.printed);
  // It is a start like any other.
  const again = spawnSync(process.execPath, ["fine-tune.js", "fine-tuned", "../reviews.csv", "1"], {
    cwd: tuned.folder,
    encoding: "utf8",
  });
  assert.equal(again.status, 0, again.stderr);
  const [loss] = numbers(again.stdout, /loss ([\d.]+)/g);
  assert.ok((loss as number) < (losses[1] as number), again.stdout);
});
