/**
 * @module The output of `npm test` where no person watches a terminal, as a reporter of Node's test runner: a line for each file,
 * then each failed test with its error, then the counts, so that the end of a log always says what failed.
 */
import { relative, resolve } from "node:path";
import { inspect } from "node:util";

const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

const shown = (file) => (file === undefined ? "(no file)" : relative(process.cwd(), file));
const indent = (lines) => lines.map((line) => `    ${line}\n`).join("");

/** A text's first lines: a difference of two large arrays would push the other failures out of a log. */
function head(text, most) {
  const lines = text.trimEnd().split("\n");
  return lines.length <= most ? lines : [...lines.slice(0, most), `… ${lines.length - most} more lines`];
}

function oneLine(value) {
  const text = inspect(value, { breakLength: Infinity, compact: true, depth: 4, maxArrayLength: 20 });
  return text.length <= 400 ? text : `${text.slice(0, 400)} …`;
}

/** The thrown error: message, the two sides of an assertion, the first frames outside Node, and the same of its cause. */
function describe(thrown) {
  if (!(thrown instanceof Error)) return head(typeof thrown === "string" ? thrown : oneLine(thrown), 20);
  const lines = head(`${thrown.name}: ${thrown.message}`, 20);
  if ("expected" in thrown) lines.push(`expected: ${oneLine(thrown.expected)}`, `actual:   ${oneLine(thrown.actual)}`);
  const frames = String(thrown.stack).split("\n");
  lines.push(...frames.filter((line) => /^ +at /.test(line) && !line.includes("node:")).slice(0, 6));
  if (thrown.cause !== undefined) lines.push("caused by:", ...describe(thrown.cause));
  return lines;
}

/** The results of one file's tests. */
class File {
  passed = 0;
  failures = [];
  skipped = new Map();
  notes = [];
  path;

  constructor(path) {
    this.path = path;
  }

  skip(reason) {
    const text = reason === true ? "no reason given" : reason;
    this.skipped.set(text, (this.skipped.get(text) ?? 0) + 1);
  }

  /** The file as a whole failed (it did not load, died, or left something unhandled): its last words are all there is to say. */
  fail({ exitCode, signal, message }, said) {
    const how = signal ? `ended by ${signal}` : exitCode ? `ended with exit code ${exitCode}` : message;
    const words = said.split("\n").filter((line) => line.trim() !== "");
    this.failures.push({ name: "(the file itself)", lines: [how, ...this.notes, ...words.slice(-30)] });
  }

  report(milliseconds) {
    const failed = this.failures.length;
    const time = milliseconds === undefined ? "" : `, ${(milliseconds / 1000).toFixed(1)} s`;
    const counts = [`${this.passed} passed`, ...(failed > 0 ? [`${failed} failed`] : [])].join(", ");
    return `${failed > 0 ? "FAILED" : "ok"} ${shown(this.path)}: ${counts}${time}\n${indent([
      ...this.failures.map(({ name }) => `failed: ${name}`),
      ...[...this.skipped].map(([reason, count]) => `skipped ${count}: ${reason}`),
      ...this.notes,
    ])}`;
  }
}

export default async function* reporter(events) {
  const times = new Map(); // how long each file's process ran, and the end of what it wrote: known before its last test is passed on
  const said = new Map();
  const paths = []; // of the test files, in the order of their reports
  const failures = [];
  const counts = [];
  const names = []; // of the test at hand and those around it
  let file;
  const numbers = new Set(); // of its outermost tests: one that comes again is another file's
  let isOver = false; // the next test is another file's

  for await (const { type, data } of events) {
    const path = data.file === undefined ? undefined : resolve(data.file);
    const ofFile = data.nesting === 0 && path === resolve(data.name ?? "");
    if (type === "test:enqueue" && ofFile) paths.push(path);
    if (type === "test:complete" && ofFile) times.set(path, data.details.duration_ms);
    else if (type === "test:complete" && data.nesting === 0) {
      if (numbers.has(data.testNumber)) {
        numbers.clear();
        isOver = true;
      }
      numbers.add(data.testNumber);
    }
    if (type === "test:stdout" || type === "test:stderr") said.set(path, `${said.get(path) ?? ""}${data.message}`.slice(-8000));
    // These events, and no others, arrive file by file, in the order of the tests.
    if (!["test:start", "test:pass", "test:fail", "test:diagnostic"].includes(type)) continue;
    if (type === "test:diagnostic" && path === undefined && COUNT.test(data.message)) {
      counts.push(data.message);
      continue;
    }
    // The path of an event is where the test is written, which may be a module that several files share. Node 24 says of which
    // file; before, all events of a file came before those of the next.
    const following = paths[paths.indexOf(file?.path) + 1];
    const guess = paths.includes(path) ? path : file === undefined || isOver ? following : file.path;
    const at = data.entryFile === undefined ? guess : resolve(data.entryFile);
    if (file === undefined || (at !== undefined && at !== file.path)) {
      if (file !== undefined) yield file.report(times.get(file.path));
      file = new File(at);
      isOver = false;
    }
    if (type === "test:start") names[data.nesting] = data.name;
    else if (type === "test:diagnostic") file.notes.push(data.message);
    else if (data.skip !== undefined) file.skip(data.skip);
    else if (type === "test:pass") file.passed += ofFile || data.details.type === "suite" ? 0 : 1;
    else if (data.todo === undefined && data.details.error.failureType !== "subtestsFailed") {
      const { error } = data.details;
      if (ofFile) file.fail(error, said.get(path) ?? "");
      else {
        const where = data.line === undefined ? "" : ` (${path === file.path ? "" : `${shown(path)}, `}line ${data.line})`;
        const name = [...names.slice(0, data.nesting), data.name].join(" > ");
        file.failures.push({ name: name + where, lines: describe(error.cause ?? error) });
      }
      failures.push({ file, ...file.failures.at(-1) });
    }
  }
  if (file !== undefined) yield file.report(times.get(file.path));

  if (failures.length > 0) yield "\nFailed tests:\n";
  for (const { file: of, name, lines } of failures) yield `\n${shown(of.path)}: ${name}\n${indent(lines)}`;
  yield `\n${counts.map((line) => `# ${line}\n`).join("")}`;
}
