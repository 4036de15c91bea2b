/**
 * @module Rasa's training data for intents and entities: YAML (version 2 on), Markdown and JSON (version 1). An example is a text of an intent, with entities
 * marked as `[Rome](city)` or `[Rome]{"entity": "city"}`.
 *
 * Source: rasa.com/docs/rasa/training-data-format; the expression for marks is that of `rasa.nlu.training_data.formats.readerwriter`.
 */
import { parse } from "yaml";
import * as z from "zod";
import { DataError } from "../../util/errors.js";
import { parseJsonWith, parseWith } from "../../util/schema.js";
import type { LabelSpan } from "../../util/tags.js";
import type { LabelledText } from "./labelled-text.js";
import type { SpanLinesOptions } from "./span-lines.js";
import { parseSpanRows } from "./span-lines.js";

/** An example with its intent; one of an entity alone has none. */
export interface Utterance extends LabelledText {
  readonly intent?: string;
}

export interface ReadUtterances {
  readonly utterances: readonly Utterance[];
  /** The reader's decisions, in sentences. */
  readonly notes: readonly string[];
}

/** Tells whether the beginning of a file is Rasa's, by the ending of its name. */
export function looksLikeRasa(head: string, extension: string): boolean {
  if (/^ya?ml$/.test(extension)) return /^nlu:\s*$/m.test(head) && /^\s*(?:-\s+)?examples:/m.test(head);
  if (extension === "md") return /^##\s*intent:/m.test(head);
  return extension === "json" && head.includes('"rasa_nlu_data"');
}

/** An entity in a text; what belongs to it is short, so that a line of brackets takes no time. */
const MARK = /\[([^[\]]{1,500})\](?:\(([^:)]{1,200})(?::[^)]{1,500})?\)|\{([^}]{1,1000})\}|\[([^\]]{1,2000})\])/g;
const markSchema = z.looseObject({ entity: z.string().min(1) });

/** A text without its marks, and the spans that they are. Of several entities in one mark the first counts. */
function unmarked(marked: string, where: string): { text: string; spans: LabelSpan[]; several: boolean } {
  const spans: LabelSpan[] = [];
  let [text, from, several] = ["", 0, false];
  for (const found of marked.matchAll(MARK)) {
    const [whole, covered = "", named, fields, list] = found;
    let label = named?.trim();
    if (fields !== undefined) label = parseJsonWith(markSchema, `{${fields}}`, where).entity;
    if (list !== undefined) {
      const all = parseJsonWith(z.array(markSchema).min(1), `[${list}]`, where);
      label = all[0]?.entity;
      several ||= all.length > 1;
    }
    text += marked.slice(from, found.index);
    spans.push({ start: text.length, end: text.length + covered.length, label: label ?? "" });
    text += covered;
    from = found.index + whole.length;
  }
  return { text: text + marked.slice(from), spans, several };
}

/** Collects examples as they are read. */
class Collection {
  readonly utterances: Utterance[] = [];
  readonly #where: string;
  #others = 0;
  #several = 0;

  constructor(where: string) {
    this.#where = where;
  }

  add(marked: string, intent: string, line?: number): void {
    const { text, spans, several } = unmarked(
      marked,
      line === undefined ? `${this.#where}, ${intent}` : `${this.#where}, line ${line}`,
    );
    if (several) this.#several++;
    if (text.trim() !== "") this.utterances.push({ text, spans, intent });
  }

  /** Counts what is no example: synonyms, patterns, lookup tables. */
  skip(): void {
    this.#others++;
  }

  get read(): ReadUtterances {
    if (this.utterances.length === 0) throw new DataError(`${this.#where}: expected examples of intents, found none`);
    return {
      utterances: this.utterances,
      notes: [
        ...(this.#others === 0 ? [] : [`${this.#where}: ${this.#others} synonyms, patterns and lookup tables are not read`]),
        ...(this.#several === 0
          ? []
          : [`${this.#where}: ${this.#several} marks have several entities, of which the first counts`]),
      ],
    };
  }
}

const examplesSchema = z.union([
  z.string(),
  z.array(z.union([z.string(), z.looseObject({ text: z.string() }).transform(({ text }) => text)])),
]);
const yamlSchema = z.looseObject({
  nlu: z.array(z.looseObject({ intent: z.string().min(1).optional(), examples: examplesSchema.optional() })),
});

function parseYaml(content: string, where: string): ReadUtterances {
  let found: unknown;
  try {
    found = parse(content);
  } catch (cause) {
    throw new DataError(`${where}: expected YAML, got an error: ${(cause as Error).message.split("\n")[0]}`, { cause });
  }
  const all = new Collection(where);
  for (const { intent, examples } of parseWith(yamlSchema, found, where).nlu) {
    if (intent === undefined) {
      all.skip();
      continue;
    }
    const lines = typeof examples === "string" ? examples.split(/\r?\n/) : (examples ?? []);
    for (const line of lines) {
      const text = line.trim().replace(/^-\s+/, "");
      if (text !== "" && text !== "-") all.add(text, intent);
    }
  }
  return all.read;
}

/** A text with its comments empty, so that lines keep their numbers. */
function withoutComments(text: string): string {
  let [kept, from] = ["", 0];
  for (let open = text.indexOf("<!--"); open >= 0; open = text.indexOf("<!--", from)) {
    const close = text.indexOf("-->", open);
    if (close < 0) break;
    kept += text.slice(from, open) + text.slice(open, close).replaceAll(/[^\n]/g, "");
    from = close + 3;
  }
  return kept + text.slice(from);
}

function parseMarkdown(content: string, where: string): ReadUtterances {
  const all = new Collection(where);
  let intent: string | undefined;
  for (const [i, line] of withoutComments(content).split(/\r?\n/).entries()) {
    const section = /^##\s*(\w+):\s*(.*\S)/.exec(line);
    if (section !== null) {
      intent = section[1] === "intent" ? section[2] : undefined;
      if (intent === undefined) all.skip();
    }
    const example = /^\s*[-*+]\s+(.*\S)/.exec(line)?.[1];
    if (section === null && example !== undefined && intent !== undefined) all.add(example, intent, i + 1);
  }
  return all.read;
}

const exampleSchema = z.looseObject({
  text: z.string().min(1),
  intent: z.string().min(1).nullish(),
  entities: z.array(z.looseObject({ start: z.int(), end: z.int(), entity: z.string().min(1) })).nullish(),
});
const examples = z.array(exampleSchema).default([]);
const jsonSchema = z.looseObject({
  rasa_nlu_data: z.looseObject({ common_examples: examples, intent_examples: examples, entity_examples: examples }),
});

function parseJson(content: string, where: string, options: SpanLinesOptions): ReadUtterances {
  const data = parseJsonWith(jsonSchema, content, where).rasa_nlu_data;
  const all = [...data.common_examples, ...data.intent_examples, ...data.entity_examples].filter(
    ({ text }) => text.trim() !== "",
  );
  if (all.length === 0) throw new DataError(`${where}: expected examples of intents, found none`);
  const rows = all.map(({ text, entities }, i) => ({
    // What an entity stands for (value) need not be what it covers.
    value: { text, spans: (entities ?? []).map(({ start, end, entity }) => [start, end, entity]) },
    place: `example ${i + 1}`,
  }));
  const { texts, notes } = parseSpanRows(rows, where, options);
  return {
    utterances: texts.map((text, i) => ({ ...text, ...(all[i]?.intent ? { intent: all[i].intent } : {}) })),
    notes,
  };
}

/**
 * The examples of a file, by the ending of its name.
 *
 * Errors: ConfigError or DataError, naming `where`, for what is not of the format, and where there is no example.
 */
export function parseRasa(content: string, where: string, options: SpanLinesOptions = {}): ReadUtterances {
  if (/\.ya?ml$/i.test(where)) return parseYaml(content, where);
  return /\.md$/i.test(where) ? parseMarkdown(content, where) : parseJson(content, where, options);
}
