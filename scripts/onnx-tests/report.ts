/**
 * @module The results of ONNX's node tests: counts, and the reason of each exception by op.
 */
import { writeFileSync } from "node:fs";
import type { NodeTest } from "./cases.js";
import { subjectOf } from "./cases.js";
import type { TestResult } from "./run.js";

export const RESULT_FILE = "benchmarks/onnx-tests.json";

/** The last opset of the engine's that the targets speak of. */
const LAST_OPSET = 22;

export interface Counts {
  readonly tests: number;
  readonly engine: number;
  readonly asIs: number;
  readonly constants: number;
  /** With later inputs as constants or as they are. */
  readonly traced: number;
  /** Not traced, but run by the engine as they are. */
  readonly onEngine: number;
  /** Other values than expected, where the engine has the expected ones. */
  readonly wrong: number;
  readonly gradients: Readonly<Record<"pass" | "wrong" | "kink" | "none" | "failed", number>>;
}

/** The record of a run. */
export interface Recorded {
  readonly source: string;
  readonly all: Counts;
  /** Counts of tests up to the last opset of the targets. */
  readonly early: Counts;
  /** By op: how many tests are not traced, how many of them the engine passes, and why the first is not. */
  readonly exceptions: Readonly<Record<string, Exception>>;
  /** Names of the tests that are not traced. */
  readonly untraced: readonly string[];
}

export interface Exception {
  readonly count: number;
  readonly engine: number;
  readonly reason: string;
}

const isTraced = (r: TestResult): boolean => r.constants === "pass" || r.asIs === "pass";
const isWrong = (r: TestResult): boolean => r.engine === "pass" && [r.asIs, r.constants].some((o) => o.startsWith("wrong"));

export function counts(results: readonly TestResult[]): Counts {
  const count = (holds: (r: TestResult) => boolean): number => results.filter(holds).length;
  const gradients = (kind: string): number => count((r) => r.gradient.split(":")[0] === kind);
  return {
    tests: results.length,
    engine: count((r) => r.engine === "pass"),
    asIs: count((r) => r.asIs === "pass"),
    constants: count((r) => r.constants === "pass"),
    traced: count(isTraced),
    onEngine: count((r) => !isTraced(r) && !isWrong(r) && r.engine === "pass"),
    wrong: count(isWrong),
    gradients: {
      pass: gradients("pass"),
      wrong: gradients("wrong"),
      kink: gradients("kink"),
      none: gradients("none"),
      failed: gradients("failed"),
    },
  };
}

/** A reason without what differs between tests of an op. */
const plain = (outcome: string): string => outcome.replace(/^(\w+): (?:test_\w+: )?(?:node "[^"]*" \(\w+\): )?/, "$1: ");

/** Tests that are not traced, by op: how many, and the first one's reason. */
export function exceptions(
  tests: readonly NodeTest[],
  results: readonly TestResult[],
): Map<string, { count: number; engine: number; reason: string }> {
  const byName = new Map(tests.map((test) => [test.name, test]));
  const found = new Map<string, Exception>();
  for (const r of results) {
    if (isTraced(r)) continue;
    const op = subjectOf(byName.get(r.name) as NodeTest, byName);
    const { count, engine, reason } = found.get(op) ?? { count: 0, engine: 0, reason: plain(r.constants) };
    found.set(op, { count: count + 1, engine: engine + Number(r.engine === "pass"), reason });
  }
  return new Map([...found].sort((a, b) => b[1].engine - a[1].engine || b[1].count - a[1].count));
}

export function summary(tests: readonly NodeTest[], results: readonly TestResult[], source: string): string {
  const line = (label: string, c: Counts): string =>
    `${label.padEnd(12)} ${c.tests} tests: engine ${c.engine}, traced ${c.traced} (as they are ${c.asIs}, later inputs as constants ${c.constants}), ` +
    `on the engine alone ${c.onEngine}, wrong ${c.wrong}; gradients: ${c.gradients.pass} within 1 %, ${c.gradients.wrong} wrong, ` +
    `${c.gradients.kink} not smooth, ${c.gradients.none} none, ${c.gradients.failed} failed`;
  const early = results.filter(({ opset }) => opset <= LAST_OPSET);
  const bad = results.filter((r) => isWrong(r) || /^(wrong|failed)/.test(r.gradient));
  return [
    source,
    line("all", counts(results)),
    line(`opset ≤ ${LAST_OPSET}`, counts(early)),
    "",
    "not traced (tests, of them passed by the engine, reason of the first):",
    ...[...exceptions(tests, results)].map(([op, e]) => `  ${op}: ${e.count}, ${e.engine}: ${e.reason}`),
    "",
    "wrong:",
    ...bad.map((r) => `  ${r.name}: as it is ${r.asIs}; constants ${r.constants}; gradient ${r.gradient}`),
  ].join("\n");
}

/** Keeps the result where the documents are made from. */
export function record(tests: readonly NodeTest[], results: readonly TestResult[], source: string): void {
  const early = results.filter(({ opset }) => opset <= LAST_OPSET);
  const untraced = results.filter((r) => !isTraced(r)).map(({ name }) => name);
  const kept: Recorded = {
    source,
    all: counts(results),
    early: counts(early),
    exceptions: Object.fromEntries(exceptions(tests, results)),
    untraced,
  };
  writeFileSync(RESULT_FILE, `${JSON.stringify(kept, undefined, 2)}\n`);
}
