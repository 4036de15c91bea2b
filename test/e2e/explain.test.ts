/**
 * @module `descent explain`: rows, texts and images explained through the command line, as pictures, as a page, and as numbers that add up.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import sharp from "sharp";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const descent = (...args: string[]) => succeeds(folder, args, { DESCENT_THREADS: "1" });

interface Explained {
  readonly explanations: readonly {
    readonly input: string;
    readonly method: string;
    readonly label: string;
    readonly score: number;
    readonly baselineScore?: number;
    readonly gap?: number;
    readonly shape: readonly number[];
    readonly values: readonly number[];
    readonly remarks: readonly string[];
    readonly faithfulness: Readonly<Record<string, number>>;
  }[];
  readonly unexplained: readonly { readonly method: string; readonly reason: string }[];
  readonly files: readonly string[];
}

async function explained(...args: string[]): Promise<Explained> {
  return JSON.parse((await descent("explain", ...args, "--json")).stdout) as Explained;
}

const sum = (values: readonly number[]): number => values.reduce((total, v) => total + v, 0);

before(async () => {
  // Only `width` decides; `noise` does not.
  const rows = Array.from({ length: 120 }, (_, i) => `${(i * 7) % 20},${(i * 13) % 17},${(i * 7) % 20 > 9 ? "large" : "small"}`);
  writeFileSync(path("sizes.csv"), `width,noise,size\n${rows.join("\n")}\n`);
  const words = ["bad", "good"];
  const texts = Array.from(
    { length: 120 },
    (_, i) => `the ${["film", "play"][i % 2]} was ${words[(i >> 1) % 2]},${words[(i >> 1) % 2]}`,
  );
  writeFileSync(path("views.csv"), `text,view\n${texts.join("\n")}\n`);
  const train = ["--device", "cpu", "--no-check", "--quiet"];
  await descent(
    "train",
    "tabular-classification",
    "--data",
    "sizes.csv",
    "--label-column",
    "size",
    "--steps",
    "200",
    ...train,
    "--out",
    "sizes",
  );
  await descent(
    "train",
    "text-classification",
    "--data",
    "views.csv",
    "--label-column",
    "view",
    "--steps",
    "80",
    ...train,
    "--out",
    "views",
  );
  await descent(
    "train",
    "image-classification",
    "--data",
    "digits",
    "--model",
    "lenet-5",
    "--image-size",
    "28",
    "--steps",
    "20",
    ...train,
    "--out",
    "digits",
  );
  const digit = Buffer.alloc(28 * 28);
  for (let y = 4; y < 24; y++) digit.fill(255, y * 28 + 12, y * 28 + 16);
  await sharp(digit, { raw: { width: 28, height: 28, channels: 1 } })
    .png()
    .toFile(path("one.png"));
});

test("a row: the column that decides counts most, and the parts add up to the score", async () => {
  const { explanations, files } = await explained("sizes", "width=19", "noise=3", "--draw", "row.svg");
  const [one] = explanations;
  assert.equal(one?.label, "large");
  assert.equal(one?.method, "integrated-gradients");
  assert.ok(Math.abs(one?.gap ?? 1) < 1e-2, String(one?.gap));
  assert.ok(Math.abs(sum(one?.values ?? []) - ((one?.score ?? 0) - (one?.baselineScore ?? 0))) < 1e-2);
  const [width = 0, noise = 0] = one?.values ?? [];
  assert.ok(Math.abs(width) > 3 * Math.abs(noise), `${width}, ${noise}`);
  assert.deepEqual(files, ["row.svg"]);
  assert.deepEqual(Object.keys(one?.faithfulness ?? {}), ["insertion", "deletion"]);
  const all = await explained(
    "sizes",
    "width=19",
    "noise=3",
    "--method",
    "all",
    "--measure",
    "completeness",
    "--draw",
    "row.html",
  );
  const byMethod = new Map(all.explanations.map((each) => [each.method, each]));
  assert.ok((byMethod.get("integrated-gradients")?.faithfulness["completeness"] ?? 1) < 1e-2);
  assert.ok(byMethod.has("kernel-shap") && byMethod.has("lime"));
  assert.ok(all.unexplained.some(({ method }) => method === "grad-cam"));
  assert.match(readFileSync(path("row.svg"), "utf8"), /^<svg [\s\S]*width = 19[\s\S]*<\/svg>$/);
});

test("texts: words are the parts; a folder gets a picture for each and a page", async () => {
  const { explanations, files } = await explained("views", "the film was good", "the play was bad", "--draw", "texts");
  assert.deepEqual(
    explanations.map(({ label }) => label),
    ["good", "bad"],
  );
  assert.deepEqual(
    files,
    ["the-film-was-good.png", "the-play-was-bad.png", "index.html"].map((name) => join("texts", name)),
  );
  assert.ok(files.every((file) => existsSync(path(file))));
  assert.equal((await sharp(path("texts", "the-film-was-good.png")).metadata()).format, "png");
  const page = readFileSync(path("texts", "index.html"), "utf8");
  assert.match(page, /script-src 'sha256-/);
  assert.match(page, /the film was good/);
  const { stdout } = await descent("explain", "views", "the film was good", "--quiet", "--draw", "again.png");
  assert.match(stdout, /strongest\n.*\n.*good  +integrated-gradients  +good .* good \+/);
});

test("an image: methods side by side, those that the model cannot have are told of", async () => {
  const { explanations, unexplained } = await explained(
    "digits",
    "one.png",
    "--method",
    "all",
    "--samples",
    "4",
    "--draw",
    "one.html",
  );
  assert.ok(explanations.length >= 6);
  for (const { method, shape, values, score } of explanations) {
    assert.ok(Number.isFinite(score));
    assert.deepEqual(shape.slice(1), [28, 28], method);
    assert.ok(
      values.every((v) => Number.isFinite(v)),
      method,
    );
  }
  assert.ok(unexplained.every(({ reason }) => reason !== ""));
  const chosen = await explained("digits", "one.png", "--method", "grad-cam", "--target", "3", "--draw", "three.png");
  assert.equal(chosen.explanations[0]?.label, "3");
  assert.ok(chosen.explanations[0]?.remarks.some((remark) => /Layer: .*found from the graph/.test(remark)));
});

test("what cannot be explained is refused in one line", async () => {
  const refused = (args: string[], expected: RegExp): Promise<void> => isRefused(folder, ["explain", ...args], expected);
  await refused(["digits", "one.png", "--method", "grad-cm"], /unknown method "grad-cm"; did you mean "?grad-cam/);
  await refused(["digits", "one.png", "--target", "eleven"], /target: unknown label "eleven"/);
  await refused(["digits", "one.png", "--target", "11"], /target: expected a place from 0 to 9/);
  await refused(["digits", "one.png", "--at", "nowhere"], /at: /);
  await refused(
    ["digits", "one.png", "--draw", "one.pdf"],
    /--draw: expected a folder, or a \.png, \.svg, \.html file, got one\.pdf/,
  );
  await refused(["views", "good", "--method", "grad-cam"], /grad-cam|at: expected features that are an image/);
  await refused(["nothing", "one.png"], /nothing: expected a run folder/);
});
