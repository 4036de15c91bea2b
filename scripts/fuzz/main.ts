/**
 * @module `npm run fuzz`: each reader is given changed inputs, in child processes whose crash, hang and memory are noticed.
 *
 *     npm run fuzz                                          all readers, over a million inputs, about an hour
 *     npm run fuzz -- --markdown benchmarks/fuzz.md         the same, and keeps the counts
 *     npm run fuzz -- --reader onnx --inputs 5000           one of them
 *     npm run fuzz -- --reader onnx --seed 1 --case 123     one input again; --save FILE keeps it
 */
import { fork } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatTable } from "../../src/util/text.js";
import { inputOf, MOST_BYTES, whyRaw } from "./child.js";
import type { FuzzReader } from "./reader.js";
import { Scratch } from "./reader.js";
import { readerNamed, READERS } from "./readers.js";

/** An input that takes longer has hung: time of the processor, since others may use it too, and time on the clock for one that waits. */
const LONGEST_MS = 5000;
const LONGEST_WAIT_MS = 60_000;

interface Finding {
  readonly kind: "crash" | "hang" | "memory" | "raw";
  readonly number: number;
  readonly what: string;
}
interface Count {
  readonly reader: string;
  readonly inputs: number;
  readonly read: number;
  readonly seconds: number;
  readonly findings: readonly Finding[];
}

type Message = { kind: "read"; count: number } | { kind: "raw" | "memory"; number: number; what: string };

/** Bytes of a process that are in memory; 0 where the system does not say. */
function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;
  } catch {
    return 0;
  }
}

/** Milliseconds that a process has used the processors; undefined where the system does not say. */
function processorMs(pid: number): number | undefined {
  try {
    // Behind the name, which may hold anything: user and system time in hundredths of a second.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return undefined;
  }
}

/** Runs a child over inputs from `from` on; gives where to go on, and what it found. */
function runChild(
  reader: FuzzReader,
  seed: number,
  from: number,
  to: number,
  folder: string,
): Promise<{ next: number; read: number; findings: Finding[] }> {
  const progress = join(folder, "progress");
  writeFileSync(progress, Buffer.alloc(8, 255));
  const scratch = join(folder, "scratch");
  rmSync(scratch, { recursive: true, force: true });
  const child = fork(
    join(import.meta.dirname, "child.js"),
    [reader.name, String(seed), String(from), String(to), progress, scratch],
    {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: ["--max-old-space-size=768"],
    },
  );
  const findings: Finding[] = [];
  let read = 0;
  let complaint = "";
  let killed: Finding | undefined;
  child.stderr?.on("data", (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-4000)));
  child.on("message", (message: Message) => {
    if (message.kind === "read") read += message.count;
    else findings.push(message);
  });
  const at = (): number => {
    const file = openSync(progress, "r");
    const bytes = Buffer.alloc(8);
    readSync(file, bytes, 0, 8, 0);
    closeSync(file);
    const number = bytes.readBigUInt64LE();
    return number === 2n ** 64n - 1n ? from - 1 : Number(number);
  };
  let [last, since, used] = [from - 1, Date.now(), 0];
  const watch = setInterval(() => {
    const number = at();
    const now = processorMs(child.pid ?? 0);
    if (number !== last) [last, since, used] = [number, Date.now(), now ?? 0];
    const bytes = residentBytes(child.pid ?? 0);
    // Loading takes its time before the first input.
    const isHung =
      number >= from && ((now ?? Date.now() - since + used) - used > LONGEST_MS || Date.now() - since > LONGEST_WAIT_MS);
    if (killed !== undefined || (!isHung && bytes <= MOST_BYTES)) return;
    killed = isHung
      ? { kind: "hang", number, what: `no answer in ${LONGEST_MS} ms` }
      : { kind: "memory", number, what: `${Math.round(bytes / 2 ** 20)} MiB` };
    child.kill("SIGKILL");
  }, 100);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearInterval(watch);
      const number = at();
      if (killed !== undefined) findings.push(killed);
      else if (code !== 0) findings.push({ kind: "crash", number, what: `${signal ?? `status ${code}`}: ${complaint.trim()}` });
      resolve({ next: number + 1, read, findings });
    });
  });
}

async function fuzz(reader: FuzzReader, seed: number, inputs: number): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), "descent-fuzz-"));
  const start = Date.now();
  const findings: Finding[] = [];
  let read = 0;
  for (let from = 0; from < inputs;) {
    const run = await runChild(reader, seed, from, inputs, folder);
    findings.push(...run.findings);
    read += run.read;
    // A child that dies before its first input would do so again.
    if (run.next <= from && run.findings.length > 0) break;
    from = run.next;
  }
  rmSync(folder, { recursive: true, force: true });
  return { reader: reader.name, inputs, read, seconds: (Date.now() - start) / 1000, findings };
}

/** Findings of one kind and place count once: their first input stands for them. */
function distinct(findings: readonly Finding[]): Map<string, { first: Finding; count: number }> {
  const found = new Map<string, { first: Finding; count: number }>();
  for (const finding of findings) {
    const [message = "", place = ""] = finding.what.split("\n");
    const key = `${finding.kind} ${finding.kind === "raw" ? `${message.replaceAll(/["'`].*["'`]|\d+/g, "…").slice(0, 80)} ${place}` : finding.kind === "crash" ? message.slice(0, 120) : ""}`;
    const entry = found.get(key);
    if (entry === undefined) found.set(key, { first: finding, count: 1 });
    else entry.count++;
  }
  return found;
}

/** Runs one input in this process, and says what came of it. */
async function again(reader: FuzzReader, seed: number, number: number, save: string | undefined): Promise<void> {
  const bytes = inputOf(reader, await reader.valid(), seed, number);
  if (save !== undefined) writeFileSync(save, bytes);
  console.log(`${reader.name}, seed ${seed}, case ${number}: ${bytes.length} bytes`);
  console.log(new TextDecoder("latin1").decode(bytes.subarray(0, 2000)));
  const folder = mkdtempSync(join(tmpdir(), "descent-fuzz-"));
  try {
    await reader.read(bytes, new Scratch(join(folder, "scratch")));
    console.log("read");
  } catch (error) {
    console.log(whyRaw(error) ?? `refused: ${(error as Error).message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const COLUMNS = ["reader", "inputs", "read", "crashes", "hangs", "over 1 GiB", "raw errors"];

/** The page that is kept: when, where, and the counts. */
function markdownOf(seed: number, rows: readonly (readonly string[])[]): string {
  const [processor] = cpus();
  const machine = `${cpus().length} × ${processor?.model.trim() ?? "unknown processor"}, Node ${process.versions.node}, ${process.platform}`;
  const total = COLUMNS.slice(1).map((_, i) => String(rows.reduce((sum, row) => sum + Number(row[i + 1]), 0)));
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    "# Readers and changed inputs",
    "",
    "Made by `npm run fuzz -- --markdown benchmarks/fuzz.md`. Two of three inputs are valid files changed in what the format is made of, so that they pass the",
    "header; the others have any bytes changed. A hang is over 5 s of one processor; a raw error is anything but one line of the library's own.",
    "",
    `${new Date().toISOString().slice(0, 10)}, ${machine}, seed ${seed}.`,
    "",
    line(COLUMNS),
    line(COLUMNS.map((_, i) => (i === 0 ? "---" : "---:"))),
    ...rows.map(line),
    line(["all", ...total]),
    "",
  ].join("\n");
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      reader: { type: "string", multiple: true },
      seed: { type: "string", default: "1" },
      case: { type: "string" },
      inputs: { type: "string" },
      save: { type: "string" },
      short: { type: "boolean", default: false },
      markdown: { type: "string" },
    },
  });
  const seed = Number(values.seed);
  const readers = values.reader === undefined ? READERS : values.reader.map(readerNamed);
  if (values.case !== undefined) return again(readers[0] as FuzzReader, seed, Number(values.case), values.save);
  const counts: Count[] = [];
  for (const reader of readers) {
    const inputs = values.inputs === undefined ? (values.short ? reader.short : reader.inputs) : Number(values.inputs);
    const count = await fuzz(reader, seed, inputs);
    counts.push(count);
    console.log(
      `${reader.name}: ${inputs} inputs, ${count.read} read, ${count.findings.length} findings, ${count.seconds.toFixed(0)} s`,
    );
    for (const [, { first, count: times }] of distinct(count.findings)) {
      console.log(
        `  ${first.kind} (${times} times), first: npm run fuzz -- --reader ${reader.name} --seed ${seed} --case ${first.number}`,
      );
      console.log(`    ${first.what.replaceAll("\n", "\n    ")}`);
    }
  }
  const number = (kind: Finding["kind"], { findings }: Count): string => String(findings.filter((f) => f.kind === kind).length);
  const rows = counts.map((c) => [
    c.reader,
    String(c.inputs),
    String(c.read),
    ...(["crash", "hang", "memory", "raw"] as const).map((kind) => number(kind, c)),
  ]);
  console.log(formatTable(COLUMNS, rows));
  const [inputs, findings] = [
    counts.reduce((sum, c) => sum + c.inputs, 0),
    counts.reduce((sum, c) => sum + c.findings.length, 0),
  ];
  console.log(`${counts.length} readers, ${inputs} inputs, seed ${seed}: ${findings} findings`);
  if (values.markdown !== undefined) writeFileSync(values.markdown, markdownOf(seed, rows));
  process.exitCode = findings === 0 ? 0 : 1;
}

await main();
