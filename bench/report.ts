/**
 * @module Results as a table for the terminal, and as the files kept in benchmarks/: one JSON file per day and case, and a README with the latest of
 * each case.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { formatTable } from "../src/util/text.js";
import { labelOf } from "./contender-client.js";
import type { CaseResult, ContenderResult } from "./run-case.js";

/** The properties of a machine that times depend on, and nothing that names it. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
}

/** A result as it is kept. */
export interface KeptResult extends CaseResult {
  readonly date: string;
  readonly machine: Machine;
}

/** This machine. */
export function thisMachine(): Machine {
  const cores = cpus();
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return {
    cpu: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    memoryGiB,
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  };
}

const HEADINGS = ["contender", "version", "median ms", "min", "max", "steps"];
/** The last columns: times of others in Descent's, or, in cases about rates, what is done in a second. */
const RATIO = ["× Descent's time"];
const RATES = ["GFLOP/s", "of the base's"];

const isRated = ({ contenders }: CaseResult): boolean => contenders.some(({ gflops }) => gflops !== undefined);
const headingsOf = (result: CaseResult): string[] => [...HEADINGS, ...(isRated(result) ? RATES : RATIO)];

function rowOf(result: ContenderResult, descentMs: number | undefined): string[] {
  const digits = (ms: number | undefined): string =>
    ms === undefined ? "" : ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2);
  if (result.status !== "timed") return [labelOf(result), result.version ?? "", result.status, "", "", "", ""];
  const last =
    result.gflops !== undefined
      ? [result.gflops.toFixed(0), result.shareOfBase === undefined ? "" : `${(100 * result.shareOfBase).toFixed(0)} %`]
      : [descentMs === undefined ? "" : ((result.medianMs as number) / descentMs).toFixed(2)];
  return [
    labelOf(result),
    result.version ?? "",
    digits(result.medianMs),
    digits(result.minMs),
    digits(result.maxMs),
    String(result.steps),
    ...last,
  ];
}

function rowsOf({ contenders }: CaseResult): string[][] {
  const times = contenders
    .filter(({ name, status }) => name === "descent" && status === "timed")
    .map(({ medianMs }) => medianMs as number);
  return contenders.map((result) => rowOf(result, times.length === 0 ? undefined : Math.min(...times)));
}

/** The table for a terminal: aligned columns, then why contenders are missing. */
export function table(result: CaseResult): string {
  const [before, after] = result.load;
  return [
    `${result.case}: ${result.title}`,
    `${result.threads} threads, ${result.rounds} rounds; load average ${before.toFixed(1)} before, ${after.toFixed(1)} after`,
    formatTable(headingsOf(result), rowsOf(result)),
    ...result.contenders.flatMap((c) => (c.reason === undefined ? [] : [`${labelOf(c)} ${c.status}: ${c.reason}`])),
  ].join("\n");
}

function markdown(kept: KeptResult): string {
  const { machine, load } = kept;
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    `## ${kept.case}`,
    "",
    `${kept.title}.`,
    "",
    `${kept.date}; ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}; ` +
      `${kept.threads} threads, ${kept.rounds} rounds, load average ${load[0].toFixed(1)} before and ${load[1].toFixed(1)} after.`,
    "",
    row(headingsOf(kept)),
    row(headingsOf(kept).map((_, c) => (c < 2 ? "---" : "---:"))),
    ...rowsOf(kept).map(row),
    "",
    ...kept.contenders
      .filter(({ reason, notes }) => reason !== undefined || notes !== "")
      .map((c) => `- ${labelOf(c)}: ${c.reason === undefined ? c.notes : `${c.status}, ${c.reason}`}`),
    "",
  ].join("\n");
}

const PREFACE = `# Kept results

Written by \`npm run bench\`, which measures all contenders of a case in one run: each in a process of its own, in turns (A B C A B C …), the median
over all steps. Read the ratios, and the load average: other work on the machine widens the gap between median and minimum. Before anything is
timed the losses of the first steps are compared, and who computes something else is refused. The latest run of each case is below; the JSON files
keep every day's.
`;

/** Keeps a result in \`folder\` and rewrites its README from the latest result of each case. */
export function keep(folder: string, results: readonly CaseResult[], now = new Date()): void {
  mkdirSync(folder, { recursive: true });
  const date = now.toISOString().slice(0, 10);
  for (const result of results) {
    const kept: KeptResult = { date, machine: thisMachine(), ...result };
    writeFileSync(join(folder, `${date}-${result.case}.json`), `${JSON.stringify(kept, null, 2)}\n`);
  }
  const latest = new Map<string, KeptResult>();
  for (const file of readdirSync(folder).sort()) {
    if (!/^\d{4}-\d\d-\d\d-.*\.json$/.test(file)) continue;
    const kept = JSON.parse(readFileSync(join(folder, file), "utf8")) as KeptResult;
    latest.set(kept.case, kept);
  }
  writeFileSync(join(folder, "README.md"), [PREFACE, ...[...latest.values()].map(markdown)].join("\n"));
}
