/**
 * @module Requests at times of their own: seeded Poisson arrivals, whose latency counts from when they were due, not from when there was time to send them.
 */
import { Random } from "../../src/util/random.js";

/** Outcome of a request: its status, 0 where there was no answer, and its milliseconds from when it was due. */
export interface Outcome {
  readonly status: number;
  readonly ms: number;
  /** When it was due, in milliseconds from the start. */
  readonly at: number;
  readonly error?: string;
}

export interface LoadOptions {
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Goes on from where it was kept from running for more than a second, in place of sending all at once what was due meanwhile. */
  readonly mayPause?: boolean;
}

/** Sends a request, and gives its status and, of one that failed, what it was told. */
export type Send = (i: number) => Promise<{ readonly status: number; readonly text?: string }>;

/** Sends requests with `fetch`, and reads their answers whole. */
export const fetching =
  (request: (i: number) => Promise<Response>): Send =>
  async (i) => {
    const response = await request(i);
    return { status: response.status, text: await response.text() };
  };

/** Sends requests at the times of a Poisson process. */
export async function poissonLoad(
  send: Send,
  { rate, seconds, seed, signal, mayPause = false }: LoadOptions,
): Promise<Outcome[]> {
  const random = new Random(seed, "arrivals");
  let start = performance.now();
  const pending: Promise<Outcome>[] = [];
  let due = 0;
  for (let i = 0; ; i++) {
    due += (-Math.log(1 - random.uniform()) / rate) * 1000;
    if (due > seconds * 1000 || signal?.aborted === true) break;
    const at = due;
    const wait = start + at - performance.now();
    if (mayPause && wait < -1000) start -= wait;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    pending.push(outcomeOf(send(i), start, at));
  }
  return Promise.all(pending);
}

async function outcomeOf(answer: ReturnType<Send>, start: number, at: number): Promise<Outcome> {
  try {
    const { status, text } = await answer;
    const ms = performance.now() - start - at;
    return status < 400 || text === undefined ? { status, ms, at } : { status, ms, at, error: text.slice(0, 200) };
  } catch (error) {
    const { cause, message } = error as Error & { readonly cause?: Error };
    return { status: 0, ms: performance.now() - start - at, at, error: cause?.message ?? message };
  }
}

/** So many requests, some of them at once, one after another: answered ones a second. */
export async function closedLoad(
  send: Send,
  atOnce: number,
  seconds: number,
): Promise<{ readonly rate: number; readonly failed: number }> {
  const until = performance.now() + seconds * 1000;
  let [done, failed, next] = [0, 0, 0];
  const start = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (performance.now() < until) {
        const { status } = await outcomeOf(send(next++), start, 0);
        if (status === 200) done++;
        else failed++;
      }
    }),
  );
  return { rate: (1000 * done) / (performance.now() - start), failed };
}

/** The value below which a share of all lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** Counts by status, and the latencies of those that were answered. */
export function summary(outcomes: readonly Outcome[]) {
  const statuses = new Map<number, number>();
  for (const { status } of outcomes) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const answered = outcomes.filter(({ status }) => status === 200).map(({ ms }) => ms);
  return {
    requests: outcomes.length,
    statuses: Object.fromEntries(statuses),
    p50: quantile(answered, 0.5),
    p99: quantile(answered, 0.99),
  };
}
