/**
 * @module Makes the shared cases tests of Node's runner, for homes that live in Node.
 */
import { test } from "node:test";
import type { Home } from "../suites/runtime-suite.js";
import { RUNTIME_CASES } from "../suites/runtime-suite.js";

/** Cases that a home does not run, each with the reason in words. */
export type Exceptions = Readonly<Record<string, string>>;

export function registerRuntimeCases(name: string, open: () => Promise<Omit<Home, "name">>, exceptions: Exceptions = {}): void {
  const known = new Set(RUNTIME_CASES.map((one) => one.name));
  for (const excepted of Object.keys(exceptions)) {
    if (!known.has(excepted)) throw new Error(`${name}: there is no case "${excepted}"`);
  }
  for (const one of RUNTIME_CASES) {
    const reason = exceptions[one.name];
    test(`${name}: ${one.name}`, reason === undefined ? {} : { skip: reason }, async () => {
      await one.run({ name, ...(await open()) });
    });
  }
}
