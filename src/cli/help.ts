/** @module `--help`, made from the tables of verbs and options. */
import { displayWidth, padToWidth } from "../util/text.js";
import type { Option, OptionTable } from "../util/option.js";
import { kebabCase } from "../util/option.js";
import type { MoreHelp, Positional, Verb } from "./verb.js";
import type { VerbRow } from "./verbs.js";

const COLUMNS = 100;

/** `descent --help`. */
export function overallHelp(verbs: readonly VerbRow[], globals: OptionTable): string {
  return [
    "descent: train, fine-tune, explain and compress neural networks",
    "",
    "Usage: descent VERB [ARGUMENTS] [OPTIONS]",
    "",
    "Verbs:",
    definitions(verbs.map((verb) => [verb.name, verb.summary])),
    "",
    "Options of every verb:",
    optionLines(globals),
    "",
    "`descent VERB --help` shows more. Exit status: 0 done, 1 failed, 2 bad usage or bad input, 130 interrupted.",
  ].join("\n");
}

/** `descent data --help`: a verb that has verbs of its own. */
export function groupHelp(row: VerbRow, verb: Verb, verbs: readonly VerbRow[], globals: OptionTable): string {
  const sections = [
    `descent ${row.name}: ${row.summary}`,
    `Usage: descent ${row.name} VERB [ARGUMENTS] [OPTIONS]`,
    `Verbs:\n${definitions(verbs.map(({ name, summary }) => [name, summary]))}`,
    `Options of every verb:\n${optionLines(globals)}`,
    `\`descent ${row.name} VERB --help\` shows more.`,
  ];
  if (verb.examples !== undefined) sections.push(`Examples:\n${verb.examples.map((example) => `  ${example}`).join("\n")}`);
  return sections.join("\n\n");
}

/** `descent VERB --help`, with what the verb itself has to say of the positionals. */
export async function verbHelp(row: VerbRow, verb: Verb, globals: OptionTable, positionals: readonly string[]): Promise<string> {
  const more = await verb.more?.(positionals);
  const { title, options }: NonNullable<MoreHelp["listed"]> = more?.listed ?? { title: "Options", options: verb.options };
  const sections = [`descent ${row.name}: ${row.summary}`, `Usage: ${usage(row.name, verb)}`];
  if (verb.positionals.length > 0) {
    sections.push(`Arguments:\n${definitions(verb.positionals.map((positional) => [positional.name, positional.help]))}`);
  }
  if (Object.keys(options).length > 0) sections.push(`${title}:\n${optionLines(options)}`);
  sections.push(`Options of every verb:\n${optionLines(globals)}`);
  if (more !== undefined) sections.push(more.text);
  const examples = more?.examples ?? verb.examples ?? [];
  if (examples.length > 0) {
    sections.push(`Examples:\n${examples.map((example) => `  ${example}`).join("\n")}`);
  }
  return sections.join("\n\n");
}

/** `descent eval RUN [INPUT…] [OPTIONS]`. */
export function usage(name: string, verb: Pick<Verb, "positionals" | "options">): string {
  const argument = (positional: Positional): string => {
    const written = `${positional.name}${positional.many === true ? "…" : ""}`;
    return positional.optional === true ? `[${written}]` : written;
  };
  return ["descent", name, ...verb.positionals.map(argument), "[OPTIONS]"].join(" ");
}

const optionLines = (table: OptionTable): string =>
  definitions(Object.entries(table).map(([name, option]) => [optionTerm(name, option), optionText(option)]));

function optionTerm(name: string, option: Option): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const value = option.kind === "flag" ? "" : ` ${option.metavar}`;
  return `${short}--${option.kind === "flag" && option.default === true ? "[no-]" : ""}${kebabCase(name)}${value}`;
}

function optionText(option: Option): string {
  const notes: string[] = [];
  const { default: value, defaultText } = option;
  if (defaultText !== undefined) notes.push(`default: ${defaultText}`);
  else if (value !== undefined && value !== false && option.many !== true) {
    notes.push(`default: ${value === true ? "on" : String(value)}`);
  }
  if (option.many === true) notes.push("may be repeated");
  if (option.unit !== undefined) notes.unshift(`in ${option.unit}`);
  if (option.env !== undefined) notes.push(`or $${option.env}`);
  return notes.length === 0 ? option.help : `${option.help} (${notes.join("; ")})`;
}

/** Terms on the left, their texts wrapped beside them; a term too long for its column stands on a line of its own. */
function definitions(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(26, Math.max(...rows.map(([term]) => displayWidth(term))));
  return rows
    .map(([term, text]) => {
      const lines = wrap(text, COLUMNS - width - 4);
      const indent = " ".repeat(width + 4);
      const rest = lines.join(`\n${indent}`);
      return displayWidth(term) > width ? `  ${term}\n${indent}${rest}` : `  ${padToWidth(term, width)}  ${rest}`;
    })
    .join("\n");
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && displayWidth(line) + 1 + displayWidth(word) > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
