/**
 * @module The tables of docs/explanations.md, made from the rows of methods and measures: `npm run docs:methods` writes them between their marks, and a
 * test holds the committed file to them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { Measure, Method } from "../src/explain/index.js";
import { MEASURES, METHODS } from "../src/explain/index.js";

const cell = (text: string): string => text.replaceAll("|", "\\|");
const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;

/** The names of the sums of attributions. */
const SUMS = { difference: "score − baseline's", score: "score" } as const;

const settingsOf = ({ defaults }: Method | Measure): string =>
  Object.entries(defaults)
    .filter(([name, value]) => name !== "seed" && value !== "")
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");

function methodRow([name, method]: readonly [string, Method]): string {
  const { asserts, misleads, needs, sumsTo, source } = method;
  const what = [...needs, ...(method.kind === "sampling" && !needs.includes("gradients") ? ["answers only"] : [])];
  return row([
    `\`${name}\``,
    asserts,
    misleads,
    what.join(", "),
    sumsTo === undefined ? "" : SUMS[sumsTo],
    settingsOf(method),
    source,
  ]);
}

const TABLES: Readonly<Record<string, () => string[]>> = {
  methods: () => [
    "| method | asserts | misleads | needs | sums to | settings | source |",
    "|---|---|---|---|---|---|---|",
    ...Object.entries(METHODS).map(methodRow),
  ],
  measures: () => [
    "| measure | says | better | settings | source |",
    "|---|---|---|---|---|",
    ...Object.entries(MEASURES).map(([name, measure]) =>
      row([`\`${name}\``, measure.says, measure.better, settingsOf(measure), measure.source]),
    ),
  ],
};

/** Where the document is, from the repository's root. */
export const EXPLANATIONS_FILE = "docs/explanations.md";

/** The document with its tables as the code gives them. Errors: Error for a document without a table's marks. */
export function withTables(document: string): string {
  return Object.entries(TABLES).reduce((text, [name, lines]) => {
    const marks = [`<!-- ${name}: made by npm run docs:methods -->\n`, `<!-- end of ${name} -->`] as const;
    const [from, to] = [text.indexOf(marks[0]), text.indexOf(marks[1])];
    if (from < 0 || to < from) throw new Error(`${EXPLANATIONS_FILE}: expected marks of the table of ${name}, found none`);
    return `${text.slice(0, from)}${marks[0]}\n${lines().join("\n")}\n\n${text.slice(to)}`;
  }, document);
}

if (process.argv[1]?.endsWith("explanation-methods.js")) {
  const before = readFileSync(EXPLANATIONS_FILE, "utf8");
  const text = withTables(before);
  writeFileSync(EXPLANATIONS_FILE, text);
  console.log(before === text ? `${EXPLANATIONS_FILE} is current` : `${EXPLANATIONS_FILE} is written`);
}
