/**
 * One part of an answer explained, task by task, on the runs that an earlier version wrote: a role, a box's side, each token of a text that is written.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import sharp from "sharp";
import type { Tensor } from "../../src/graph/index.js";
import { constant, fromNumbers, Graph, input, sizeOf, toNumbers } from "../../src/graph/index.js";
import { exportGraph } from "../../src/onnx/index.js";
import { concat, conv, lowerGraph } from "../../src/ops/index.js";
import { Random } from "../../src/util/random.js";
import type { Explanation } from "../../src/tasks/explaining/explain-node.js";
import { explainInputs } from "../../src/tasks/explaining/explain-node.js";
import { pageOf } from "../../src/tasks/explaining/page-node.js";
import { explanationSvg } from "../../src/tasks/explaining/picture-node.js";
import { contributions, tokenRows } from "../../src/tasks/explaining/summary.js";
import { evaluate } from "../../src/runtime/index.js";
import { openModel } from "../../src/tasks/use/open-node.js";
import { placesOf } from "../../src/tasks/use/places.js";
import { readInputs } from "../../src/tasks/use/examples-node.js";
import type { ScoreQuestion } from "../../src/tasks/task-node.js";
import { keptRuns, unpack } from "../kept-runs.js";

const folder = mkdtempSync(join(tmpdir(), "descent-explain-"));
after(() => rmSync(folder, { recursive: true }));

async function explained(
  task: string,
  given: string,
  question: Omit<ScoreQuestion, "run"> = {},
  method: Explanation["method"] = "integrated-gradients",
): Promise<Explanation> {
  const kept = keptRuns().find((run) => run.task === task && run.name === undefined);
  assert.ok(kept, task);
  const place = join(folder, task);
  unpack(kept, place);
  const run = join(place, "run");
  await using model = (await openModel(run, { threads: 1 })).model;
  const inputs = await readInputs(model, [given.replace("@", join(place, "data"))], {});
  const { explanations } = await explainInputs(model, inputs, { methods: [method], question: { run, ...question }, threads: 1 });
  const [one] = explanations;
  assert.ok(one);
  return one;
}

const sum = (numbers: ArrayLike<number>): number => Array.from(numbers).reduce((a, b) => a + b, 0);

test("an argument of a predicate, named or found", async () => {
  const one = await explained("semantic-role-labeling", "Ann likes Rome .", { predicate: "likes", target: "Ann:A0" });
  assert.match(one.example.label, /A0$/);
  assert.match(one.remarks.map(({ en }) => en).join(" "), /word 1, "Ann", for the predicate "likes" \(word 2\)/);
  assert.deepEqual(
    contributions(one).map(({ label }) => label),
    ["Ann", "likes", "Rome", "."],
  );
  await assert.rejects(
    explained("semantic-role-labeling", "Ann likes Rome .", { predicate: "hates" }),
    /--predicate: expected a word/,
  );
});

test("a side of a box is explained in pixels, and the box outlined", async () => {
  const one = await explained("object-detection", "@/squares/test/10.png", { side: "right" });
  const [box] = one.view.boxes ?? [];
  assert.ok(box);
  assert.equal(one.example.label, "right");
  assert.ok(Math.abs(one.example.score - (box.left + box.width)) <= 1, `${one.example.score} beside ${box.left + box.width}`);
  assert.match(await explanationSvg([one], "en"), /<rect [^>]*class="s3"/);
});

for (const method of ["integrated-gradients", "partition-shap"] as const) {
  test(`${method}: each token that a language model writes, by those before it alone`, async () => {
    const one = await explained("language-modeling", "the cat", { tokens: 4 }, method);
    const rows = tokenRows(one);
    assert.equal(rows.length, 4);
    const columns = one.view.parts?.names ?? [];
    assert.equal(columns.slice(0, 7).join(""), "the cat");
    rows.forEach((row, t) => {
      const later = Array.from(row).slice(columns.length - 3 + t);
      assert.ok(
        later.every((v) => Math.abs(v) <= 1e-4),
        `token ${t}: ${later.join(" ")}`,
      );
      const { score, baselineScore = 0 } = one.tokens?.[t] ?? { score: NaN };
      const scale = Math.max(Math.abs(score), Math.abs(score - baselineScore), 1);
      assert.ok(
        Math.abs(sum(row) - (score - baselineScore)) <= 0.05 * scale,
        `token ${t}: ${sum(row)} of ${score - baselineScore}`,
      );
    });
    assert.ok(Math.abs(sum(contributions(one).map(({ value }) => value)) - sum(rows.map((row) => sum(row)))) <= 1e-3);
  });
}

test("each token of a translation, by the source's tokens: a matrix in the picture and on the page", async () => {
  const one = await explained("sequence-to-sequence", "3 March", { tokens: 3 });
  const { written, parts } = one.view;
  assert.equal(written?.tokens.length, 3);
  assert.equal(parts?.names.join("").startsWith("3 March"), true);
  assert.deepEqual(
    tokenRows(one).map((row) => row.length),
    [parts?.names.length, parts?.names.length, parts?.names.length],
  );
  assert.match(await explanationSvg([one], "en"), /read → written/);
  const page = await pageOf("run", [one], [], "en");
  assert.match(page, /"kind":"matrix"/);
});

/** Numbers drawn for a constant. */
function drawer(...key: readonly string[]): (shape: readonly number[]) => Tensor {
  const random = new Random(3, ...key);
  return (shape) =>
    constant(
      fromNumbers(
        "float32",
        shape,
        Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
      ),
    );
}

/** A picture of 8×8 pixels in a file. */
async function spot(): Promise<{ readonly picture: string; readonly pixels: Uint8Array }> {
  const picture = join(folder, "spot.png");
  const pixels = Uint8Array.from({ length: 64 }, (_, i) => (i * 37) % 256);
  await sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } }).toFile(picture);
  return { picture, pixels };
}

test("a detector's file is explained where a class is highest, times how sure it is of a thing there", async () => {
  const draw = drawer("detector");
  const x = input("image", [1, 1, 8, 8]);
  const seen = conv(x, draw([4, 1, 3, 3])).relu();
  const [sure, box, classes] = [1, 4, 3].map((n) => conv(seen, draw([n, 4, 1, 1]))) as [Tensor, Tensor, Tensor];
  const found = concat([sure.sigmoid(), box, classes.softmax(1)], 1); // [1, 8, 6, 6]
  const file = join(folder, "detector.onnx");
  writeFileSync(file, exportGraph(lowerGraph(new Graph({ found }), "onnx"), {}));
  writeFileSync(join(folder, "things.names"), "cup\nbus\ncat\n");
  const { picture, pixels } = await spot();
  const image = fromNumbers(
    "float32",
    [1, 1, 8, 8],
    Float64Array.from(pixels, (v) => v / 255),
  );
  const numbers = toNumbers((await evaluate({ found }, { image })).found);
  const scores = [0, 1, 2].map((k) =>
    Math.max(...Array.from({ length: 36 }, (_, place) => (numbers[place] as number) * (numbers[(5 + k) * 36 + place] as number))),
  );
  const options = { threads: 1, preprocess: "0..1" } as const;
  await assert.rejects(openModel(file, options), /expected an output of scores \[N, K\], got \[1, 8, 6, 6\]$/);
  const { model: opened, remarks } = await openModel(file, { ...options, byPlace: true });
  await using model = opened;
  assert.match(
    remarks.join("\n"),
    /scores \[1, 8, 6, 6\] at 36 places behind the 5 numbers of a box: each class counts where it is highest, times/,
  );
  const inputs = await readInputs(model, [picture], {});
  for (const [k, target] of ["cup", "bus", "cat"].entries()) {
    const { explanations } = await explainInputs(model, inputs, {
      methods: ["grad-cam"],
      question: { run: file, target },
      threads: 1,
    });
    const { label, score } = (explanations[0] as Explanation).example;
    assert.equal(label, target);
    assert.ok(Math.abs(score - (scores[k] as number)) <= 1e-5, `${target}: ${score} beside ${scores[k]}`);
  }
});

test("scores by place are read along the axis that has them", () => {
  const read = (...shape: readonly number[]) => placesOf(input("y", shape), undefined);
  assert.deepEqual(read(1, 84, 8400)?.places(4), { axis: 1, before: 4 });
  assert.deepEqual(read(1, 25200, 85)?.places(5), { axis: 2, before: 5, objectness: 4 });
  assert.deepEqual(placesOf(input("y", [1, 32, 32, 21]), "NHWC")?.places(0), { axis: 3, before: 0 });
  assert.equal(read(1, 10), undefined);
  assert.equal(read(1, 10, 1, 1), undefined);
});

test("a file whose batch of 1 is baked in is explained by methods that ask about many inputs at once", async () => {
  const draw = drawer("baked");
  const x = input("image", [1, 1, 8, 8]);
  const scores = conv(x, draw([2, 1, 3, 3]))
    .relu()
    .reshape([1, 72])
    .matMul(draw([72, 3]));
  const file = join(folder, "baked.onnx");
  writeFileSync(file, exportGraph(lowerGraph(new Graph({ scores }), "onnx"), {}));
  const { picture } = await spot();
  await using model = (await openModel(file, { threads: 1, preprocess: "0..1" })).model;
  const methods = ["integrated-gradients", "kernel-shap"] as const;
  const { explanations, unexplained } = await explainInputs(model, await readInputs(model, [picture], {}), {
    methods,
    question: { run: file },
    samples: 40,
    threads: 1,
  });
  assert.deepEqual(unexplained, []);
  for (const { example, method } of explanations)
    assert.ok(Math.abs(example.gap ?? NaN) <= 0.02 * Math.max(1, Math.abs(example.score)), `${method}: gap ${example.gap}`);
});
