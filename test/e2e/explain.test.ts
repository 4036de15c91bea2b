/**
 * @module `descent explain`: rows, texts and images explained through the command line, as pictures, as a page, and as numbers that add up.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import sharp from "sharp";
import { writeVoc } from "../../src/vision/annotations/index.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";
import { conll, facts } from "./people.js";

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

const inWords = (line: string): string[] => line.split(" ");

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
    ...inWords("train tabular-classification --data sizes.csv --label-column size --steps 200 --out sizes"),
    ...train,
  );
  await descent(...inWords("train text-classification --data views.csv --label-column view --steps 80 --out views"), ...train);
  await descent(
    ...inWords("train image-classification --data digits --model lenet-5 --image-size 28 --steps 20 --out digits"),
    ...train,
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

test("rows are called what was typed, or their place in their file", async () => {
  assert.equal(
    (await explained("sizes", "width=19", "noise=3", "--draw", "row.svg")).explanations[0]?.input,
    "width=19, noise=3",
  );
  writeFileSync(path("some.csv"), "width,noise\n19,3\nwide,4\n2,5\n");
  const { explanations } = await explained("sizes", "some.csv", "--skip-bad-rows", "--draw", "rows.html");
  assert.deepEqual(explanations.map(({ input }) => input), ["some.csv #1", "some.csv #3"]); // prettier-ignore
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

test("pictures of one name are files of their own, each with its own picture", async () => {
  for (const name of ["a", "b"]) {
    mkdirSync(path(name), { recursive: true });
    const shade = Buffer.alloc(28 * 28, name === "a" ? 255 : 0);
    await sharp(shade, { raw: { width: 28, height: 28, channels: 1 } }).png().toFile(path(name, "same.png")); // prettier-ignore
  }
  const line = ["digits", join("a", "same.png"), join("b", "same.png"), "--method", "saliency", "--measure", "none"];
  const { files } = await explained(...line, "--draw", "same");
  assert.deepEqual(
    files,
    ["same.png", "same-2.png", "index.html"].map((name) => join("same", name)),
  );
  const [one, other] = await Promise.all(files.slice(0, 2).map((file) => sharp(path(file)).stats()));
  assert.notEqual(one?.channels[0]?.mean, other?.channels[0]?.mean);
});

test("an option that would change nothing, and a place that cannot be written to, are refused before anything is computed", async () => {
  const refused = (args: string[], expected: RegExp): Promise<void> => isRefused(folder, ["explain", ...args], expected);
  await refused(
    ["digits", "one.png", "--mask", "one.png"],
    /--mask: expected a method that takes it, got grad-cam; take one of .*lime/,
  );
  await refused(["sizes", "width=1", "--mask", "one.png"], /--mask one\.png: expected a model of images, got one of tabular-/);
  await refused(
    ["sizes", "width=1", "--method", "saliency", "--background", "sizes.csv"],
    /--background sizes\.csv: expected a method that takes it, got saliency; take one of .*kernel-shap/,
  );
  await refused(["sizes"], /explain: expected an INPUT, or a data set with --data, got neither/);
  await refused(["sizes", "width=1", "--data", "sizes.csv"], /--data sizes\.csv: expected no INPUT beside it, got width=1/);
  writeFileSync(path("plain"), "");
  mkdirSync(path("folder.png"), { recursive: true });
  await refused(["digits", "one.png", "--draw", "plain"], /--draw plain: expected a folder to write to, got a file/);
  await refused(
    ["digits", "one.png", "--draw", "folder.png"],
    /--draw folder\.png: expected a \.png file to write, got a folder/,
  );
  await refused(
    ["digits", "one.png", "one.png", "--draw", "two.png"],
    /--draw two\.png: expected one input for one picture, got 2/,
  );
});

test("what cannot be explained is refused in one line", async () => {
  const refused = (args: string[], expected: RegExp): Promise<void> => isRefused(folder, ["explain", ...args], expected);
  await refused(["digits", "one.png", "--method", "grad-cm"], /unknown method "grad-cm"; did you mean "?grad-cam/);
  await refused(["digits", "one.png", "--target", "eleven"], /target: unknown label "eleven"/);
  await refused(["digits", "one.png", "--target", "11"], /target: expected an index from 0 to 9/);
  await refused(["digits", "one.png", "--at", "nowhere"], /at: /);
  await refused(
    ["digits", "one.png", "--draw", "one.pdf"],
    /--draw: expected a folder, or a \.png, \.svg, \.html file, got one\.pdf/,
  );
  await refused(["views", "good", "--method", "grad-cam"], /grad-cam: expected an image, .*; take one of integrated-gradients/);
  await refused(
    ["views", "good", "--method", "rise,score-cam"],
    /--method: expected one that the model can have, got rise, score-cam; rise: expected an image/,
  );
  await refused(["nothing", "one.png"], /nothing: expected a run folder/);
});

const learn = (task: string, ...args: string[]): Promise<unknown> =>
  descent("train", task, ...args, "--device", "cpu", "--no-check", "--quiet");

test("a tag: of a word and a label, by number, or the first that is found; subwords are joined to words", async () => {
  writeFileSync(path("people.conll"), conll(facts));
  await learn("token-classification", "--data", "people.conll", "--epochs", "8", "--batch-size", "8", "--out", "tags");
  const small = ["--model", "bert", "--max-length", "16", "--vocabulary-size", "120", "--steps", "60"];
  await learn("token-classification", "--data", "people.conll", ...small, "--out", "subwords");
  const text = "Bob Lee visits New York.";
  for (const [run, args, label, said] of [
    ["tags", [], "B-PER", /word 1, "Bob"/],
    ["tags", ["--target", "York:LOC"], "E-LOC", /the tag E-LOC of word 5, "York"/],
    ["tags", ["--target", "New York:B-LOC"], "B-LOC", /the tag B-LOC of word 4, "New"/],
    ["tags", ["--token", "3", "--target", "O"], "O", /word 3, "visits"/],
    ["subwords", ["--target", "Lee:E-PER"], "E-PER", /word 2, "Lee"/],
  ] as const) {
    const { explanations } = await explained(run, text, ...args, "--draw", "tag.svg");
    const [one] = explanations;
    assert.equal(one?.label, label);
    assert.ok(
      one?.remarks.some((remark) => said.test(remark)),
      one?.remarks.join(),
    );
    const difference = (one?.score ?? 0) - (one?.baselineScore ?? 0);
    assert.ok(Math.abs(sum(one?.values ?? []) - difference) < 1e-3 * Math.max(1, Math.abs(difference)), run);
    assert.match(readFileSync(path("tag.svg"), "utf8"), /York/);
  }
  const refused = (args: string[], expected: RegExp): Promise<void> => isRefused(folder, ["explain", "tags", ...args], expected);
  await refused([text, "--target", "Ann:PER"], /--target: expected a word of "Bob Lee .*" before the colon, got "Ann"/);
  await refused([text, "--target", "Bob:PERS"], /--target: unknown label "PERS"; did you mean "PER/);
  await refused([text, "--token", "7"], /--token: expected a word of .*, which has 6, got 7/);
  await refused([text, "--box", "1"], /--box: expected a run of object-detection, got token-classification/);
});

test("the next token: the likeliest, or one that is named", async () => {
  writeFileSync(path("verse.txt"), "the cat sat on the mat and the dog sat on the log\n".repeat(20));
  const small = ["--max-length", "16", "--steps", "60", "--batch-size", "8"];
  await learn("language-modeling", "--data", "verse.txt", ...small, "--out", "verse");
  const [likeliest] = (await explained("verse", "the do", "--draw", "next.png")).explanations;
  assert.equal(likeliest?.label, "g");
  assert.ok(Math.abs(likeliest?.gap ?? 1) < 1e-2, String(likeliest?.gap));
  const [other] = (await explained("verse", "the do", "--target", "t", "--draw", "next.png")).explanations;
  assert.equal(other?.label, "t");
  assert.ok((other?.score ?? 0) < (likeliest?.score ?? 0));
  await isRefused(
    folder,
    ["explain", "verse", "the do", "--target", "dog"],
    /--target: expected one token .*, which is 3 tokens/,
  );
});

test("a found box: its score rests on its own square", async () => {
  const side = 24;
  const scene = async (file: string, x: number, y: number): Promise<void> => {
    const square = sharp({ create: { width: side, height: side, channels: 3, background: "#d02020" } });
    await sharp({ create: { width: 64, height: 64, channels: 3, background: "#b0b0a8" } })
      .composite([{ input: await square.png().toBuffer(), left: x, top: y }])
      .png()
      .toFile(path("squares", file));
    const box = [x, y, x + side, y + side] as const;
    const xml = writeVoc({ image: file, width: 64, height: 64, boxes: [{ label: "red", box }] });
    writeFileSync(path("squares", file.replace(".png", ".xml")), xml);
  };
  for (const [part, count] of [
    ["train", 12],
    ["val", 2],
    ["test", 2],
  ] as const) {
    mkdirSync(path("squares", part), { recursive: true });
    for (let i = 0; i < count; i++) await scene(join(part, `${i}.png`), (i * 17) % 40, (i * 11) % 40);
  }
  const small = ["--image-size", "64x64", "--steps", "60", "--seed", "2", "--augment", "none"];
  await learn("object-detection", "--data", "squares", ...small, "--out", "boxes");
  const file = join("squares", "train", "1.png");
  const [found] = JSON.parse((await descent("predict", "boxes", file, "--json")).stdout) as [{ objects: { score: number }[] }];
  const [one] = (await explained("boxes", file, "--draw", "box.png")).explanations;
  assert.equal(one?.label, "red");
  const score = 1 / (1 + Math.exp(-(one?.score ?? 0)));
  assert.ok(Math.abs(score - (found.objects[0]?.score ?? 0)) < 1e-4, `${score}, ${found.objects[0]?.score}`);
  const isInside = (i: number): boolean => {
    const [x, y] = [i % 64, Math.floor(i / 64) % 64];
    return x >= 17 && x < 17 + side && y >= 11 && y < 11 + side;
  };
  const mean = (values: readonly number[]): number => sum(values.map(Math.abs)) / values.length;
  const inside = mean((one?.values ?? []).filter((_, i) => isInside(i)));
  const outside = mean((one?.values ?? []).filter((_, i) => !isInside(i)));
  assert.ok(inside > 2 * outside, `${inside}, ${outside}`);
  await isRefused(
    folder,
    ["explain", "boxes", file, "--box", "90"],
    /--box: expected at most \d+, since there .* in 1\.png, got 90/,
  );
});

test("a likeness: to an image, or to what is enrolled", async () => {
  await learn("image-recognition", "--data", "digits", "--steps", "20", "--batch-size", "32", "--out", "alike");
  await isRefused(folder, ["explain", "alike", "one.png"], /--against: expected an image to compare with, got none/);
  const [same] = (await explained("alike", "one.png", "--against", "one.png", "--draw", "alike.png")).explanations;
  assert.ok(Math.abs((same?.score ?? 0) - 1) < 1e-5, String(same?.score));
  await descent("enroll", "alike", "one.png", "--name", "stroke", "--quiet");
  const [enrolled] = (await explained("alike", "one.png", "--draw", "alike.png")).explanations;
  assert.equal(enrolled?.label, "like stroke");
  await isRefused(
    folder,
    ["explain", "alike", "one.png", "--against", "strike"],
    /--against: unknown name "strike"; did you mean "stroke/,
  );
});
