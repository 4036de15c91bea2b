import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../util/errors.js";
import { applyConfig, configOf, parseOptions } from "./options.js";
import { choice, flag, integer, list, number, text } from "../util/option.js";

const table = {
  batchSize: integer({ help: "…", minimum: 1, default: 32, short: "b" }),
  lr: number({ help: "…", above: 0, aliases: ["learningRate"] }),
  device: choice(["cpu", "webgpu"], { help: "…", default: "cpu", env: "X_DEVICE" }),
  check: flag({ help: "…", default: true }),
  column: list(text({ help: "…" })),
  out: text({ help: "…", local: true }),
};
const parse = (line: string, env: Record<string, string> = {}) =>
  parseOptions(table, line === "" ? [] : line.split(" "), env, "train");

test("values are typed, defaults stand where nothing was said", () => {
  const { values, given, positionals } = parse("task --batch-size=64 --lr 3e-4 --no-check --column a --column b -- --x");
  const batchSize: number = values.batchSize;
  const lr: number | undefined = values.lr;
  const device: "cpu" | "webgpu" = values.device;
  assert.deepEqual([batchSize, lr, device, values.check], [64, 3e-4, "cpu", false]);
  assert.deepEqual(values.column, ["a", "b"]);
  assert.deepEqual(positionals, ["task", "--x"]);
  assert.deepEqual([...given.keys()].sort(), ["batchSize", "check", "column", "lr"]);
  assert.equal(parse("-b 8").values.batchSize, 8);
  assert.equal(parse("--batch-size 1e3").values.batchSize, 1000);
});

test("the command line stands above the environment, the environment above a config, that above the default", () => {
  assert.equal(parse("", { X_DEVICE: "webgpu" }).values.device, "webgpu");
  assert.equal(parse("--device cpu", { X_DEVICE: "webgpu" }).values.device, "cpu");
  const config = { options: { batchSize: 16, lr: 0.5, device: "cpu", out: "elsewhere", column: ["c"] } };
  const merged = applyConfig(table, parse("--lr 0.1", { X_DEVICE: "webgpu" }), config, "run/config.json");
  assert.deepEqual(
    [merged.values.batchSize, merged.values.lr, merged.values.device, merged.values.out, merged.values.column],
    [16, 0.1, "webgpu", undefined, ["c"]],
  );
  assert.equal(merged.given.get("batchSize"), "config");
  assert.deepEqual(configOf(table, merged.values), { batchSize: 16, lr: 0.1, device: "webgpu", check: true, column: ["c"] });
  const besides = { ...merged.values, help: false, json: true };
  assert.deepEqual(configOf(table, besides), configOf(table, merged.values), "the frame's own options are no configuration");
});

test("a former name is taken, and said once; the current one comes first", () => {
  const { values, renamed, given } = parse("--learning-rate 0.1 --learning-rate 0.2");
  assert.deepEqual([values.lr, given.get("lr"), renamed], [0.2, "command line", ["--learning-rate is now called --lr"]]);
  const config = { learningRate: 0.5, batchSize: 2 };
  const applied = applyConfig(table, parse(""), config, "config.json");
  assert.deepEqual([applied.values.lr, applied.renamed], [0.5, ["config.json: learningRate is now called lr"]]);
  assert.equal(applyConfig(table, parse(""), { lr: 0.3, ...config }, "config.json").values.lr, 0.3);
  assert.equal(applyConfig(table, parse("--lr 0.1"), config, "config.json").values.lr, 0.1);
  assert.throws(() => parse("--learning-rat 1"), /unknown option "--learning-rat"; --help lists all/);
});

test("what is wrong is said in one line, with the nearest right name", () => {
  const cases: [string, RegExp][] = [
    ["--batchsize 3", /^train: unknown option "--batchsize"; did you mean "--batch-size"\?$/],
    ["--zzzzzzzz", /^train: unknown option "--zzzzzzzz"; --help lists all$/],
    ["--batch-size 1.5", /^train: --batch-size: expected a whole number, got "1.5"$/],
    ["--batch-size 0", /^train: --batch-size: expected a whole number at least 1, got 0$/],
    ["--batch-size -2", /^train: --batch-size: expected a whole number at least 1, got -2$/],
    ["--lr 0", /^train: --lr: expected a number above 0, got 0$/],
    ["--lr fast", /^train: --lr: expected a number, got "fast"$/],
    ["--lr --no-check", /^train: --lr: expected NUMBER, got --no-check$/],
    ["--lr", /^train: --lr: expected NUMBER, got nothing$/],
    ["--device gpu", /^train: --device: unknown value "gpu"; did you mean "cpu"\?$/],
    ["--check=yes", /^train: --check: expected no value, got "yes"$/],
  ];
  for (const [line, expected] of cases) {
    assert.throws(
      () => parse(line),
      (error) => error instanceof ConfigError && expected.test(error.message),
      line,
    );
  }
  const config = (value: unknown) => () => applyConfig(table, parse(""), value, "c.json");
  assert.throws(config({ batchsize: 3 }), /^ConfigError: c.json: unknown option "batchsize"; did you mean "batchSize"\?$/);
  assert.throws(config({ batchSize: "3" }), /c.json: batchSize: expected a number, got "3"/);
  assert.throws(config({ batchSize: 0 }), /c.json: batchSize: expected a whole number at least 1, got 0/);
  assert.throws(config({ column: "a" }), /c.json: column: expected a list, got "a"/);
  assert.throws(config([1]), /c.json: expected an object of options, got \[1\]/);
  assert.throws(config({ constructor: 1 }), /unknown option "constructor"/);
});
