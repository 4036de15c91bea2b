/**
 * @module `descent explain` of whole models: over data, with slices, by training examples, on planted evidence; and what is refused.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const descent = (...args: string[]) => succeeds(folder, args, { DESCENT_THREADS: "1" });
const answered = async <T>(...args: string[]): Promise<T> =>
  JSON.parse((await descent("explain", ...args, "--json")).stdout) as T;
const refused =
  (...args: string[]) =>
  (expected: RegExp) =>
    isRefused(folder, ["explain", ...args], expected);

const row = (i: number): string => {
  const [width, noise] = [(i * 7) % 20, (i * 13) % 17];
  return `${width},${noise},${["red", "blue"][i % 2]},${width > 9 ? "large" : "small"}`;
};
const HEADER = "width,noise,colour,size";

const words = (line: string): string[] => line.split(" ");

before(async () => {
  writeFileSync(path("sizes.csv"), `${HEADER}\n${Array.from({ length: 200 }, (_, i) => row(i)).join("\n")}\n`);
  // What the model has learned is wrong for blue things alone.
  const turned = Array.from({ length: 240 }, (_, i) =>
    i % 2 === 0 ? row(i) : row(i).replace(/large|small/, (word) => (word === "large" ? "small" : "large")),
  );
  writeFileSync(path("turned.csv"), `${HEADER}\n${turned.join("\n")}\n`);
  writeFileSync(path("two.csv"), `${HEADER}\n${row(1)}\n${row(4)}\n`);
  writeFileSync(path("none.csv"), `${HEADER}\n`);
  const texts = Array.from(
    { length: 160 },
    (_, i) => `the ${["film", "play"][i % 2]} was ${["bad", "good"][(i >> 1) % 2]},${["bad", "good"][(i >> 1) % 2]}`,
  );
  writeFileSync(path("views.csv"), `text,view\n${texts.join("\n")}\n`);
  const train = ["--device", "cpu", "--no-check", "--quiet"];
  await descent(
    ...words("train tabular-classification --data sizes.csv --label-column size --steps 200 --keep-checkpoints 4 --out sizes"),
    ...train,
  );
  await descent(...words("train text-classification --data views.csv --model bag-of-ngrams --steps 60 --out views"), ...train);
});

interface Global {
  readonly targets: readonly {
    readonly label: string;
    readonly features: readonly { readonly name: string; readonly meanAbsolute: number; readonly points: readonly unknown[] }[];
  }[];
  readonly slices?: {
    readonly slices: readonly {
      readonly conditions: readonly { readonly feature: string; readonly value?: string }[];
      readonly isSignificant: boolean;
    }[];
  };
  readonly remarks: readonly string[];
  readonly files: readonly string[];
}

test("the column that decides is the most important one, and the page and pictures are there", async () => {
  const { targets, remarks, files } = await answered<Global>("sizes", "--data", "sizes.csv", "--draw", "drawn");
  assert.equal(targets.length, 1);
  assert.equal(targets[0]?.label, "small");
  assert.equal(targets[0].features[0]?.name, "width");
  assert.ok(targets[0].features[0].meanAbsolute > 3 * (targets[0].features[1]?.meanAbsolute ?? NaN));
  assert.ok(
    remarks.some((remark) => remark === "Background: 64 training rows, drawn by the training's seed."),
    remarks.join("\n"),
  );
  for (const file of files) assert.ok(existsSync(path(file)), file);
  assert.match(readFileSync(path("drawn", "index.html"), "utf8"), /What it hangs on.*它取决于什么/s);
});

test("a slice in which the model is wrong is found, and holds in the half that was not searched", async () => {
  const { slices } = await answered<Global>(
    "sizes",
    "--data",
    "turned.csv",
    "--label-column",
    "size",
    "--examples",
    "20",
    "--draw",
    "slices.html",
  );
  const [worst] = slices?.slices ?? [];
  assert.equal(worst?.isSignificant, true);
  assert.deepEqual(
    worst.conditions.map(({ feature, value }) => [feature, value]),
    [["colour", "blue"]],
  );
});

test("words of texts are counted over the texts", async () => {
  const { targets } = await answered<Global>("views", "--data", "views.csv", "--draw", "words.svg");
  const first = targets[0]?.features.slice(0, 2).map(({ name }) => name);
  assert.deepEqual(first?.sort(), ["bad", "good"]);
  assert.match(readFileSync(path("words.svg"), "utf8"), /^<svg /);
});

interface Influence {
  readonly influences: readonly {
    readonly label: string;
    readonly raising: readonly { readonly label: string; readonly value: number }[];
    readonly lowering: readonly { readonly value: number }[];
  }[];
  readonly checkpoints: readonly unknown[];
}

test("training examples of the answer's class raise it, and all kept checkpoints are gone through", async () => {
  const { influences, checkpoints } = await answered<Influence>(
    "sizes",
    "width=18",
    "noise=3",
    "colour=red",
    "--influence",
    "3",
    "--draw",
    "influence.png",
  );
  assert.ok(checkpoints.length >= 4, `${checkpoints.length}`);
  const [one] = influences;
  assert.equal(one?.label, "large");
  assert.equal(one.raising.length, 3);
  assert.ok(
    one.raising.every(({ label, value }) => label === "large" && value > 0),
    JSON.stringify(one.raising),
  );
  assert.ok(one.lowering.every(({ value }) => value < 0));
});

interface Plant {
  readonly withEvidence: number;
  readonly withoutEvidence: number;
  readonly methods: readonly { readonly name: string; readonly first: number }[];
}

test("on a twin of a table the planted column comes first, and the run remembers how far measures agree", async () => {
  const found = await answered<Plant>(
    "sizes",
    "--plant",
    "--method",
    "kernel-shap,integrated-gradients,saliency,occlusion",
    "--examples",
    "20",
    "--draw",
    "methods.html",
  );
  assert.ok(found.withEvidence > 0.95, `${found.withEvidence}`);
  assert.ok(Math.abs(found.withoutEvidence - 0.5) < 0.35, `${found.withoutEvidence}`);
  assert.equal(found.methods.find(({ name }) => name === "kernel-shap")?.first, 1);
  assert.match(readFileSync(path("methods.html"), "utf8"), /埋设的证据/);
  const { stderr } = await descent("explain", "sizes", "width=18", "noise=3", "colour=red", "--draw", "one.png");
  assert.match(stderr, /insertion: .*agrees with planted evidence to/);
});

test("a background of one's own is taken and said; what does not fit is refused in one line", async () => {
  const row = ["width=18", "noise=3", "colour=red", "--method", "exact-shapley", "--draw", "b.png"];
  const { stderr } = await descent("explain", "sizes", ...row, "--background", "two.csv");
  assert.match(stderr, /Background: 2 of 2 rows of two\.csv\./);
  await refused("sizes", ...row, "--background", "none.csv")(/none\.csv/);
  await refused(
    "views",
    "the film was good",
    "--background",
    "two.csv",
  )(/--background two\.csv: expected a model of tables, got one of text-classification/);
  await refused(
    "sizes",
    "--data",
    "sizes.csv",
    "--method",
    "saliency,lime",
  )(/--method: expected one method with --data, got several/);
  await refused("sizes", "--data", "sizes.csv", "--target", "huge")(/--target: expected one of large, small, got "huge"/);
  await refused(
    "sizes",
    "width=18",
    "noise=3",
    "colour=red",
    "--influence",
    "2",
    "--target",
    "huge",
  )(/--target: expected one of large, small, got "huge"/);
});
