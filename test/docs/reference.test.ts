/**
 * @module The reference is whole: every public export has a docstring, functions of tensors say their shapes, functions that refuse something say so, and the
 * examples run.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { ROOT } from "./markdown.js";
import { publicExports, type PublicExport } from "./public-exports.js";

const EXPORTS = publicExports();
const nameOf = ({ entry, name, file }: PublicExport): string => `${entry}: ${name} (${file})`;
const isFunction = ({ kind, signature }: PublicExport): boolean =>
  kind === "function" || (kind === "const" && /^: (?:<[^>]*>)?\(/.test(signature));

test("every public export has a docstring that begins with a verb or a noun", () => {
  assert.ok(EXPORTS.length > 1500, `only ${EXPORTS.length} exports found`);
  const without = EXPORTS.filter(({ docstring }) => docstring === undefined || docstring.replaceAll(/[*/\s]/g, "").length < 4);
  assert.deepEqual(without.map(nameOf), []);
  const vague = EXPORTS.filter(({ docstring = "" }) => /^\/\*\*[\s*]*(?:What|Of|Whether) /.test(docstring));
  assert.deepEqual(vague.map(nameOf), []);
});

test("no line of a docstring is a definition of a link, which the reference would leave out", () => {
  const lost = EXPORTS.filter(({ docstring = "" }) => /^(?:\/\*\*| \*) \[[^\]]+\]: /m.test(docstring));
  assert.deepEqual(lost.map(nameOf), []);
});

/** Ways to say a shape: dimensions in brackets, the shape of another, a scalar, one element at a time. */
const SHAPES = /\[[^\]]*\]|\bshapes?\b|scalar|element by element/i;

test("functions from tensors to tensors say their shapes", () => {
  const functions = EXPORTS.filter(isFunction).filter(({ signature }) =>
    // Weights by name, and tests of a type, are of any shape.
    /\bTensor(Data)?\b/.test(
      signature
        .replaceAll(
          /\b(?:Readonly)?(?:Map|Record)<[\w ]+, (?:Tensor|TensorData)>|Map<Tensor, \w+>|readonly \[string, TensorData\]/g,
          "",
        )
        .replace(/\) => \w+ is .*/, ")"),
    ),
  );
  assert.ok(functions.length > 150, `only ${functions.length} functions found`);
  assert.deepEqual(functions.filter(({ docstring = "" }) => !SHAPES.test(docstring)).map(nameOf), []);
});

test("functions that refuse something say what they throw, or what they expect", () => {
  const silent: string[] = [];
  let refusing = 0;
  for (const one of EXPORTS.filter(isFunction)) {
    const source = readFileSync(join(ROOT, one.file.replace(/^dist\//, "").replace(/\.d\.ts$/, ".ts")), "utf8");
    const start = source.search(new RegExp(`^export (?:async )?(?:function\\*?|const) ${one.declared}\\b`, "m"));
    if (start < 0) continue;
    // Formatted sources: a function ends with a brace at the margin, an arrow function with a semicolon at a line's end.
    const body = /^[^]*?(?:\n\}\n|\n\};?\n|;\n(?=\n|\/\*\*|export))/.exec(source.slice(start))?.[0] ?? "";
    if (!/throw new \w+Error/.test(body)) continue;
    refusing++;
    if (!/Error|refuse|throw|expected|must/i.test(one.docstring ?? "")) silent.push(nameOf(one));
  }
  assert.ok(refusing > 100, `only ${refusing} functions found`);
  assert.deepEqual(silent, []);
});

/** The program behind `@example` of a docstring. */
const exampleOf = ({ docstring = "" }: PublicExport): string | undefined =>
  /@example\n([^]*?)\n \*\//.exec(docstring)?.[1]?.replaceAll(/^ \* ?/gm, "");

/** Functions and classes that a user begins with. */
const FIRST_USED = [
  "grad", "jacobian", "vmap", "customGradient", "compile", "evaluate", "train", "trainingStep", "fineTune", "loadPretrained", "toOnnx", "loadData", "DataLoader",
  "parseTable", "loadOnnx", "cost", "Generator", "explain", "Explainer", "trainTask", "TrainedModel", "openRun", "trainWordPiece", "createHandler", "Client",
  "lineChart", "withGroups", "tensor", "valueAndGrad", "jvp", "hessian", "hessianVectorProduct", "Module", "Sequential", "addAdapters", "crossEntropy", "chain",
  "Dataset", "fromRows", "split", "kFold", "saveSafetensors", "loadTokenizer", "ConfusionMatrix", "cohenKappa", "TrainingState", "computeOptimal",
  "quantizeRun",
]; // prettier-ignore

/** Files that examples name, beside the run that the example of `trainTask` makes. */
function prepare(folder: string): void {
  const fixtures = join(ROOT, "test", "fixtures");
  mkdirSync(join(folder, "path", "to"), { recursive: true });
  for (const [from, to] of [
    ["bert-sequence", "bert"],
    ["gpt2", "gpt2"],
  ] as const)
    cpSync(join(fixtures, "language-models", from), join(folder, "path", "to", to), { recursive: true });
  cpSync(join(fixtures, "published", "vit.script.onnx"), join(folder, "their.onnx"));
  const rows = Array.from(
    { length: 90 },
    (_, i) => `${18 + (i % 50)},${i % 3 === 0 ? "basic" : "gold"},${i % 50 > 25 ? "yes" : "no"}`,
  );
  writeFileSync(join(folder, "customers.csv"), `age,plan,churned\n${rows.join("\n")}\n`);
}

test("the examples in docstrings are whole programs, and print what they say", async (t) => {
  const examples = EXPORTS.flatMap((one) => {
    const code = exampleOf(one);
    return code === undefined || one.kind === "type" ? [] : [{ name: nameOf(one), short: one.name, code }];
  }).toSorted((a, b) => Number(b.short === "trainTask") - Number(a.short === "trainTask"));
  const missing = FIRST_USED.filter((name) => !examples.some(({ short }) => short === name));
  assert.deepEqual(missing, [], "without an example");

  const programs = join(ROOT, "dist", "reference-programs");
  rmSync(programs, { recursive: true, force: true });
  mkdirSync(programs, { recursive: true });
  examples.forEach(({ code }, i) => writeFileSync(join(programs, `example-${i}.ts`), `${code}\nexport {};\n`));
  const compilerOptions = { rootDir: ".", outDir: ".", incremental: false, tsBuildInfoFile: null, declaration: false };
  writeFileSync(
    join(programs, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: ["*.ts"], exclude: [] }),
  );
  const tsc = spawnSync(process.execPath, [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "-p", programs], {
    encoding: "utf8",
  });
  assert.equal(tsc.status, 0, tsc.stdout);

  const folder = mkdtempSync(join(tmpdir(), "descent-reference-"));
  prepare(folder);
  // One process for all, in turns: what one leaves behind may not harm another.
  const runner = `import { inspect } from "node:util";
    const log = [];
    console.log = (...values) => log.push(values.map((v) => (typeof v === "string" ? v : inspect(v))).join(" "));
    for (let i = 0; i < ${examples.length}; i++) {
      let error;
      try { await import(${JSON.stringify(pathToFileURL(programs).href)} + "/example-" + i + ".js"); } catch (e) { error = String(e?.stack ?? e); }
      process.stdout.write(JSON.stringify({ i, error, printed: log.splice(0) }) + "\\n");
    }`;
  // A file, since the engine's threads in WebAssembly inherit Node's options, and `--input-type` is for none.
  const program = join(folder, "runner.mjs");
  writeFileSync(program, runner);
  const run = spawnSync(process.execPath, [program], {
    cwd: folder,
    encoding: "utf8",
    timeout: 300_000,
  });
  rmSync(folder, { recursive: true, force: true });
  assert.equal(run.status, 0, run.stderr);
  const results = run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { error?: string; printed: string[] });
  assert.equal(results.length, examples.length);
  for (const [i, { name, code }] of examples.entries())
    await t.test(name, () => {
      const { error, printed } = results[i] as { error?: string; printed: string[] };
      assert.equal(error, undefined);
      const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((found) => found[1] as string);
      for (const expected of said)
        // An ellipsis stands for anything.
        assert.match(printed.join("\n").replaceAll(/\s+/g, " "), new RegExp(expected.split("…").map(escaped).join("[^]*")));
    });
});

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
