/**
 * The check that names of strangers are no keys of plain objects finds what it is for, and leaves alone what is right.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { declaredIn, keyedByAnything } from "../../scripts/own-keys.js";

const FOUND = [
  "const T: Readonly<Record<string, number>> = {};\nconst a = T[name];",
  "const T = { a: 1 } as const satisfies Record<string, number>;\nconst a = T[name];",
  "function f(given: Readonly<Record<string, number>>): void {\n  g(given[name]);",
  "function f({ a, given }: X, into?: Record<string, number>): void {\n  g(into?.[name]);",
  "const batch: Record<string, Uint8Array> = {};\nbatch[column] = bytes;",
  "class C {\n  readonly columns: Readonly<Record<string, Column>>;\n  f(n) { return this.columns[n]; }",
];
const RIGHT = [
  "const T: Readonly<Record<string, number>> = {};\nconst a = own(T, name);",
  'const T: Record<string, number> = {};\nconst a = T["a"];',
  "const T: Record<string, number> = {};\n// own key: from a closed list.\nconst a = T[name];",
  "const T: Record<string, number> = {};\nconst a = T[`train/${name}`];",
  "const T: Record<string, number> = {};\nconst a = Object.hasOwn(T, name) ? T[name] : 0;",
  "const T: readonly number[] = [];\nconst a = T[name];",
];
const found = (text: string): number => keyedByAnything(text, declaredIn(text).map(({ name }) => name)).length; // prettier-ignore

suite("records read by any name", () => {
  for (const text of FOUND) test(`found: ${text.split("\n").at(-1)}`, () => assert.equal(found(text), 1));
  for (const text of RIGHT) test(`right: ${text.split("\n").at(-1)}`, () => assert.equal(found(text), 0));
});
