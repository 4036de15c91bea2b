/**
 * @module Runs one case: every contender in its process, first the check that all compute the same, then turns.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { NotAvailable, type BenchCase, type ContenderSpec } from "./cases/types.js";
import { ContenderClient, labelOf } from "./contender-client.js";
import { compare, disagreements, median, stepsPerTurn, turns, type Comparison } from "./harness.js";
import { writeTensors } from "./tensor-file.js";

/** Options for running a case. */
export interface RunOptions {
  readonly threads: number;
  readonly rounds: number;
  /** Approximate length of one turn, in milliseconds. */
  readonly sliceMs: number;
  /** Only these peers; Descent always takes part. */
  readonly peers?: readonly string[];
  /** Told what goes on, one line each. */
  readonly log: (line: string) => void;
}

/** The result of one contender. */
export interface ContenderResult {
  readonly name: string;
  readonly variant?: string;
  readonly status: "timed" | "skipped" | "refused" | "failed";
  /** Why it was not timed. */
  readonly reason?: string;
  readonly version?: string;
  readonly notes?: string;
  /** Number of the steps that counted. */
  readonly steps?: number;
  readonly medianMs?: number;
  readonly minMs?: number;
  readonly maxMs?: number;
  /** For cases about rates: work over the median time, and its share of the base variant's rate. */
  readonly gflops?: number;
  readonly shareOfBase?: number;
  /** Losses of the first steps, which were compared. */
  readonly losses?: readonly number[];
}

/** The result of a case. */
export interface CaseResult {
  readonly case: string;
  readonly title: string;
  readonly threads: number;
  readonly rounds: number;
  /** The machine's 1-minute load average before and after: over about 0.5 before means that other work disturbed the times. */
  readonly load: readonly [number, number];
  readonly contenders: readonly ContenderResult[];
  readonly comparisons: readonly Comparison[];
}

interface Entrant {
  readonly spec: ContenderSpec;
  readonly client: ContenderClient;
  readonly about: { version: string; notes: string };
  readonly losses: readonly number[];
  /** By the steps of the turn before: a contender's very first steps take longer. */
  stepsPerTurn: number;
  readonly msPerStep: number[];
}

/** GFLOP/s by the median times, and shares of the base's, for contenders that have a rate. */
function withRates(timed: readonly ContenderResult[], specs: readonly ContenderSpec[]): ContenderResult[] {
  const rateOf = ({ name, variant }: ContenderResult): ContenderSpec["rate"] =>
    specs.find((spec) => spec.name === name && spec.variant === variant)?.rate;
  const rated = timed.map((result) => {
    const rate = rateOf(result);
    return rate === undefined ? result : { ...result, gflops: rate.flops / (result.medianMs as number) / 1e6 };
  });
  return rated.map((result) => {
    const base = rated.find(({ variant }) => variant !== undefined && variant === rateOf(result)?.base)?.gflops;
    if (result.gflops === undefined || base === undefined) return result;
    return { ...result, shareOfBase: result.gflops / base };
  });
}

/** Runs the case. A contender that is missing, fails, or computes something else is left out, and its result says why. */
export async function runCase(benchCase: BenchCase, options: RunOptions): Promise<CaseResult> {
  const { threads, rounds, sliceMs, peers, log } = options;
  const folder = mkdtempSync(join(tmpdir(), "descent-bench-"));
  const open: ContenderClient[] = [];
  const out: ContenderResult[] = [];
  const leaveOut = (
    spec: ContenderSpec,
    status: "skipped" | "refused" | "failed",
    reason: string,
    losses?: readonly number[],
  ): void => {
    log(`${benchCase.name}: ${labelOf(spec)} ${status.toUpperCase()}: ${reason}`);
    out.push({
      name: spec.name,
      ...(spec.variant === undefined ? {} : { variant: spec.variant }),
      status,
      reason,
      ...(losses && { losses }),
    });
  };
  try {
    const loadBefore = loadavg()[0] as number;
    const inputsFile = join(folder, "inputs.safetensors");
    writeTensors(inputsFile, benchCase.inputs());

    let entrants: Entrant[] = [];
    for (const spec of benchCase.contenders) {
      if (peers !== undefined && spec.name !== "descent" && !peers.includes(spec.name)) continue;
      try {
        log(`${benchCase.name}: setting up ${labelOf(spec)}`);
        const client = ContenderClient.start(spec, threads);
        open.push(client);
        const about = await client.setup({ inputsFile, threads, settings: benchCase.settings });
        const { losses, msPerStep } = await client.steps(benchCase.agreement.steps);
        entrants.push({ spec, client, about, losses, stepsPerTurn: stepsPerTurn(median(msPerStep), sliceMs), msPerStep: [] });
      } catch (error) {
        leaveOut(spec, error instanceof NotAvailable ? "skipped" : "failed", (error as Error).message);
      }
    }

    const refused = disagreements(
      new Map(entrants.map(({ spec, losses }) => [labelOf(spec), losses])),
      benchCase.agreement.tolerance,
    );
    for (const { spec, losses } of entrants) {
      const reason = refused.get(labelOf(spec));
      if (reason !== undefined) leaveOut(spec, "refused", reason, losses);
    }
    entrants = entrants.filter(({ spec }) => !refused.has(labelOf(spec)));

    for (const { round, contender } of turns(entrants, rounds)) {
      if (contender === entrants[0]) log(`${benchCase.name}: round ${round + 1} of ${rounds}`);
      try {
        // The first step of a turn finds caches that others filled and threads that sleep: it is run, for everybody alike, and does not count.
        const { msPerStep } = await contender.client.steps(1 + contender.stepsPerTurn);
        contender.msPerStep.push(...msPerStep.slice(1));
        contender.stepsPerTurn = stepsPerTurn(median(msPerStep.slice(1)), sliceMs);
      } catch (error) {
        leaveOut(contender.spec, "failed", (error as Error).message);
        entrants = entrants.filter((entrant) => entrant !== contender);
      }
    }

    const timed = entrants.map(({ spec, about, losses, msPerStep }): ContenderResult => {
      const sorted = [...msPerStep].sort((a, b) => a - b);
      const { name, variant } = spec;
      const times = {
        steps: sorted.length,
        medianMs: median(sorted),
        minMs: sorted[0] as number,
        maxMs: sorted.at(-1) as number,
      };
      return { name, ...(variant === undefined ? {} : { variant }), status: "timed", ...about, ...times, losses };
    });
    const { name, title } = benchCase;
    const rated = withRates(timed, benchCase.contenders);
    const load = [loadBefore, loadavg()[0] as number] as const;
    const comparisons = compare(
      name,
      entrants.map(({ spec, msPerStep }) => ({ name: spec.name, msPerStep })),
    );
    return { case: name, title, threads, rounds, load, contenders: [...rated, ...out], comparisons };
  } finally {
    await Promise.all(open.map((client) => client.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}
