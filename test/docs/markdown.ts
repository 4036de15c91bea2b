/** @module Fenced blocks and links of Markdown files, for the tests that run the documentation. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository; compiled tests lie three folders below it. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

export interface Block {
  /** Relative to the repository. */
  readonly file: string;
  /** Number of the first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  /** Words after the language: `no-run`, `continued`. */
  readonly marks: readonly string[];
  readonly code: string;
}

const markdownBelow = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? markdownBelow(path) : entry.name.endsWith(".md") ? [path] : [];
  });

/** Every document that users and contributors read. */
export const documents = (): string[] =>
  ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    .map((name) => join(ROOT, name))
    .concat(markdownBelow(join(ROOT, "docs")))
    .map((path) => relative(ROOT, path));

export function blocksOf(file: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; lines: string[] } | undefined;
  for (const [i, text] of readFileSync(join(ROOT, file), "utf8").split("\n").entries()) {
    const fence = /^```(.*)$/.exec(text);
    if (fence === null) open?.lines.push(text);
    else if (open === undefined) open = { line: i + 2, info: fence[1] as string, lines: [] };
    else {
      const [language = "", ...marks] = open.info.trim().split(/\s+/);
      blocks.push({ file, line: open.line, language, marks, code: open.lines.join("\n") });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: a block is never closed`);
  return blocks;
}

/** Code alone: two languages of a document differ in their comments. */
export const withoutComments = (block: Block): string =>
  block.code
    .split("\n")
    .map((line) => line.replace(["sh", "yaml"].includes(block.language) ? /(^|\s)#.*$/ : /(^|\s)\/\/.*$/, "").trimEnd())
    .filter((line) => line !== "")
    .join("\n");

/** Targets of links within the repository. */
export function linksOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8").replace(/^```[\s\S]*?^```/gm, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string).filter((target) => !/^[a-z]+:/.test(target));
}
