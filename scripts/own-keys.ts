/**
 * @module Names of strangers are never keys of plain objects: `table[name]` finds `constructor` in every table. Where a record's keys are texts, it
 * is read by `own(record, name)` and written by `setOwn` (src/util/record.ts), a Map, or a loop over its own keys. oxlint has no rule for it.
 *
 * Looked at: names declared in a file, or exported by another, as a `Record<string, …>`, and every place that reads or writes them in square
 * brackets by something else than a literal. A comment `// own key: WHY` on the line, or on the one before, says why a place is right.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const RECORD = String.raw`(?:Readonly<\s*|Partial<\s*)*Record<string,|\{ readonly \[\w+: string\]:`;
/** Matches a declaration with the type of a record: a variable, parameter or field, or a table that satisfies one. */
const DECLARED = new RegExp(
  String.raw`(export const |const |let |readonly |[({,]\s*)(#?[A-Za-z_$][\w$]*)\??: (?:${RECORD})`,
  "g",
);
const SATISFIES = /(export const |const )(\w+) = \{[^;]*?\} as const satisfies (?:Readonly<)?Record<string,/gs;

interface Declared {
  readonly name: string;
  readonly isExported: boolean;
}

export const declaredIn = (text: string): Declared[] =>
  [DECLARED, SATISFIES].flatMap((pattern) =>
    [...text.matchAll(pattern)].map(([, kind = "", name = ""]) => ({ name, isExported: kind.startsWith("export") })),
  );

/** A count, a text with fixed parts in it, a name that `nameIn` has found, and what the line itself asks for: no names that every object has. */
const isSafe = (line: string, name: string, place: string): boolean =>
  /\[(?:[ijk]|`.*|nameIn\(.*)\]$|\[nameIn\(/.test(place) ||
  /\[`[^\]]*[^}`\]][^\]]*/.test(place) ||
  line.includes(`Object.hasOwn(${name}, `);

/** Places, by line, at which a record is read or written by a key that is no literal. */
export function keyedByAnything(text: string, names: Iterable<string>): { line: number; place: string }[] {
  const lines = text.split("\n");
  const found: { line: number; place: string }[] = [];
  for (const name of new Set(names)) {
    const place = new RegExp(
      String.raw`(?<![\w$#])(?:this\.|\w+\.)?${name.replace("$", "\\$")}(?:\?\.)?\[(?!["'\d\]])[^\]]*\]`,
      "g",
    );
    lines.forEach((line, i) => {
      const isExplained = /\/\/ own key: \S/.test(line) || /\/\/ own key: \S/.test(lines[i - 1] ?? "");
      if (isExplained || /^\s*(?:\*|\/\/)/.test(line)) return;
      for (const match of line.matchAll(place)) if (!isSafe(line, name, match[0])) found.push({ line: i + 1, place: match[0] });
    });
  }
  return found;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith(".ts") && !/\.test(\.util)?\.ts$/.test(entry.name) ? [path] : [];
  });
}

if (process.argv[1]?.endsWith("own-keys.js") === true) {
  const files = sourceFiles("src").map((path) => ({ path, text: readFileSync(path, "utf8") }));
  const exported = files.flatMap(({ text }) => declaredIn(text).filter(({ isExported }) => isExported));
  let problems = 0;
  for (const { path, text } of files) {
    const imported = exported.map(({ name }) => name).filter((name) => new RegExp(String.raw`\b${name}\b`).test(text));
    for (const { line, place } of keyedByAnything(text, [...declaredIn(text).map(({ name }) => name), ...imported])) {
      problems++;
      console.error(`${path}:${line}: ${place}: expected own(record, name), setOwn or a Map, since a name may be "constructor"`);
    }
  }
  console.log(`own-keys: ${files.length} files, ${problems} problems`);
  process.exitCode = problems === 0 ? 0 : 1;
}
