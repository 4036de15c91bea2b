/**
 * @module Bad input is refused in one line that says what, where, and what was expected; with an exit status, without
 * a stack, and with nothing lost.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { idx, lastStep, MAIN, reaches, run, scratchFolder, start } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

const words = (line: string): string[] => line.split(" ").filter((word) => word !== "");
/** The user that owns nothing. */
const NOBODY = 65534;
const DIGITS = "train image-classification --data digits --model linear --device cpu --no-check --quiet";

/** Refused: the status, and standard error is one line. */
async function refused(
  line: string,
  status: number,
  expected: RegExp,
  env?: Readonly<Record<string, string>>,
  uid?: number,
): Promise<void> {
  const ended = await run(folder, words(line), env, uid);
  assert.equal(ended.status, status, `${line}\n${ended.stderr}`);
  assert.match(ended.stderr, /^descent: [^\n]+\n$/, line);
  assert.match(ended.stderr, expected, line);
  assert.equal(ended.stdout, "", line);
}

before(async () => {
  const rows = Array.from({ length: 80 }, (_, i) => `${i % 7},${(i * 3) % 11},${i % 7 > 3 ? "yes" : "no"}`);
  writeFileSync(path("good.csv"), `a,b,y\n${rows.join("\n")}\n`);
  writeFileSync(path("broken.csv"), `a,b,y\n1,2,no\n3,4,5,6\n${rows.join("\n")}\n`);
  writeFileSync(path("header.csv"), "a,b,y\n");
  writeFileSync(path("empty.csv"), "");
  writeFileSync(path("picture.png"), "no picture");
  const trained = await run(folder, words(`${DIGITS} --epochs 2 --out run`));
  assert.equal(trained.status, 0, trained.stderr);
  const table = await run(
    folder,
    words("train tabular-classification --data good.csv --device cpu --epochs 2 --out table --quiet"),
  );
  assert.equal(table.status, 0, table.stderr);
});

test("names that do not exist: the nearest one is offered", async () => {
  await Promise.all([
    refused("train image-clasification --data digits", 2, /did you mean "image-classification"/),
    refused("train image-classification --data digits --model mpl", 2, /did you mean "mlp"/),
  ]);
  await Promise.all([
    refused("train image-classification --data digit", 2, /did you mean "digits"/),
    refused("train image-classification --data digits --epoch 3", 2, /did you mean "--epochs"/),
  ]);
  await Promise.all([
    refused("train image-classification --data digits --device gpu", 2, /expected one of|did you mean/),
    refused("train image-classification --data digits --schedule cosin", 2, /did you mean "cosine"/),
  ]);
  await Promise.all([
    refused("train image-classification --data digits --optimizer adan", 2, /did you mean "adam"/),
    refused("trian", 2, /did you mean "train"/),
  ]);
});

test("a device that is not here", { skip: process.platform !== "linux" }, async () => {
  await refused(`${DIGITS} --out d1 --device cuda`.replace("--device cpu ", ""), 2, /^descent: device cuda: /);
  await refused(`${DIGITS} --out d2 --device wasm`.replace("--device cpu ", ""), 2, /device/);
});

test("files: missing, empty, with a broken row, of another task", async () => {
  await Promise.all([
    refused("train tabular-classification --data nowhere.csv", 2, /nowhere\.csv: expected a file that can be read/),
    refused("train tabular-classification --data header.csv", 2, /header\.csv: expected at least one row/),
  ]);
  await Promise.all([
    refused("train tabular-classification --data empty.csv", 2, /empty\.csv: expected at least one row/),
    refused("train tabular-classification --data broken.csv", 2, /broken\.csv: row 2 \(line 3\): .*; .*--skip-bad-rows/),
  ]);
  await Promise.all([
    refused("train tabular-classification --data good.csv --label-column z", 2, /unknown column "z"/),
    refused("train image-classification --data good.csv", 2, /use tabular-classification/),
  ]);
  const skipping = await run(
    folder,
    words("train tabular-classification --data broken.csv --skip-bad-rows --epochs 1 --device cpu --out skipped --quiet"),
  );
  assert.equal(skipping.status, 0, skipping.stderr);
  assert.equal(skipping.stderr, "1 rows that do not parse were left out\n");
});

test("what may not be read: files, folders, checkpoints", { skip: process.platform === "win32" }, async (t) => {
  const files = ["secret.csv", "secret.png", "secret", "closed/checkpoints"].map((name) => path(name));
  writeFileSync(path("secret.csv"), readFileSync(path("good.csv")));
  writeFileSync(path("secret.png"), "no picture");
  mkdirSync(path("secret"));
  cpSync(path("table"), path("closed"), { recursive: true });
  for (const file of files) chmodSync(file, 0);
  chmodSync(folder, 0o777);
  // Root may read everything: then the command runs as somebody else.
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  try {
    execFileSync(process.execPath, [MAIN, "version"], {
      stdio: "ignore",
      ...(user === undefined ? {} : { uid: user, gid: user }),
    });
  } catch {
    t.skip("another user may not read this checkout");
    return;
  }
  const cases: readonly (readonly [string, RegExp])[] = [
    ["train tabular-classification --data secret.csv", /secret\.csv: expected a file .* no permission/],
    ["train image-classification --data secret", /secret: expected a folder .* no permission/],
    ["predict closed a=1 b=2", /checkpoints: expected a folder that can be read, got no permission/],
    ["predict run secret.png", /secret\.png: expected an image .* no permission/],
    [`${DIGITS} --out secret/run`, /secret\/run: expected a folder to write to, got no permission/],
  ];
  try {
    for (const [line, expected] of cases) await refused(line, 2, expected, user === undefined ? {} : { HOME: folder }, user);
  } finally {
    for (const file of files) chmodSync(file, 0o755);
  }
});

test("a known data set with another checksum, labels out of range", async () => {
  mkdirSync(path("data", "digits"), { recursive: true });
  mkdirSync(path("data", "iris"), { recursive: true });
  mkdirSync(path("data", "tabular"), { recursive: true });
  for (const place of ["iris", "tabular"]) writeFileSync(path("data", place, "iris.csv"), "a,b\n1,2\n");
  await refused("train tabular-classification --data iris", 2, /iris\.csv: .*sha256/, { DESCENT_DATA: path("data") });

  mkdirSync(path("pixels"));
  const count = 40;
  writeFileSync(path("pixels", "train-images-idx3-ubyte.gz"), gzipSync(idx([count, 4, 4], new Uint8Array(count * 16))));
  writeFileSync(path("pixels", "train-labels-idx1-ubyte.gz"), gzipSync(idx([count - 1], new Uint8Array(count - 1))));
  await refused("train image-classification --data pixels", 2, /expected 40 labels, one for each image/);
});

test("checkpoints that are truncated or altered are refused, and the last whole one is offered", async () => {
  cpSync(path("run"), path("hurt"), { recursive: true });
  const steps = readdirSync(path("hurt", "checkpoints")).filter((name) => name.startsWith("step-"));
  assert.equal(steps.length, 2);
  const step = lastStep(path("hurt"));
  const other = steps.find((name) => name !== `step-${step}`) as string;
  const model = path("hurt", "checkpoints", `step-${step}`, "model.safetensors");
  const bytes = readFileSync(model);
  bytes[bytes.length - 3] = (bytes[bytes.length - 3] as number) ^ 1;
  writeFileSync(model, bytes);
  await refused("train --resume hurt", 2, new RegExp(`it was altered; the last whole one is .*${other}`));
  truncateSync(model, 100);
  await refused("eval hurt/checkpoints/last", 2, new RegExp(`expected \\d+ bytes, got 100; the last whole one is .*${other}`));
  const resumed = await run(folder, words(`train --resume hurt/checkpoints/${other} --quiet`));
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.equal(lastStep(path("hurt")), step);
});

test("a run folder that is taken, in use by another process, or no place to write to: refused before anything is said", async () => {
  const loud = DIGITS.replace(" --quiet", "");
  await refused(`${loud} --out run`, 2, /run: expected a new folder, got one that holds a run; resume it with --resume/);
  await refused(`${loud} --out good.csv/run`, 2, /run: expected a folder to write to, got a part of its path is not a folder/);
  await refused(
    "predict table a=1 b=2 --out nowhere/x.csv",
    2,
    /nowhere\/x\.csv: expected a folder to write to, got nothing there/,
  );
  const writing = start(folder, words(`${DIGITS} --epochs 400 --out busy`));
  await reaches(path("busy"), 1, writing);
  await refused("train --resume busy", 2, /expected a run that no process is writing, got one held by process \d+/);
  await refused(`${loud} --out busy --overwrite`, 2, /expected a run that no process is writing/);
  writing.kill("SIGTERM");
  assert.equal((await writing.ended).status, 130);
  await refused("train --resume busy --epochs 9", 2, /expected a longer training than the \d+ steps of the run, got 9 epochs/);
});

test("a loss that is not finite names the first op, and leaves the last checkpoint as it was", async () => {
  await refused(
    `${DIGITS} --model mlp --lr 1e30 --out infinite`,
    1,
    /step \d+: expected a finite loss, got .*; the first value that is not finite comes from \w+ in layers\.\d/,
  );
});

test("weights of another model: each tensor is named", async () => {
  await refused(
    `${DIGITS} --model mlp --init run --out other`,
    2,
    /layers\.0\.weight: expected float32 \[256, 64\], got float32 \[10, 64\]; .*layers\.2\.bias \[10\] is missing/,
  );
});

test("image labels out of range", async () => {
  const labels = (values: readonly number[]): Uint8Array => idx([values.length], Uint8Array.from(values));
  const good = Array.from({ length: 40 }, (_, i) => i % 4);
  mkdirSync(path("numbered"));
  writeFileSync(path("numbered/train-images-idx3-ubyte"), idx([40, 8, 8], new Uint8Array(40 * 64)));
  writeFileSync(path("numbered/train-labels-idx1-ubyte"), labels([...good.slice(0, 39), 250]));
  const train = "train image-classification --data numbered --steps 2 --no-check --device cpu --out never";
  await refused(train, 2, /every class from 0 to 250, got none of 4, 5, 6, 7, 8, … \(246 classes\); is a label out of range\?/);
  // The test part has a class that training has not.
  writeFileSync(path("numbered/train-labels-idx1-ubyte"), labels(good));
  writeFileSync(path("numbered/t10k-images-idx3-ubyte"), idx([4, 8, 8], new Uint8Array(4 * 64)));
  writeFileSync(path("numbered/t10k-labels-idx1-ubyte"), labels([0, 1, 7, 3]));
  await refused(train, 2, /t10k-labels-idx1-ubyte, example 3: expected a label in 0 … 3, got 7/);
});

test("inputs that do not fit a model", async () => {
  writeFileSync(path("strange.csv"), "a,b,y\n1,2,perhaps\n");
  writeFileSync(path("few.csv"), "c\n1\n");
  await refused("eval table --data strange.csv", 2, /"y", row 1 \(line 2\): expected yes or no, got "perhaps"/);
  await Promise.all([
    refused("predict run picture.png", 2, /picture\.png: expected a JPEG, PNG, .* image, got other bytes/),
    refused("predict run nowhere.png", 2, /nowhere\.png: expected an image, got no such file/),
  ]);
  writeFileSync(path("t-images-idx3-ubyte"), idx([2, 5, 5], new Uint8Array(50)));
  await Promise.all([
    refused("predict run t-images-idx3-ubyte", 2, /expected images of 1×8×8, got 5×5/),
    refused("predict table a=1 c=2", 2, /expected a column "b"; did you mean "c"\?/),
    refused("predict table few.csv", 2, /few\.csv: expected a column "a", "b"; did you mean "c"\?/),
  ]);
  // A column that is absent counts as missing, which is said.
  const absent = await run(folder, words("predict table a=1"));
  assert.equal(absent.status, 0, absent.stderr);
  assert.match(absent.stderr, /column "b": it is absent, and counts as missing in 1 row/);
  await refused("predict nowhere a=1", 2, /nowhere: expected a run folder, got nothing there/);
});

test(
  "a full disk keeps the last whole checkpoint",
  { skip: process.getuid?.() !== 0 || process.platform !== "linux" },
  async (t) => {
    const small = path("small");
    mkdirSync(small);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", small], { stdio: "ignore" });
    } catch {
      t.skip("no permission to mount");
      return;
    }
    try {
      // 85,002 parameters with two slots each: a checkpoint of 1 MB, of which three do not fit.
      const line = "train image-classification --data digits --device cpu --no-check --quiet --epochs 8 --out small/run";
      const ended = await run(folder, words(line));
      assert.equal(ended.status, 1, ended.stderr);
      assert.match(
        ended.stderr,
        /^descent: [^\n]*a full disk \(ENOSPC\); the checkpoint of step \d+ is whole: make room, [^\n]*\n$/,
      );
      const measured = await run(folder, words("eval small/run --json"));
      assert.equal(measured.status, 0, measured.stderr);
    } finally {
      execFileSync("umount", ["-l", small]);
    }
  },
);

test("--debug shows where, and --json says it as JSON", async () => {
  const debug = await run(folder, words("eval nowhere --debug"));
  assert.match(debug.stderr, /nowhere: expected a run folder[^]*\n {4}at /);
  const json = await run(folder, words("eval nowhere --json"));
  assert.deepEqual(Object.keys(JSON.parse(json.stdout) as object), ["error", "exitStatus"]);
});

test("a batch that cannot be learned: columns that were left out are named, and the labels alone where there are none", async () => {
  const noise = (i: number): string => `${Math.floor(i / 40)},${(i * 37) % 83}`;
  const rows = (row: (i: number) => string): string => Array.from({ length: 80 }, (_, i) => row(i)).join("\n");
  writeFileSync(path("codes.csv"), `code,n,y\n${rows((i) => `k${i}x,${noise(i)}`)}\n`);
  writeFileSync(path("noise.csv"), `n,y\n${rows(noise)}\n`);
  const check = /check: expected one batch of 32 examples to be overfit, got a loss of [\d.]+ after 200 steps from [\d.]+; /
    .source;
  for (const [file, advice] of [
    ["codes.csv", 'column "code" was left out: look at what is left of the data, and at the labels, or skip the check'],
    ["noise.csv", "look at the labels, or skip the check"],
  ] as const)
    await refused(`train tabular-regression --data ${file} --device cpu --quiet`, 1, new RegExp(`${check}${advice}`));
});
