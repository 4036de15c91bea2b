/**
 * The verbs that make runs smaller, through the command line: what they write is a run that is evaluated, predicts and runs in the engine alone with the
 * figures of its table; what cannot be done is refused.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { InferenceSession, Tensor as EngineTensor } from "onnxruntime-node";
import { Dataset, writeSafetensors } from "../../src/data/index.js";
import { fromNumbers } from "../../src/graph/index.js";
import type { Parity } from "../../src/compress/certificate.js";
import { decodeModel } from "../../src/onnx/index.js";
import { TrainedModel } from "../../src/tasks/use/trained-node.js";
import { Random } from "../../src/util/random.js";
import { isRefused, run, scratchFolder, succeeds } from "../e2e/command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const descent = (line: string) => succeeds(folder, line.split(" "), { DESCENT_THREADS: "1" });
const refused = (line: string, expected: RegExp): Promise<void> => isRefused(folder, line.split(" "), expected);

interface Written {
  readonly parameters: number;
  readonly metrics: { readonly test: Readonly<Record<string, number>> };
  readonly compression: Readonly<Record<string, unknown>>;
}
const summaryOf = (run: string): Written => JSON.parse(readFileSync(path(run, "summary.json"), "utf8")) as Written;

/** Two classes apart in the sum of three of five numbers. */
function points(seed: number, count: number): string {
  const random = new Random(seed, "points");
  const rows = Array.from({ length: count }, () => {
    const x = Array.from({ length: 5 }, () => random.normal());
    const isIn = (x[0] as number) + (x[1] as number) * (x[2] as number) > 0.2;
    return [...x.map((v) => v.toFixed(3)), isIn ? "in" : "out"].join(",");
  });
  return ["a,b,c,d,e,class", ...rows, ""].join("\n");
}

before(async () => {
  writeFileSync(path("points.csv"), points(1, 400));
  await descent(
    "train tabular-classification --data points.csv --label-column class --steps 300 --no-check --quiet --out points",
  );
});

/** Evaluates a run again, and compares with its table. */
async function assertMeasuredAgain(run: string): Promise<void> {
  const again = JSON.parse((await descent(`eval ${run} --json`)).stdout) as {
    readonly metrics: Readonly<Record<string, number>>;
  };
  for (const [name, value] of Object.entries(summaryOf(run).metrics.test))
    assert.ok(
      Math.abs((again.metrics[name] ?? NaN) - value) < 1e-6,
      `${run}: ${name}: expected ${value}, got ${again.metrics[name]}`,
    );
}

/** Checks the certificate of a run, in its summary and in its file: the outputs on the CPU and in WebAssembly. */
function assertCertified(run: string): void {
  const { parity } = summaryOf(run).compression as { readonly parity: Parity };
  const { metadata } = decodeModel(readFileSync(path(run, "model.onnx")), run);
  const certificate = JSON.parse(metadata.get("descent.compression") ?? "{}") as Record<string, unknown>;
  assert.deepEqual(certificate["parity"], parity);
  assert.equal(certificate["of"], "points");
  assert.deepEqual((certificate["metrics"] as Record<string, unknown>)["after"], summaryOf(run).metrics.test);
  const devices = new Map(parity.devices.map((each) => [each.device, each] as const));
  for (const device of ["cpu", "wasm"] as const)
    assert.ok((devices.get(device)?.fromCpu.cosine ?? 0) > 0.999, `${run}: ${device}`);
  assert.match(readFileSync(path(run, "report.html"), "utf8"), /Parity certificate/);
}

/** The answers of a run's file in plain onnxruntime, against Descent's. */
async function assertRunsAlone(run: string): Promise<void> {
  const session = await InferenceSession.create(readFileSync(path(run, "model.onnx")));
  const [name = ""] = session.inputNames;
  const random = new Random(5, "rows");
  const rows = Float32Array.from({ length: 8 * 5 }, () => random.normal());
  const alone = await session.run({ [name]: new EngineTensor("float32", rows, [8, 5]) });
  const { model } = await TrainedModel.open(path(run));
  await using opened = model;
  await opened.run(new Dataset({ [name]: { dtype: "float32", shape: [8, 5], data: rows } }), (outputs) => {
    const expected = outputs["logits"]?.data as Float32Array;
    const got = alone["logits"]?.data as Float32Array;
    got.forEach((v, i) => assert.ok(Math.abs(v - (expected[i] as number)) < 1e-6));
  });
  assertCertified(run);
}

test("prune: half of the multiply-adds, one cut, trained again", async () => {
  const { stdout } = await descent("prune points --macs 0.5 --multiple-of 1 --steps 60 --out half");
  assert.match(stdout, /parameters/);
  const { parameters, compression } = summaryOf("half");
  const { before: whole, after } = compression["multiplyAdds"] as { readonly before: number; readonly after: number };
  assert.ok(after <= 0.5 * whole);
  assert.ok(parameters < summaryOf("points").parameters);
  assert.ok(existsSync(path("half", "report.html")));
  await assertMeasuredAgain("half");
  await assertRunsAlone("half");
});

test("prune: the vectors of words, which explanations are about", async () => {
  const texts = Array.from({ length: 80 }, (_, i) => `${i % 2 ? "a good" : "a bad"} film ${i % 7},${i % 2 ? "good" : "bad"}`);
  writeFileSync(path("texts.csv"), ["text,label", ...texts, ""].join("\n"));
  await descent("train text-classification --data texts.csv --steps 60 --no-check --quiet --out texts");
  await descent("prune texts --macs 0.5 --steps 40 --quiet --out texts-half");
  const shapes = (run: string) =>
    decodeModel(readFileSync(path(run, "model.onnx")), run).graph.initializers.map(({ dims }) => dims);
  const width = (run: string): number =>
    Math.max(
      ...shapes(run)
        .filter((dims) => dims.length === 2)
        .map(([, d = 0]) => d),
    );
  assert.ok(width("texts-half") < width("texts"), "fewer numbers a word");
  await assertMeasuredAgain("texts-half");
  const { stdout } = await descent("explain texts-half good --measure none --draw words.svg --json");
  assert.match(stdout, /"label": "good"/);
});

test("prune: layers too narrow to be faster go whole, those that are missed least; the others in widths that the machine computes at once", async () => {
  await descent("train image-classification --data digits --model resnet-20-cifar --steps 20 --no-check --quiet --out residual");
  const { stderr } = await descent(
    "prune residual --macs 0.47 --multiple-of 16 --cuts gradual --rounds 2 --steps 6 --out shallow",
  );
  assert.match(stderr, /no more than 16 units would be no faster with fewer: cut out whole, layer1\.\d, layer1\.\d/);
  const { layers, multiplyAdds, widths } = summaryOf("shallow").compression as {
    readonly layers: readonly string[];
    readonly multiplyAdds: { readonly before: number; readonly after: number };
    readonly widths: readonly { readonly path: string; readonly before: number; readonly after: number }[];
  };
  assert.ok(layers.length === 2 && layers.every((layer) => layer.startsWith("layer1.")), layers.join());
  assert.ok(multiplyAdds.after <= 0.47 * multiplyAdds.before);
  const { initializers } = decodeModel(readFileSync(path("shallow", "model.onnx")), "shallow").graph;
  const left = new Map(initializers.map(({ name, dims }) => [name, dims] as const));
  const inner = widths.filter(({ path: name }) => /layer\d\.\d\.conv1/.test(name));
  assert.equal(inner.length, 9);
  for (const { path: name, after } of inner) {
    assert.equal(after, left.get(name)?.[0] ?? 0, name);
    assert.equal(after % 16, 0, name);
  }
  await assertMeasuredAgain("shallow");
  const narrow = await descent("prune residual --parameters 0.2 --multiple-of 64 --no-fine-tune --out narrow");
  assert.match(narrow.stderr, /no more than 64 units are made narrower too, which makes them smaller, not faster/);
  assert.ok(summaryOf("narrow").parameters <= 0.2 * summaryOf("residual").parameters);
});

test("prune: a pruned run is pruned further, in rounds", async () => {
  await descent(
    "prune half --parameters 0.6 --cuts gradual --rounds 2 --importance taylor --multiple-of 1 --steps 40 --out quarter",
  );
  assert.ok(summaryOf("quarter").parameters <= 0.6 * summaryOf("half").parameters);
  const { steps } = (
    JSON.parse(readFileSync(path("quarter", "config.json"), "utf8")) as {
      readonly compression: { readonly steps: readonly unknown[] };
    }
  ).compression;
  assert.equal(steps.length, 2);
  await assertMeasuredAgain("quarter");
});

test("prune: every importance, and rewinding", async () => {
  for (const importance of ["movement", "batch-norm", "activation", "random"]) {
    await descent(
      `prune points --macs 0.5 --multiple-of 1 --importance ${importance} --scope layer --cuts iterative --rounds 2 --steps 10 --overwrite --quiet --out any`,
    );
    assert.ok(summaryOf("any").parameters < summaryOf("points").parameters, importance);
  }
});

test("prune: what cannot be done is refused before anything runs", async () => {
  await refused("prune points --out no", /prune: expected a target/);
  await refused(
    "prune points --macs 0.0001 --multiple-of 1 --out no",
    /--macs 0.0001: expected a target that leaves one unit of each layer, which is 0\.\d+, got less/,
  );
  await refused(
    "prune points --macs 0.5 --only nothing.* --out no",
    /expected layers whose units can be removed, got none of 2 groups/,
  );
  await refused("prune points --layers 1 --out no", /expected a model with several layers that can be removed, got one/);
  await refused("prune points --macs 0.5 --rounds 3 --out no", /--rounds: expected --cuts gradual or iterative as well/);
  for (const [options, says] of [
    ["--sparsity 0.5 --macs 0.5", /--macs: expected none beside --sparsity/],
    ["--sparsity 0.5 --cuts iterative", /--cuts: expected one-shot or gradual beside --sparsity, got iterative/],
    ["--sparsity 0.5 --no-fine-tune", /--no-fine-tune: expected none beside --sparsity/],
    ["--energy 0.9 --importance taylor", /--importance: expected --macs or --parameters as well/],
    ["--energy 0.9 --width", /--width: expected --macs or --parameters as well/],
    ["--macs 0.5 --no-fine-tune --epochs 2", /--epochs: expected no --no-fine-tune beside it, got both/],
    ["--macs 0.5 --labels names.txt", /--labels: expected an ONNX file, got the run points/],
  ] as const)
    await refused(`prune points ${options} --out no`, says);
  await refused("prune points --macs 0.5 --out half", /half/);
  await descent(
    "train tabular-classification --data points.csv --label-column class --model linear --steps 20 --no-check --quiet --out plain",
  );
  await refused("prune plain --energy 0.9 --out no", /expected a model with linear layers of 1024 numbers or more, got none/);
  assert.ok(!existsSync(path("no")));
});

test("distill: a student of another model learns from two teachers, whose answers are kept", async () => {
  await descent(
    "train tabular-classification --data points.csv --label-column class --seed 2 --steps 200 --no-check --quiet --out other",
  );
  const line = "distill points other --student linear --steps 50 --temperature 2 --cache kept --overwrite --out taught";
  await descent(line);
  assert.equal(readdirSync(path("kept")).length, 2);
  const { stderr } = await descent(line);
  assert.equal(stderr.match(/were kept in/g)?.length, 2);
  const config = JSON.parse(readFileSync(path("taught", "config.json"), "utf8")) as { readonly model: string };
  assert.equal(config.model, "linear");
  assert.ok(summaryOf("taught").parameters < 20);
  await assertMeasuredAgain("taught");
  await assertRunsAlone("taught");
});

test("distill: from stored outputs, from the largest logits, and from inputs without labels", async () => {
  const [stored = ""] = readdirSync(path("kept"));
  await descent(`distill kept/${stored} --student points --steps 20 --out from-file`);
  await assertMeasuredAgain("from-file");
  await descent("distill points --student linear --top-k 1 --alpha 1 --steps 20 --cache kept --out top");
  writeFileSync(path("inputs.csv"), points(9, 100).replaceAll(/,(in|out|class)$/gm, ""));
  await descent("distill points --student mlp --unlabelled inputs.csv --examples 1 --steps 20 --cache kept --out unlabelled");
  await assertMeasuredAgain("unlabelled");
});

test("distill: what does not fit is refused", async () => {
  writeFileSync(path("others.csv"), points(3, 200).replaceAll(/in$/gm, "within"));
  await descent("train tabular-classification --data others.csv --label-column class --steps 20 --no-check --quiet --out others");
  await descent("train tabular-regression --data points.csv --label-column a --steps 20 --no-check --quiet --out quantity");
  await refused("distill others --student points --out no", /expected a teacher with the classes in, out, got others with/);
  await refused(
    "distill points quantity --student linear --out no",
    /expected teachers of tabular-classification, got quantity of tabular-regression/,
  );
  await refused(
    "distill points --out no",
    /--student every-second-layer: expected a teacher of several layers in a row, got one/,
  );
  await refused("distill points --student larch --out no", /larch/);
  await refused(
    "distill points --student linear --hidden 1 --out no",
    /expected models with hidden states of layers to learn from/,
  );
  writeFileSync(
    path("wrong.safetensors"),
    writeSafetensors(new Map([["logits", fromNumbers("float32", [3, 2], [0, 1, 2, 3, 4, 5])]])),
  );
  await refused(
    "distill wrong.safetensors --student points --out no",
    /wrong.safetensors: expected logits \[\d+, 2\], a row for each training row, got logits \[3, 2\]/,
  );
  await refused("distill wrong.safetensors --student linear --out no", /expected --student RUN with stored outputs/);
  assert.ok(!existsSync(path("no")));
});

test("distill: images that are mixed get the teacher's answers to the mixed ones, from one that runs beside the student", async () => {
  await descent(
    "train image-classification --data digits --model linear --augment mixup --steps 40 --no-check --quiet --out mixed",
  );
  await descent("distill mixed --student mlp --steps 4 --cache mixed-kept --out from-mixed");
  assert.ok(!existsSync(path("mixed-kept")));
  await descent("distill mixed --student mlp --augment none --steps 4 --cache mixed-kept --out from-plain");
  const [stored = ""] = readdirSync(path("mixed-kept"));
  await refused(
    `distill mixed-kept/${stored} --student mixed --out no`,
    /expected one teacher that can be run, since mixup:0\.2 mixes images, got stored outputs; use --augment none/,
  );
  await refused(
    "distill mixed --student mlp --augment flipp --out no",
    /--augment: unknown augmentation "flipp"; did you mean "flip"\?/,
  );
  await refused(
    "distill points --student linear --augment flip --out no",
    /expected a task that augments training images, got tabular/,
  );
});

test("distill: every second layer of a text classifier, with what lies within it", async () => {
  const random = new Random(7, "texts");
  const word = (k: number): string => `w${k}`;
  const lines = Array.from({ length: 120 }, (_, i) => {
    const words = Array.from({ length: 6 }, () => random.integer(20));
    if (i % 2 === 0) words[random.integer(6)] = 30;
    return `${words.map(word).join(" ")},${i % 2 === 0 ? "yes" : "no"}`;
  });
  writeFileSync(path("texts.csv"), `text,label\n${lines.join("\n")}\n`);
  await descent(
    "train text-classification --data texts.csv --model bert --steps 30 --batch-size 8 --no-check --quiet --out bert",
  );
  await descent(
    "distill bert --hidden 1 --attention 1 --relations 1 --cosine 1 --examples 1 --steps 10 --batch-size 8 --cache kept --quiet --out bert-half",
  );
  const { layers } = summaryOf("bert-half").compression as { readonly layers: readonly string[] };
  assert.ok(layers.length > 0 && layers.every((layer) => /layer\.\d+$/.test(layer)), layers.join());
  assert.ok(summaryOf("bert-half").parameters < summaryOf("bert").parameters);
  await assertMeasuredAgain("bert-half");
  await descent("prune bert --layers 1 --macs 0.6 --multiple-of 1 --steps 10 --batch-size 8 --quiet --out bert-cut");
  await assertMeasuredAgain("bert-cut");
});

test("prune: linear layers as two of lower rank, after units were cut", async () => {
  await descent("prune points --macs 0.8 --energy 0.8 --multiple-of 1 --steps 20 --out thin");
  const { ranks } = summaryOf("thin").compression as {
    readonly ranks: readonly { readonly before: number; readonly after: number }[];
  };
  assert.ok(ranks.length > 0 && ranks.every(({ before: full, after }) => after < full));
  await assertMeasuredAgain("thin");
  await assertRunsAlone("thin");
});

test("prune: the lowest ranks within a budget of a metric", async () => {
  const ranksWithin = async (budget: string, out: string): Promise<number> => {
    await succeeds(folder, ["prune", "points", "--rank-budget", budget, "--no-fine-tune", "--out", out], {
      DESCENT_THREADS: "1",
    });
    await assertMeasuredAgain(out);
    return summaryOf(out).parameters;
  };
  const [strict, loose] = [await ranksWithin("accuracy -1pp", "ranked"), await ranksWithin("accuracy -30pp", "ranked-low")];
  assert.ok(loose < strict && strict <= summaryOf("points").parameters, `${loose}, ${strict}`);
  await isRefused(
    folder,
    ["prune", "points", "--rank-budget", "size 0.5x", "--out", "no"],
    /--rank-budget: expected a limit on the loss of a metric/,
  );
  await isRefused(
    folder,
    ["prune", "points", "--rank-budget", "chrF -1pp", "--out", "no"],
    /--rank-budget: expected a metric of tabular-classification, accuracy/,
  );
  await refused("prune points --rank-budget nothing --out no", /--rank-budget: expected NAME -POINTSpp/);
});

test("prune: single weights at zero, a few values for the others", async () => {
  await descent("prune points --sparsity 0.8 --clusters 8 --cuts gradual --steps 60 --out sparse");
  const { sparse } = summaryOf("sparse").compression as {
    readonly sparse: { readonly fewer: number; readonly fewerBits: number };
  };
  assert.ok(sparse.fewer > 3 && sparse.fewerBits > sparse.fewer);
  await assertMeasuredAgain("sparse");
  await refused("prune points --macs 0.5 --clusters 8 --out no", /--clusters: expected --sparsity/);
});

test("quantize: trained with the rounding in place", async () => {
  await descent("quantize points --aware --steps 60 --even-if-slower --out aware");
  const layers = summaryOf("aware").compression["layers"] as readonly { readonly op: string; readonly form: string }[];
  const products = layers.filter(({ op }) => op === "MatMul" || op === "Gemm");
  assert.ok(products.length > 0 && products.every(({ form }) => form === "int8-static"), JSON.stringify(layers));
  await assertMeasuredAgain("aware");
  await assertRunsAlone("aware");
  const { accuracy = 0 } = summaryOf("aware").metrics.test;
  assert.ok(accuracy > (summaryOf("points").metrics.test["accuracy"] ?? 1) - 0.05);
  await refused("quantize points --epochs 1 --out no", /--epochs: expected --aware as well, got none/);
  await refused("quantize points --aware --form int4 --out no", /--aware: expected --form int8-static, got int4/);
  await refused("quantize points --aware --refine bias-correction --out no", /--aware: expected no --refine beside it/);
});

test("compress: a search within a budget, gone on with, and one that nothing meets", async () => {
  const line = [
    "compress",
    "points",
    "--budget",
    "accuracy -40pp, size 0.8x",
    "--short-epochs",
    "0.5",
    "--longer",
    "1",
    "--epochs",
    "1",
    "--try",
    "quantize,prune50,prune50+quantize,rank95",
    "--out",
    "search",
  ];
  const args = line;
  const { stdout } = await succeeds(folder, [...args, "--json"], { DESCENT_THREADS: "1" });
  const { best, points: found } = JSON.parse(stdout) as {
    readonly best: { readonly run: string; readonly shares: { readonly size: number } };
    readonly points: readonly unknown[];
  };
  assert.ok(best.shares.size <= 0.8);
  await assertMeasuredAgain(best.run);
  assert.match(readFileSync(path("search", "report.html"), "utf8"), /<svg[^>]*class="chart"/);
  // What a killed search has done is taken up: a point without its record is not gone through again.
  const state = JSON.parse(readFileSync(path("search", "search.json"), "utf8")) as { readonly points: readonly unknown[] };
  writeFileSync(path("search", "search.json"), JSON.stringify({ ...state, points: state.points.slice(0, 2) }));
  const again = await succeeds(folder, args, { DESCENT_THREADS: "1" });
  assert.match(again.stderr, /goes on with 2 points/);
  assert.doesNotMatch(again.stderr, /train {2}\d+%/);
  assert.equal((JSON.parse(readFileSync(path("search", "search.json"), "utf8")) as typeof state).points.length, found.length);
  const missed = await run(folder, [...args.slice(0, 3), "size 0.001x", ...args.slice(4), "--overwrite"], {
    DESCENT_THREADS: "1",
  });
  assert.equal(missed.status, 1);
  assert.match(missed.stderr, /expected a model within "size 0.001x", got none; the nearest is search.points./);
  await refused("compress points --budget size", /--budget: expected NAME/);
  await refused("compress points --try prune51 --out no", /unknown pipeline "prune51"/);
});
