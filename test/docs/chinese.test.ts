/** @module The Chinese documents: full-width punctuation in prose, and one term for one thing, as the glossary has it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { documents, ROOT } from "./markdown.js";

const GLOSSARY = join("docs", "zh", "glossary.md");
const CHINESE = documents().filter((file) => file.includes("zh"));
const HAN = "\\p{Script=Han}";

/** Lines of prose with Chinese in them; code, link targets and formulas in parentheses of their own are left out. */
function proseOf(file: string): { line: number; text: string }[] {
  let isCode = false;
  return readFileSync(join(ROOT, file), "utf8")
    .split("\n")
    .flatMap((raw, i) => {
      const isFence = raw.startsWith("```");
      if (isFence) isCode = !isCode;
      if (isCode || isFence || !new RegExp(HAN, "u").test(raw)) return [];
      return [{ line: i + 1, text: raw.replaceAll(/`[^`]*`/g, "`").replaceAll(/\]\([^)]*\)/g, "]") }];
    });
}

/** Half-width marks that touch a Chinese character, a full-width mark or code; brackets with Chinese inside. */
const HALF_WIDTH = new RegExp(
  `[${HAN}）。“”][,;:?!]|[,;:?!] ?[${HAN}（“]|\`[,;:](?= ?[${HAN}])|\\([^()]*${HAN}[^()]*\\)(?!\\))`,
  "u",
);
/** A formula: min(W/宽, H/高). */
const FORMULA = /\w\([^()]*\)/gu;

test("punctuation in Chinese prose is full-width", () => {
  assert.ok(CHINESE.length > 5);
  const found = CHINESE.flatMap((file) =>
    proseOf(file).flatMap(({ line, text }) => {
      const match = HALF_WIDTH.exec(text.replaceAll(FORMULA, "x"));
      return match === null ? [] : [`${file}:${line}: ${match[0]}`];
    }),
  );
  assert.deepEqual(found, []);
});

/** Strings with Chinese in them: words of reports, charts and pages. Inserted values are left out. */
function stringsOf(file: string): { line: number; text: string }[] {
  const quoted = new RegExp(`(["'\`])((?:(?!\\1).)*${HAN}(?:(?!\\1).)*)\\1`, "gu");
  return readFileSync(join(ROOT, file), "utf8")
    .split("\n")
    .flatMap((raw, i) =>
      [...raw.matchAll(quoted)].map(([, , text = ""]) => ({ line: i + 1, text: text.replaceAll(/\$\{[^}]*\}/g, "x") })),
    );
}

const CODE = ["src", join("studio", "src")].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes(".test."))
    .map((name) => join(folder, name)),
);

test("Chinese words in reports and pages have full-width punctuation", () => {
  const strings = CODE.flatMap((file) => stringsOf(file).map(({ line, text }) => ({ at: `${file}:${line}`, text })));
  assert.ok(strings.length > 100);
  const found = strings.filter(({ text }) => HALF_WIDTH.test(text.replaceAll(FORMULA, "x")));
  assert.deepEqual(found, []);
});

test("the Chinese documents use the glossary's term for each thing, and so do reports and pages", () => {
  const rows = readFileSync(join(ROOT, GLOSSARY), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2);
  const avoided = rows.flatMap((row) => (row.split("|")[3] as string).split("、").map((term) => term.trim())).filter(Boolean);
  assert.ok(avoided.length > 10);
  const found = CHINESE.filter((file) => file !== GLOSSARY).flatMap((file) =>
    proseOf(file).flatMap(({ line, text }) =>
      avoided.filter((term) => text.includes(term)).map((term) => `${file}:${line}: ${term}`),
    ),
  );
  assert.deepEqual(found, []);
  const said = CODE.flatMap((file) => stringsOf(file).filter(({ text }) => avoided.some((term) => text.includes(term))));
  assert.deepEqual(said, []);
});
