/**
 * @module Input from outside (files, bodies, command lines) is parsed against a schema, never trusted; what is wrong
 * is said in one line. The schemas are zod's; this file only turns their complaints into ours.
 */
import type { ZodType } from "zod";
import { ConfigError } from "./errors.js";

/** Parses `value` or raises a ConfigError: `where: field: expected …, got …`, and behind it the remedy where one is given. */
export function parseWith<T>(schema: ZodType<T>, value: unknown, where: string, remedy?: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  const said = inOurWords(issue?.message ?? "not as expected");
  // Of a choice, zod says what it expected alone.
  const got = issue?.code === "invalid_value" ? `, got ${JSON.stringify(valueAt(value, issue.path))}` : "";
  throw new ConfigError(`${where}: ${path}${said}${got}${remedy === undefined ? "" : `; ${remedy}`}`);
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Readonly<Record<PropertyKey, unknown>> | undefined)?.[key], value);

/** Lists and objects inside one another: what walks a value calls itself as deep. */
const MAX_DEPTH = 200;

/** ConfigError for JSON that is nested deeper than anything that people write. */
function expectShallow(text: string, where: string): void {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inText) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inText = false;
    } else if (c === 0x22) inText = true;
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > MAX_DEPTH) throw new ConfigError(`${where}: expected JSON nested up to ${MAX_DEPTH} deep, got deeper`);
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
}

/** Parses JSON text against a schema; JSON that is broken, or nested too deep to be walked, is named as such. */
export function parseJsonWith<T>(schema: ZodType<T>, text: string, where: string): T {
  expectShallow(text, where);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${where}: expected JSON, got text that does not parse (${(cause as Error).message})`, { cause });
  }
  return parseWith(schema, value, where);
}

// zod says "Invalid input: expected number, received string".
const inOurWords = (message: string): string =>
  message
    .replace(/^Invalid \w+: (?=expected)/, "")
    .replace(/^Too (?:small|big): expected (\w+) to (?:be|have) ([<>]=?)/, "expected $1 $2 ")
    .replace(", received ", ", got ");
