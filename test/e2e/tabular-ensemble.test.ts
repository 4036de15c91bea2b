/**
 * @module The default network of tables from a command line: small and large tables, other columns and classes, adapters, its ONNX file, and resuming.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run, succeeds } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "descent-ensemble-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = (...parts: readonly string[]): string => join(folder, ...parts);
const descent = async (line: string): Promise<string> => (await succeeds(folder, line.split(" "))).stdout;
const read = (...parts: readonly string[]): unknown => JSON.parse(readFileSync(path(...parts), "utf8"));
interface Config {
  readonly model: string;
  readonly info: {
    readonly ensemble: { readonly hidden: readonly number[]; readonly bins?: readonly { readonly edges: readonly number[] }[] };
  };
}
const configOf = (name: string): Config => read(name, "config.json") as Config;
const LINE = "train tabular-classification --label-column kind --device cpu --threads 1 --no-check --quiet";

before(async () => {
  const table = (count: number, kinds: readonly string[], more: string): string =>
    `width,height,${more}kind\n${Array.from(
      { length: count },
      (_, i) => `${(i * 7) % 20}.5,${(i * 13) % 17},${more === "" ? "" : `${i % 5},`}${kinds[(i * 7) % 20 > 9 ? 0 : 1]}`,
    ).join("\n")}\n`;
  writeFileSync(path("small.csv"), table(120, ["wide", "narrow"], ""));
  writeFileSync(path("large.csv"), table(1400, ["wide", "narrow"], "depth,"));
  writeFileSync(path("other.csv"), table(120, ["yes", "no"], "depth,"));
  await descent(`${LINE} --data small.csv --steps 120 --out small`);
  await descent(`${LINE} --data large.csv --steps 40 --out large`);
});

test("a large table has wider layers, and bins between its values; a small one has none", () => {
  const [small, large] = [configOf("small"), configOf("large")];
  assert.deepEqual([small.model, large.model], ["tabm", "tabm"]);
  assert.deepEqual([small.info.ensemble.hidden, small.info.ensemble.bins], [[64, 64], undefined]);
  assert.deepEqual(large.info.ensemble.hidden, [128, 128]);
  // Of depth, which has five values, four bins are left.
  assert.deepEqual(
    large.info.ensemble.bins?.map(({ edges }) => edges.length),
    [17, 17, 5],
  );
});

test("it learns, and has the parameters of its file", async () => {
  const { metrics, parameters } = read("small", "summary.json") as {
    metrics: { test: { accuracy: number } };
    parameters: number;
  };
  assert.ok(metrics.test.accuracy >= 0.9, String(metrics.test.accuracy));
  const cost = JSON.parse(await descent("cost small/model.onnx --json")) as { parameters: number };
  assert.equal(cost.parameters, parameters);
});

test("a training from another run keeps its widths, whatever the rows, columns and classes; so do adapters", async () => {
  const line = `${LINE.replace(" --quiet", "")} --data other.csv --init large --steps 2 --out further`;
  const { stderr } = await succeeds(folder, line.split(" "));
  assert.match(stderr, /--init large: .*classes "no", "yes" of these data are not in it, and start anew/);
  assert.deepEqual(configOf("further").info.ensemble.hidden, [128, 128]);
  await descent(`${LINE} --data other.csv --init large --lora 2 --lora-targets layers.[01] --steps 2 --out adapted`);
  await descent("eval adapted --json");
});

test("an ensemble that somebody took out of the configuration is missed in one line", async () => {
  const config = read("large", "config.json") as { info: Record<string, unknown> };
  delete config.info["ensemble"];
  writeFileSync(path("large", "config.json"), JSON.stringify(config));
  const { status, stderr } = await run(folder, ["eval", "large"]);
  assert.deepEqual([status, stderr.trim().split("\n").length], [2, 1], stderr);
  assert.match(stderr, /expected an ensemble for the model tabm, got none/);
});
