/**
 * @module Labels of texts: spans and classes as JSON lines (plain, and doccano's), CoNLL columns, CoNLL-U.
 */
import * as z from "zod";
import { characterOffsets, parseConll, parseSpanLines } from "../../data/index.js";
import { blocks } from "../../data/text/lines.js";
import { jsonRows } from "../../data/text/json-rows.js";
import { ConfigError, DataError } from "../../util/errors.js";
import type { LabelSpan } from "../../util/tags.js";
import { spansOfTags, tagsOfSpans } from "../../util/tags.js";
import type { LabelFiles, LabelFormat, LabelledItem, ReadFormatOptions } from "./format.js";
import { spansIn } from "./format.js";

const textOf = ({ payload: { text, name } }: LabelledItem): string => {
  if (text === undefined) throw new ConfigError(`${name ?? "item"}: expected a text, got an image`);
  return text;
};

/** Places in characters, as Python counts, from those in UTF-16 units. */
function inCharacters(text: string, { start, end, label }: LabelSpan): [number, number, string] {
  const at = new Map(characterOffsets(text).map((unit, i) => [unit, i]));
  const [from, to] = [at.get(start), at.get(end)];
  if (from === undefined || to === undefined)
    throw new ConfigError(`expected a span of whole characters, got ${start} to ${end}`);
  return [from, to, label];
}

const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

function readSpanLines(files: LabelFiles, { note }: ReadFormatOptions): LabelledItem[] {
  return [...files].flatMap(([name, content]) => {
    const { texts, notes } = parseSpanLines(content, name, { keepBlanks: true });
    for (const one of notes) note?.(one);
    return texts.map(({ text, spans = [] }) => ({
      payload: { text },
      value: { spans: spans.map(({ start, end, label }) => ({ start, end, label })) },
    }));
  });
}

/** One JSON object a line: `text` and `spans`, [start, end, label] in characters, which may overlap. Training reads it as well. */
export const spanLines: LabelFormat = {
  name: "spans-jsonl",
  title: "JSON lines with spans",
  kinds: ["spans"],
  write: (items) =>
    new Map([
      [
        "spans.jsonl",
        lines(
          items.map((item) => ({
            text: textOf(item),
            spans: spansIn(item.value).map((span) => inCharacters(textOf(item), span)),
          })),
        ),
      ],
    ]),
  read: readSpanLines,
};

const classRow = z.looseObject({ text: z.string(), label: z.array(z.string()) });

/** doccano's JSON lines: `label` is a list of classes, or of [start, end, label] in characters. */
export const doccano: LabelFormat = {
  name: "doccano",
  title: "doccano JSONL",
  kinds: ["text-classes", "spans"],
  write: (items) =>
    new Map([
      [
        "all.jsonl",
        lines(
          items.map((item, i) => ({
            id: i + 1,
            text: textOf(item),
            label:
              "classes" in item.value ? item.value.classes : spansIn(item.value).map((span) => inCharacters(textOf(item), span)),
          })),
        ),
      ],
    ]),
  read: (files, options) => {
    if (options.kind === "spans") return readSpanLines(files, options);
    return [...files].flatMap(([name, content]) =>
      [...jsonRows(content, name)].map(({ value: row, place }) => {
        const found = classRow.safeParse(row);
        if (!found.success)
          throw new DataError(`${name}, ${place}: expected "text" and a list of classes as "label", got something else`);
        return { payload: { text: found.data.text }, value: { classes: found.data.label } };
      }),
    );
  },
};

const IDEOGRAPHIC = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u;

/** Places of a text's tokens: between blanks, of which U+FEFF without a width is none; characters where it has no blanks and is written without them. */
function blankTokens(text: string): [number, number][] {
  const pattern = IDEOGRAPHIC.test(text) && !/\s/.test(text) ? /./gsu : /[\S\ufeff]+/g;
  return [...text.matchAll(pattern)].map((match) => [match.index, match.index + match[0].length]);
}

/** Spans counted in tokens. ConfigError for one that begins or ends inside a token, or that overlaps another: BIO cannot say it. */
function inTokens(text: string, spans: readonly LabelSpan[], tokens: readonly (readonly [number, number])[]): string[] {
  const counted = spans.map((span) => {
    const start = tokens.findIndex(([from]) => from === span.start);
    const end = tokens.findIndex(([, to]) => to === span.end) + 1;
    if (start < 0 || end <= start)
      throw new ConfigError(
        `CoNLL: expected spans that begin and end with tokens, got "${text.slice(span.start, span.end)}" in "${text.slice(0, 60)}"; write spans-jsonl`,
      );
    return { start, end, label: span.label };
  });
  const { tags, dropped } = tagsOfSpans(counted, tokens.length, "BIO");
  if (dropped.length > 0)
    throw new ConfigError(`CoNLL: expected spans that do not overlap, got some in "${text.slice(0, 60)}"; write spans-jsonl`);
  return tags;
}

/** Two columns, token and BIO tag, with an empty line between texts. Blanks between tokens are single ones when it is read back. */
export const conll: LabelFormat = {
  name: "conll",
  title: "CoNLL (BIO)",
  kinds: ["spans"],
  write: (items) => {
    const sentences = items.map((item) => {
      const text = textOf(item);
      const tokens = blankTokens(text);
      if (tokens.length === 0) throw new ConfigError("CoNLL: expected texts with tokens, got an empty one");
      const tags = inTokens(text, spansIn(item.value), tokens);
      return tokens.map(([start, end], i) => `${text.slice(start, end)}\t${tags[i]}\n`).join("");
    });
    return new Map([["labels.conll", sentences.join("\n")]]);
  },
  read: (files) =>
    [...files].flatMap(([name, content]) =>
      parseConll(content, name).texts.map(({ text, spans = [] }) => ({
        payload: { text },
        value: { spans: spans.map(({ start, end, label }) => ({ start, end, label })) },
      })),
    ),
};

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** Places of words and marks, cut where a span begins or ends. */
function wordTokens(text: string, spans: readonly LabelSpan[]): [number, number][] {
  const cuts = new Set(spans.flatMap(({ start, end }) => [start, end]));
  const tokens: [number, number][] = [];
  for (const { segment, index } of segmenter.segment(text)) {
    if (segment.trim() === "") continue;
    let from = index;
    for (let at = index + 1; at < index + segment.length; at++)
      if (cuts.has(at)) {
        tokens.push([from, at]);
        from = at;
      }
    tokens.push([from, index + segment.length]);
  }
  return tokens;
}

/** CoNLL-U: ten columns, the text in a comment, and each token's tag in MISC as `NE=B-PER`. */
export const conllu: LabelFormat = {
  name: "conllu",
  title: "CoNLL-U",
  kinds: ["spans"],
  write: (items) => {
    const sentences = items.map((item, s) => {
      const text = textOf(item);
      if (/[\r\n]/.test(text)) throw new ConfigError(`CoNLL-U: expected texts of one line, got "${text.slice(0, 40)}"`);
      const spans = spansIn(item.value);
      const tokens = wordTokens(text, spans);
      const tags = inTokens(text, spans, tokens);
      const rows = tokens.map(([start, end], i) => {
        const misc = [`NE=${tags[i]}`, ...(tokens[i + 1]?.[0] === end ? ["SpaceAfter=No"] : [])];
        return `${i + 1}\t${text.slice(start, end)}\t_\t_\t_\t_\t_\t_\t_\t${misc.join("|")}\n`;
      });
      return `# sent_id = ${s + 1}\n# text = ${text}\n${rows.join("")}\n`;
    });
    return new Map([["labels.conllu", sentences.join("")]]);
  },
  read: (files) =>
    [...files].flatMap(([name, content]) =>
      [...blocks(content)].map((block) => {
        const comment = block.find((line) => line.text.startsWith("# text ="))?.text.replace(/^# text = ?/, "");
        const rows = block
          .filter((line) => /^\d+\t/.test(line.text))
          .map((line) => ({ fields: line.text.split("\t"), number: line.number }));
        const wrong = rows.find(({ fields }) => fields.length !== 10);
        if (wrong !== undefined)
          throw new DataError(`${name}, line ${wrong.number}: expected 10 columns, got ${wrong.fields.length}`);
        const misc = rows.map(
          ({ fields }) => new Map((fields[9] ?? "").split("|").map((one) => one.split("=") as [string, string])),
        );
        const text =
          comment ??
          rows
            .map(({ fields }, i) => `${fields[1]}${misc[i]?.get("SpaceAfter") === "No" ? "" : " "}`)
            .join("")
            .trimEnd();
        const places: [number, number][] = [];
        let at = 0;
        for (const { fields, number } of rows) {
          const start = text.indexOf(fields[1] ?? "", at);
          if (start < 0) throw new DataError(`${name}, line ${number}: expected tokens of the text, got "${fields[1]}"`);
          at = start + (fields[1] ?? "").length;
          places.push([start, at]);
        }
        const spans = spansOfTags(misc.map((one) => one.get("NE") ?? "O"));
        return {
          payload: { text },
          value: {
            spans: spans.map(({ start, end, label }) => ({
              start: places[start]?.[0] ?? 0,
              end: places[end - 1]?.[1] ?? 0,
              label,
            })),
          },
        };
      }),
    ),
};
