/**
 * @module The frame around every verb: finds it, parses its options, shows help, turns signals into an AbortSignal, results
 * into JSON, and errors into one line and an exit status.
 */
import { streamSink, peakMemoryMiB } from "../run/progress-node.js";
import { Progress } from "../run/progress.js";
import { refuseRanks } from "../parallel/launch.js";
import { ConfigError, DescentError } from "../util/errors.js";
import { fileReason, isFileError } from "../util/file-reason.js";
import { nearest } from "../util/nearest.js";
import { readRegularFile } from "../util/regular-file-node.js";
import { refuseSource } from "../util/same-file-node.js";
import { printable, printableJson, printableLine } from "../util/terminal.js";
import { groupHelp, overallHelp, usage, verbHelp } from "./help.js";
import type { OptionTable } from "../util/option.js";
import { applyConfig, parseOptions } from "./options.js";
import { flag } from "../util/option.js";
import { checkEnginePlatform } from "./platform.js";
import type { Verb, VerbContext } from "./verb.js";
import type { VerbRow } from "./verbs.js";
import { shellQuote } from "../util/text.js";

/** Options that every verb has. */
export const GLOBAL_OPTIONS = {
  help: flag({ help: "show this help", short: "h", local: true }),
  json: flag({ help: "write one JSON document to standard output, and everything else to standard error", local: true }),
  quiet: flag({ help: "print no progress and no notes, except about data that were left out", short: "q", local: true }),
  debug: flag({ help: "show the stack of an error", local: true, env: "DESCENT_DEBUG" }),
} satisfies OptionTable;

/** The parts of the process that the command line uses. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  /** Calls back at each Ctrl-C or SIGTERM, until the returned function is called. */
  readonly onInterrupt: (callback: () => void) => () => void;
  /** Ends the process at once. */
  readonly exit: (status: number) => void;
}

const INTERRUPTED = 130;

/** Time that a verb that holds nothing has to end by itself after an interrupt, in milliseconds. */
const GRACE_MS = 1500;

/** Runs one command line (without `node` and the script) and returns its exit status; it never rejects. */
export async function runCommandLine(args: readonly string[], verbs: readonly VerbRow[], io: Io): Promise<number> {
  // Switches that change how errors are reported count even before options are parsed, and where parsing fails.
  const before = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const shown = { json: before.includes("--json"), debug: before.includes("--debug") || (io.env["DESCENT_DEBUG"] ?? "") !== "" };
  const interrupts = new AbortController();
  const grace = new GracePeriod();
  const stopListening = io.onInterrupt(() => {
    if (interrupts.signal.aborted) {
      io.exit(INTERRUPTED);
      return;
    }
    io.stderr.write("\ndescent: stopping; once more to leave at once\n");
    interrupts.abort(new DescentError("interrupted"));
    grace.interrupt();
  });
  try {
    const working = dispatch(args, { verbs, io, signal: interrupts.signal, grace });
    const result = await Promise.race([working, grace.expired]);
    if (result === EXPIRED) {
      // Work that is still running is abandoned.
      setImmediate(() => io.exit(INTERRUPTED));
      throw interrupts.signal.reason;
    }
    if (shown.json && result !== SHOWN) io.stdout.write(`${printableJson(result ?? null)}\n`);
    return interrupts.signal.aborted ? INTERRUPTED : 0;
  } catch (error) {
    const status = interrupts.signal.aborted ? INTERRUPTED : error instanceof DescentError ? error.exitCode : 1;
    const message = interrupts.signal.aborted && isAbort(error, interrupts.signal) ? "interrupted" : errorLine(error);
    io.stderr.write(`descent: ${shown.debug && error instanceof Error ? printable(stackOf(error)) : message}\n`);
    if (shown.json) io.stdout.write(`${printableJson({ error: message, exitStatus: status })}\n`);
    return status;
  } finally {
    stopListening();
    grace.end();
  }
}

/** Returned in place of a result where an interrupted verb has not ended in time. */
const EXPIRED = Symbol("expired");

/** The time that an interrupted verb has to end by itself: `GRACE_MS`, and as long as something holds it. */
class GracePeriod {
  readonly expired: Promise<typeof EXPIRED>;
  #resolve: (value: typeof EXPIRED) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #holds = 0;
  #isInterrupted = false;

  constructor() {
    this.expired = new Promise((resolve) => (this.#resolve = resolve));
  }

  interrupt(): void {
    this.#isInterrupted = true;
    if (this.#holds === 0) this.#timer ??= setTimeout(() => this.#resolve(EXPIRED), GRACE_MS);
  }

  /** While it is held, the verb ends by itself. */
  hold(): Disposable {
    this.#holds++;
    this.end();
    return {
      [Symbol.dispose]: () => {
        this.#holds--;
        if (this.#isInterrupted) this.interrupt();
      },
    };
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Returned in place of a result where text has been written already. */
const SHOWN = Symbol("shown");

/** The surroundings of a command. */
interface Frame {
  readonly verbs: readonly VerbRow[];
  readonly io: Io;
  readonly signal: AbortSignal;
  readonly grace: GracePeriod;
}

async function dispatch(args: readonly string[], frame: Frame): Promise<unknown> {
  const { verbs, io } = frame;
  const [first, ...rest] = args;
  if (first === undefined || first === "--help" || first === "-h") {
    io.stdout.write(`${overallHelp(verbs, GLOBAL_OPTIONS)}\n`);
    return SHOWN;
  }
  if (first === "--version" || first === "-v") return dispatch(["version", ...rest], frame);
  const row = verbs.find((candidate) => candidate.name === first);
  if (row === undefined) throw unknownVerb(first, verbs, "verb");
  const { verb } = await row.load();
  if (verb.verbs !== undefined) return dispatchWithin(row, verb, verb.verbs, { args: rest, wholeLine: args }, frame);
  return runVerb(row, verb, { args: rest, wholeLine: args }, frame);
}

function unknownVerb(name: string, verbs: readonly VerbRow[], what: string): ConfigError {
  const names = verbs.map((candidate) => candidate.name);
  const near = nearest(name, names);
  const hint = near === undefined ? `expected one of ${names.join(", ")}` : `did you mean "${near}"?`;
  return new ConfigError(`unknown ${name.startsWith("-") ? "option" : what} "${name}"; ${hint}`);
}

/** A verb that has verbs of its own: the one that the next argument names. */
async function dispatchWithin(
  row: VerbRow,
  verb: Verb,
  verbs: readonly VerbRow[],
  { args, wholeLine }: { readonly args: readonly string[]; readonly wholeLine: readonly string[] },
  frame: Frame,
): Promise<unknown> {
  const [first, ...rest] = args;
  if (first === "--help" || first === "-h") {
    frame.io.stdout.write(`${groupHelp(row, verb, verbs, GLOBAL_OPTIONS)}\n`);
    return SHOWN;
  }
  const names = verbs.map(({ name }) => name).join(", ");
  if (first === undefined)
    throw new ConfigError(`${row.name}: expected one of ${names}, got nothing; see descent ${row.name} --help`);
  const inner = verbs.find(({ name }) => name === first);
  if (inner === undefined) throw unknownVerb(first, verbs, `verb of ${row.name}`);
  const loaded = await inner.load();
  return runVerb({ ...inner, name: `${row.name} ${inner.name}` }, loaded.verb, { args: rest, wholeLine }, frame);
}

async function runVerb(
  row: VerbRow,
  verb: Verb,
  { args, wholeLine }: { readonly args: readonly string[]; readonly wholeLine: readonly string[] },
  { verbs, io, signal, grace }: Frame,
): Promise<unknown> {
  if (wantsHelp(args)) {
    const positionals = args.filter((argument) => !argument.startsWith("-"));
    io.stdout.write(`${await verbHelp(row, verb, GLOBAL_OPTIONS, positionals)}\n`);
    return SHOWN;
  }
  const table: OptionTable = { ...verb.options, ...GLOBAL_OPTIONS };
  let parsed = parseOptions(table, args, io.env, row.name);
  checkPositionals(row.name, verb, parsed.positionals);
  let config: unknown;
  const configOption = Object.keys(table).find((name) => table[name]?.configFile === true);
  const configPath = configOption === undefined ? undefined : parsed.values[configOption];
  if (typeof configPath === "string") {
    config = await readConfig(configPath);
    parsed = applyConfig(table, parsed, config, configPath, verb.configNames);
  }
  keepSources(row.name, parsed);
  if (verb.engine === true) checkEnginePlatform();
  if (verb.engine === true && verb.ranks !== true) refuseRanks(io.env, row.name);

  const { json, quiet, debug } = parsed.values as Record<"json" | "quiet" | "debug", boolean>;
  const context: VerbContext = {
    options: parsed.values,
    given: parsed.given,
    positionals: parsed.positionals,
    config,
    signal,
    hold: () => grace.hold(),
    command: ["descent", ...wholeLine].map(shellQuote).join(" "),
    json,
    quiet,
    debug,
    verbs,
    write: (text) => void (json ? io.stderr : io.stdout).write(printable(text)),
    print: (text) => void (json ? io.stderr : io.stdout).write(`${printable(text)}\n`),
    note: (text, always = false) => void ((quiet && !always) || io.stderr.write(`${printableLine(text)}\n`)),
    progress: (options) => new Progress(quiet ? undefined : streamSink(io.stderr, io.env), { peakMemoryMiB, ...options }),
  };
  for (const remark of parsed.renamed) context.note(remark);
  return verb.run(context);
}

/** Options that name what is written. */
const WRITTEN: readonly string[] = ["out", "export", "csv", "draw"];

/** Refuses a command that would write over a file that it reads. */
function keepSources(
  name: string,
  { values, positionals }: Pick<VerbContext, "positionals"> & { readonly values: object },
): void {
  const texts = (value: unknown): string[] => [value].flat().filter((one) => typeof one === "string");
  const read = Object.entries(values).flatMap(([option, value]) => (WRITTEN.includes(option) ? [] : texts(value)));
  for (const [option, value] of Object.entries(values))
    if (WRITTEN.includes(option) && typeof value === "string")
      refuseSource(value, [...positionals, ...read], `${name}: --${option}`);
}

const wantsHelp = (args: readonly string[]): boolean => {
  const options = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  return options.includes("--help") || options.includes("-h");
};

function checkPositionals(name: string, verb: Verb, given: readonly string[]): void {
  const required = verb.positionals.filter((positional) => positional.optional !== true);
  const missing = required[given.length];
  if (missing !== undefined) throw new ConfigError(`${name}: expected ${missing.name}, got nothing; usage: ${usage(name, verb)}`);
  const last = verb.positionals.at(-1);
  if (last?.many === true || given.length <= verb.positionals.length) return;
  throw new ConfigError(`${name}: unexpected argument "${given[verb.positionals.length]}"; usage: ${usage(name, verb)}`);
}

async function readConfig(path: string): Promise<unknown> {
  let text: string;
  try {
    text = (await readRegularFile(path)).toString("utf8");
  } catch (cause) {
    throw new ConfigError(`${path}: expected a readable JSON file, got an error: ${fileReason(cause)}`, { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ConfigError(`${path}: expected JSON, got text that does not parse (${(cause as Error).message})`, { cause });
  }
}

const isAbort = (error: unknown, signal: AbortSignal): boolean =>
  error === signal.reason || (error instanceof Error && error.name === "AbortError");

/** An error as one line: ours as it is; a system error by its own words; for any other, how to learn more. */
function errorLine(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).trim();
  if (error instanceof DescentError) return message;
  const text = printableLine(message.split("\n")[0]?.trim() ?? "");
  if (isFileError(error)) return `${fileReason(error)} (${text})`;
  const name = error instanceof Error && error.name !== "Error" ? `${error.name}: ` : "";
  return `${name}${text === "" ? "failed without a message" : text}; run again with --debug to see where`;
}

function stackOf(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\n  caused by ${stackOf(error.cause)}` : stack;
}
