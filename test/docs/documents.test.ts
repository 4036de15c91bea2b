/** @module The documents are true: programs compile and run, command lines parse, links lead somewhere. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parseOptions } from "../../src/cli/options.js";
import { GLOBAL_OPTIONS } from "../../src/cli/command.js";
import { VERBS } from "../../src/cli/verbs.js";
import { parseRecipe } from "../../src/sweep/recipe.js";
import { TASKS } from "../../src/tasks/table.js";
import type { Block } from "./markdown.js";
import { blocksOf, documents, linksOf, ROOT, withoutComments } from "./markdown.js";

const DOCUMENTS = documents();
const BLOCKS = DOCUMENTS.flatMap(blocksOf);

/** Blocks that make one program: a `continued` one goes on with that before it. */
interface Program {
  readonly name: string;
  readonly blocks: Block[];
}

function programs(): Program[] {
  const result: Program[] = [];
  for (const block of BLOCKS.filter(({ language }) => language === "ts")) {
    for (const mark of block.marks)
      assert.ok(["no-run", "continued"].includes(mark), `${block.file}:${block.line}: unknown mark "${mark}"`);
    const before = result.at(-1);
    if (!block.marks.includes("continued"))
      result.push({ name: block.file.replaceAll(/\W/g, "-") + `-${block.line}`, blocks: [block] });
    else if (before?.blocks[0]?.file === block.file) before.blocks.push(block);
    else assert.fail(`${block.file}:${block.line}: nothing to continue`);
  }
  return result;
}

/** Inside the package, so that its own name leads to itself. */
const FOLDER = join(ROOT, "dist", "docs-programs");

test("every program in the documents compiles, and runs", async (t) => {
  const all = programs();
  assert.ok(all.length > 0, "no programs found");
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const { name, blocks } of all)
    writeFileSync(join(FOLDER, `${name}.ts`), `${blocks.map(({ code }) => code).join("\n")}\nexport {};\n`);
  const options = {
    rootDir: ".",
    outDir: ".",
    incremental: false,
    tsBuildInfoFile: null,
    declaration: false,
    noUnusedLocals: false,
  };
  writeFileSync(
    join(FOLDER, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", compilerOptions: options, include: ["*.ts"], exclude: [] }),
  );
  const tsc = spawnSync(process.execPath, [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "-p", FOLDER], {
    encoding: "utf8",
  });
  assert.equal(tsc.status, 0, tsc.stdout + tsc.stderr);

  const done = new Set<string>();
  for (const { name, blocks } of all) {
    const code = blocks.map(withoutComments).join("\n");
    // A translation is the same program.
    if (blocks.some(({ marks }) => marks.includes("no-run")) || done.has(code)) continue;
    done.add(code);
    const { file, line } = blocks[0] as Block;
    await t.test(`${file}:${line} runs`, () => {
      const folder = mkdtempSync(join(tmpdir(), "descent-docs-"));
      try {
        const run = spawnSync(process.execPath, [join(FOLDER, `${name}.js`)], {
          cwd: folder,
          encoding: "utf8",
          timeout: 240_000,
        });
        assert.equal(run.status, 0, `${run.error?.message ?? ""}${run.stdout}${run.stderr}`);
        for (const expected of blocks.flatMap(printed))
          assert.ok(run.stdout.includes(expected), `expected "${expected}" in\n${run.stdout}`);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

/** The output that a block promises: comments behind `console.log(…);` that quote output, up to a colon or an ellipsis. */
const printed = ({ code }: Block): string[] =>
  [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)]
    .map((match) => (match[1] as string).trim())
    .filter((text) => /^(float32|float64|Float32Array|Float64Array|\d+$)/.test(text))
    .map((text) => text.replace(/ *…$/, ""));

/** Programs beside npm and descent that a document may call. */
const OTHERS = new Set(["git", "cd", "curl", "head", "cat", "ls", ".ci/run", "tensorboard", "node"]);

async function checkCommand(line: string, where: string): Promise<void> {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? (match[3] as string));
  while (/^[A-Z_]+=/.test(words[0] ?? "")) words.shift();
  if (words[0] === "npx" && words[1] === "descent") words.shift();
  // Launchers of several processes; their own options are theirs.
  if (["mpirun", "srun"].includes(words[0] ?? ""))
    words.splice(
      0,
      words.findIndex((word) => ["descent", "node"].includes(word)),
    );
  const [program = "", first = "", ...rest] = words;
  if (program === "npm") {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> };
    const script = first === "run" ? rest[0] : first;
    assert.ok(
      ["link", "ci", "install"].includes(first) || (script !== undefined && script in scripts),
      `${where}: no such npm script: ${line}`,
    );
    return;
  }
  if (program !== "descent") {
    assert.ok(OTHERS.has(program), `${where}: unknown program: ${line}`);
    return;
  }
  if (first.startsWith("--")) return assert.match(first, /^--(help|version)$/, where);
  const row = VERBS.find(({ name }) => name === first);
  assert.ok(row !== undefined, `${where}: no such verb: ${line}`);
  let { verb } = await row.load();
  if (verb.verbs !== undefined && rest[0] !== "--help") {
    const inner = verb.verbs.find(({ name }) => name === rest[0]);
    assert.ok(inner !== undefined, `${where}: no such verb of ${first}: ${line}`);
    rest.shift();
    ({ verb } = await inner.load());
  }
  const { positionals } = parseOptions({ ...verb.options, ...GLOBAL_OPTIONS }, rest, {}, where);
  const required = verb.positionals.filter(({ optional }) => optional !== true).length;
  const most = verb.positionals.at(-1)?.many === true ? Infinity : verb.positionals.length;
  assert.ok(
    rest.includes("--help") || (positionals.length >= required && positionals.length <= most),
    `${where}: arguments: ${line}`,
  );
  if (first === "train" && positionals[0] !== undefined)
    assert.ok(
      TASKS.some(({ name }) => name === positionals[0]),
      `${where}: no such task: ${line}`,
    );
}

test("every command line in the documents is one that exists", async () => {
  let checked = 0;
  for (const block of BLOCKS.filter(({ language }) => language === "sh")) {
    const lines = withoutComments(block)
      .replaceAll(/\\\n\s*/g, "")
      .split("\n");
    for (const line of lines) {
      for (const command of line.split(/\s+(?:&&|\|)\s+/)) await checkCommand(command, `${block.file}:${block.line}`);
      checked++;
    }
  }
  assert.ok(checked > 5, `only ${checked} command lines found`);
});

test("every recipe of a sweep in the documents is one", () => {
  const recipes = BLOCKS.filter(({ language, code }) => language === "yaml" && /^search:/m.test(code));
  for (const { code, file, line } of recipes) assert.ok(parseRecipe(code, `${file}:${line}`).dimensions.length > 0);
  assert.ok(recipes.length >= 4, `only ${recipes.length} recipes found`);
});

test("both languages of a document show the same code", () => {
  // The glossary is about the Chinese words: it has no English counterpart.
  const pairs = DOCUMENTS.filter((file) => file.startsWith("docs/zh/") && file !== "docs/zh/glossary.md").map(
    (zh) => [zh.replace("docs/zh/", "docs/"), zh] as const,
  );
  for (const [english, chinese] of [["README.md", "README.zh-CN.md"] as const, ...pairs]) {
    const code = (file: string): string[] =>
      blocksOf(file)
        .filter(({ language }) => language !== "text")
        .map(withoutComments);
    assert.deepEqual(code(chinese), code(english), `${chinese} against ${english}`);
  }
});

test("every link within the repository leads somewhere", () => {
  for (const file of DOCUMENTS) {
    for (const target of linksOf(file)) {
      const path = join(ROOT, dirname(file), target.replace(/#.*$/, ""));
      assert.ok(target.startsWith("#") || existsSync(path), `${file}: no such file: ${target}`);
    }
  }
});

/** Anchors of a document's headings, as GitHub makes them. */
const anchorsOf = (file: string): ReadonlySet<string> =>
  new Set(
    [
      ...readFileSync(join(ROOT, file), "utf8")
        .replace(/^```[^]*?^```/gm, "")
        .matchAll(/^#+ (.*)$/gm),
    ].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

test("every link to a heading leads to one", () => {
  let checked = 0;
  for (const file of DOCUMENTS)
    for (const target of linksOf(file)) {
      const [path = "", anchor] = target.split("#");
      if (anchor === undefined || (path !== "" && !path.endsWith(".md"))) continue;
      const headings = anchorsOf(path === "" ? file : join(dirname(file), path));
      assert.ok(headings.has(decodeURIComponent(anchor)), `${file}: no such heading: ${target}`);
      checked++;
    }
  assert.ok(checked > 10, `only ${checked} links to headings found`);
});
