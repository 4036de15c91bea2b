import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as optim from "../optim/index.js";
import { TASKS } from "../tasks/index.js";
import { ConfigError, DescentError } from "../util/errors.js";
import { displayWidth, shellQuote } from "../util/text.js";
import { checkEnginePlatform } from "./platform.js";
import type { Io } from "./command.js";
import { GLOBAL_OPTIONS, runCommandLine } from "./command.js";
import { checkTrainingOptions, trainingOptions } from "./training-options.js";
import { dataOptions, OPTIMIZERS, SCHEDULES } from "../tasks/options.js";
import type { VerbContext } from "./verb.js";
import { defineVerb } from "./verb.js";
import type { VerbRow } from "./verbs.js";
import { VERBS } from "./verbs.js";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));

interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
  left: number[];
}

/** Runs a line against `verbs`; `interrupts` is given the function that plays Ctrl-C. */
async function run(
  args: string[],
  verbs: readonly VerbRow[] = VERBS,
  interrupts?: (press: () => void) => void,
): Promise<Outcome> {
  const outcome: Outcome = { status: -1, stdout: "", stderr: "", left: [] };
  const io: Io = {
    env: {},
    stdout: { write: (text) => (outcome.stdout += text) },
    stderr: { write: (text) => (outcome.stderr += text) },
    onInterrupt: (callback) => {
      interrupts?.(callback);
      return () => undefined;
    },
    exit: (status) => void outcome.left.push(status),
  };
  outcome.status = await runCommandLine(args, verbs, io);
  return outcome;
}

/** A table of one verb, `work`, that does `body`. */
const working = (body: (context: VerbContext) => Promise<unknown>): readonly VerbRow[] => [
  {
    name: "work",
    summary: "works",
    load: async () => ({
      verb: defineVerb({
        positionals: [
          { name: "TASK", help: "…" },
          { name: "INPUT", help: "…", optional: true, many: true },
        ],
        options: { ...trainingOptions, ...dataOptions },
        more: async (positionals) => ({ text: `Models of ${positionals[0] ?? "every task"}: …` }),
        run: (context) => body(context),
      }),
    }),
  },
];

test("every row loads, and every option has a help text and a spelling of its own", async () => {
  for (const row of [...VERBS, ...working(async () => undefined)]) {
    const { verb } = await row.load();
    const shorts = new Set<string>();
    for (const [name, option] of Object.entries({ ...verb.options, ...GLOBAL_OPTIONS })) {
      assert.match(name, /^[a-z][A-Za-z0-9]*$/);
      assert.ok(option.help.length > 5 || row.name === "work", `${row.name} --${name} has no help`);
      if (option.short === undefined) continue;
      assert.ok(!shorts.has(option.short), `${row.name}: -${option.short} stands for two options`);
      shorts.add(option.short);
    }
    const help = await run([row.name, "--help"], [...VERBS, ...working(async () => undefined)]);
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`^descent ${row.name}: `));
    for (const line of help.stdout.split("\n")) assert.ok(displayWidth(line) <= 110, line);
  }
});

test("the help of each task names all of its models, with one marked as the default", async () => {
  for (const task of TASKS) {
    const help = await run(["train", task.name, "--help"]);
    assert.equal(help.status, 0, `${task.name}: ${help.stderr}`);
    const shown = help.stdout.slice(help.stdout.indexOf("model (* default)"));
    for (const { name } of task.models) assert.ok(shown.includes(`\n${name} `), `${task.name}: ${name}`);
    assert.ok(shown.includes(`\n${task.defaultModel} * `), task.name);
    const examples = shown.match(/^ {2}descent train .*$/gm) ?? [];
    assert.ok(
      examples.length > 0 && examples.every((line) => line.startsWith(`  descent train ${task.name} --data `)),
      task.name,
    );
  }
});

test("--help needs no valid line, and tells of the task named", async () => {
  const { stdout, status } = await run(
    ["work", "images", "--lr", "--help"],
    working(async () => assert.fail("ran")),
  );
  assert.equal(status, 0);
  assert.match(stdout, /Usage: descent work TASK \[INPUT…\] \[OPTIONS\]/);
  assert.match(stdout, /Models of images/);
  assert.match(
    stdout,
    /--batch-size N\|auto +number of examples in a batch; auto takes the largest that fits the\s+memory and still gains speed \(default: the model's own\)/,
  );
  assert.match(stdout, /--\[no-\]check/);
});

test("--json writes one document to standard output and all else to standard error", async () => {
  const verbs = working(async ({ print, note, options }) => {
    print("a table");
    note("a remark");
    return { seed: options["seed"] };
  });
  const json = await run(["work", "t", "--json", "--seed", "7"], verbs);
  assert.deepEqual([json.status, JSON.parse(json.stdout), json.stderr], [0, { seed: 7 }, "a table\na remark\n"]);
  const plain = await run(["work", "t", "--quiet"], verbs);
  assert.deepEqual([plain.stdout, plain.stderr], ["a table\n", ""]);
  const failed = await run(["work", "--json"], verbs);
  assert.equal(failed.status, 2);
  assert.equal((JSON.parse(failed.stdout) as { exitStatus: number }).exitStatus, 2);
});

test("an error is one line and the right status; --debug shows the stack and the cause", async () => {
  const fails = (error: unknown) => working(() => Promise.reject(error));
  const bad = await run(["work", "t"], fails(new ConfigError("train.csv: row 7: expected 3 fields, got 2")));
  assert.deepEqual([bad.status, bad.stderr], [2, "descent: train.csv: row 7: expected 3 fields, got 2\n"]);
  assert.equal((await run(["work", "t"], fails(new DescentError("out of luck")))).status, 1);
  const bug = await run(["work", "t"], fails(new TypeError("x is not a function\nmore")));
  assert.deepEqual(
    [bug.status, bug.stderr],
    [1, "descent: TypeError: x is not a function; run again with --debug to see where\n"],
  );
  const cause = new Error("the disk said no");
  const debugged = await run(["work", "t", "--debug"], fails(new DescentError("cannot write", { cause })));
  assert.match(debugged.stderr, /^descent: DescentError: cannot write\n +at .*command\.test/);
  assert.match(debugged.stderr, /caused by Error: the disk said no/);
});

test("Ctrl-C aborts the signal and exits 130; a second one leaves at once", async () => {
  let press = (): void => undefined;
  const saves = working(async ({ signal }) => {
    press();
    assert.ok(signal.aborted);
    return { checkpoint: 12 };
  });
  const polite = await run(["work", "t", "--json"], saves, (p) => (press = p));
  assert.deepEqual([polite.status, JSON.parse(polite.stdout), polite.left], [130, { checkpoint: 12 }, []]);
  const throwing = working(async ({ signal }) => {
    press();
    press();
    signal.throwIfAborted();
  });
  const impatient = await run(["work", "t"], throwing, (p) => (press = p));
  assert.deepEqual([impatient.status, impatient.left], [130, [130]]);
  assert.match(impatient.stderr, /descent: interrupted\n$/);
});

test("an interrupted verb that holds nothing is left behind soon; one that holds is waited for", async () => {
  let press = (): void => undefined;
  const endless = working(() => {
    press();
    return new Promise(() => undefined);
  });
  const left = await run(["work", "t"], endless, (p) => (press = p));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([left.status, left.left], [130, [130]]);
  assert.match(left.stderr, /descent: interrupted\n$/);
  const saving = working(async ({ hold }) => {
    const held = hold();
    press();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    held[Symbol.dispose]();
    return "saved";
  });
  const saved = await run(["work", "t", "--json"], saving, (p) => (press = p));
  assert.deepEqual([saved.status, saved.stdout, saved.left], [130, '"saved"\n', []]);
});

test("names in errors and remarks reach the terminal in one line, without what steers it", async () => {
  const nasty = "a\u001B]0;title\u0007\nb.csv";
  const verbs = working(async ({ note, print }) => {
    note(`left out: ${nasty}`);
    print(nasty);
    throw new DescentError(`${nasty}: expected a file, got none`);
  });
  const outcome = await run(["work", "t", "--json"], verbs);
  const shown = String.raw`a\x1b]0;title\x07\nb.csv`;
  const lines = outcome.stderr.trimEnd().split("\n");
  assert.deepEqual(
    [lines[0], lines.at(-1)],
    [`left out: ${shown}`, String.raw`descent: a\x1b]0;title\x07 b.csv: expected a file, got none`],
  );
  for (const text of [outcome.stdout, outcome.stderr, (await run(["work", "t", "--debug"], verbs)).stderr])
    assert.ok(!text.includes("\u001B") && !text.includes("\u0007"));
});

test("usage that cannot be is refused with the nearest right name", async () => {
  const verbs = working(async ({ options, given }) => checkTrainingOptions({ options: options as never, given }, "work"));
  const cases: [string[], RegExp][] = [
    [["wrok"], /unknown verb "wrok"; did you mean "work"\?/],
    [["--jsn"], /unknown option "--jsn"/],
    [["work"], /work: expected TASK, got nothing; usage: descent work TASK/],
    [["work", "t", "--optimizer", "adamv"], /did you mean "adam"|did you mean "adamw"/],
    [["work", "t", "--epochs", "1", "--steps", "5"], /work: expected --epochs or --steps, got both/],
    [
      ["work", "t", "--config", "/nonexistent.json"],
      /\/nonexistent.json: expected a readable JSON file, got an error: no such file/,
    ],
    [["version", "x"], /unknown verb "version"/],
  ];
  for (const [args, expected] of cases) {
    const { status, stderr } = await run(args, verbs);
    assert.equal(status, 2, args.join(" "));
    assert.match(stderr, expected);
    assert.equal(stderr.trim().split("\n").length, 1);
  }
  assert.match((await run(["version", "x"])).stderr, /version: unexpected argument "x"; usage: descent version \[OPTIONS\]/);
});

test("no verb writes over a file that it reads, whatever both are called", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "descent-source-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, "a.csv");
  writeFileSync(data, "text,label\na b,x\nc d,y\n");
  symlinkSync("a.csv", join(folder, "b.csv"));
  for (const line of [
    ["data", "inspect", data, "--out", data],
    ["data", "inspect", data, "--out", join(folder, "b.csv")],
    ["data", "labels", join(folder, ".", "a.csv"), "--out", data],
    ["label", data, "--labels", "x,y", "--export", data],
    ["predict", "runs/none", data, "--out", data],
  ]) {
    const { status, stderr } = await run(line);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^descent: [a-z ]+: --(out|export): expected a file that is not read, got .*; name another\n$/);
    assert.equal(readFileSync(data, "utf8"), "text,label\na b,x\nc d,y\n");
  }
  assert.match((await run(["label", data, "--labels", "x", "--format", "csv"])).stderr, /--format: expected --export/);
});

test("a run's config.json gives the options that the line leaves out", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "descent-cli-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "config.json");
  writeFileSync(file, JSON.stringify({ task: "t", options: { lr: 0.25, epochs: 3 } }));
  const verbs = working(async ({ options, config }) => [options["lr"], options["epochs"], config]);
  const { stdout } = await run(["work", "t", "--lr", "1", "--config", file, "--json"], verbs);
  assert.deepEqual(JSON.parse(stdout), [1, 3, { task: "t", options: { lr: 0.25, epochs: 3 } }]);
  writeFileSync(file, "{ broken");
  assert.match(
    (await run(["work", "t", "--config", file], verbs)).stderr,
    /config.json: expected JSON, got text that does not parse/,
  );
});

test("the command: versions, and an unknown verb", () => {
  const version = spawnSync(process.execPath, [MAIN, "--version", "--json"], { encoding: "utf8" });
  assert.equal(version.status, 0, version.stderr);
  assert.match((JSON.parse(version.stdout) as { descent: string }).descent, /^\d+\.\d+\.\d+/);
  const unknown = spawnSync(process.execPath, [MAIN, "verzion"], { encoding: "utf8" });
  assert.deepEqual([unknown.status, unknown.stdout], [2, ""]);
  assert.equal(unknown.stderr, 'descent: unknown verb "verzion"; did you mean "version"?\n');
});

test("help does not load the engine, the data readers or the schemas", () => {
  const hooks = `export async function resolve(specifier, context, next) {
    const resolved = await next(specifier, context);
    process._rawDebug(resolved.url);
    return resolved;
  }`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(dataUrl(hooks))});`;
  const { status, stderr } = spawnSync(process.execPath, ["--import", dataUrl(register), MAIN, "--help"], { encoding: "utf8" });
  assert.equal(status, 0);
  assert.match(stderr, /cli\/command\.js/);
  assert.doesNotMatch(stderr, /node_modules/);
});

const dataUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;

test("a platform without an engine gets a clear message", () => {
  for (const [platform, arch] of [
    ["linux", "x64"],
    ["darwin", "arm64"],
    ["win32", "arm64"],
  ])
    checkEnginePlatform(platform, arch);
  assert.throws(() => checkEnginePlatform("darwin", "x64"), /got macOS x64; on a Mac with Apple silicon install Node for arm64/);
  assert.throws(() => checkEnginePlatform("freebsd", "x64"), /got freebsd x64, or run Descent in a browser/);
});

test("a command is quoted so that a shell reads it back", () => {
  const words = ["descent", "train", "it's", "SELECT * FROM 'a b.csv'", "--lr=3e-4", "", "$HOME"];
  const echoed = spawnSync("sh", ["-c", `printf '%s\\n' ${words.map(shellQuote).join(" ")}`], { encoding: "utf8" });
  assert.deepEqual(echoed.stdout.split("\n").slice(0, -1), words);
});

test("optimizers and schedules are those that the library has", () => {
  assert.deepEqual(Object.values(OPTIMIZERS).sort(), Object.keys(optim.OPTIMIZERS).sort());
  assert.deepEqual(Object.values(SCHEDULES).sort(), Object.keys(optim.SCHEDULES).sort());
});
