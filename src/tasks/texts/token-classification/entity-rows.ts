/**
 * @module Texts with entities as what models read: features of tokens, or subwords.
 */
import type { LoadedData } from "../../../data/node.js";
import type { Dataset, LabelledText } from "../../../data/index.js";
import type { TokenUnit } from "../../../text/index.js";
import { featuresOf } from "../../../text/index.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import type { TagScheme } from "../../../util/tags.js";
import { parseTag, schemeOf } from "../../../util/tags.js";
import type { TextParts } from "./entities.js";
import { entityNotes, expectSpans, textsOf, tokenSpans, unitOf } from "./entities.js";
import type { SubwordInfo } from "./subword-rows.js";
import { readsSubwords, subwordRows } from "./subword-rows.js";
import { bertTagger } from "./subword-tagging.js";
import type { SpanRow, TaggedRow, TaggingInfo, TagInfo } from "../tagging.js";
import { learnTagging, learnTags, tokenOffsetsOf, schemeNamed, taggedRows } from "../tagging.js";
import type { Awaitable, Prepared, Task } from "../../task.js";
import { lengthFor, lengthNotes, textTokenizer, tokenizerInfo } from "../texts.js";
import { tokenClassificationOptions } from "./options.js";
import { inWindows } from "../../shared/windows.js";

/** A text as features of its tokens. */
export function taggedText(given: LabelledText, unit: TokenUnit): TaggedRow {
  const offsets = tokenOffsetsOf(given, unit);
  const features = featuresOf(
    offsets.map(([start, end]) => given.text.slice(start, end)),
    unit,
  );
  return { features, spans: given.spans && tokenSpans(given.spans, offsets) };
}

type Preparing = Parameters<Task["prepare"]>[1];

/** Options that say something of subwords. */
const SUBWORD_OPTIONS = {
  tokenizer: "--tokenizer",
  vocabularySize: "--vocabulary-size",
  maxLength: "--max-length",
  stride: "--stride",
} as const;

const expectLabels = (labels: readonly string[], where: string): void => {
  if (labels.length === 0) throw new DataError(`${where}: expected labelled spans in the training part, got none`);
};

/** For models that read features of tokens. */
function prepareFeatures(data: LoadedData, texts: TextParts, unit: TokenUnit, options: Preparing): Prepared<TagInfo> {
  const stray = (Object.keys(SUBWORD_OPTIONS) as (keyof typeof SUBWORD_OPTIONS)[]).find((name) => options[name] !== undefined);
  if (stray !== undefined)
    throw new ConfigError(
      `${SUBWORD_OPTIONS[stray]}: expected a model that reads subwords (--model bert, or --init with one), got ${options.model}`,
    );
  const [train, validation, test] = [texts.train, texts.validation, texts.test].map((part) =>
    part.map((text) => taggedText(text, unit)),
  ) as [TaggedRow[], TaggedRow[], TaggedRow[]];
  const info = learnTagging(train, unit, schemeNamed(options.scheme));
  expectLabels(info.labels, data.name);
  return {
    info,
    train: taggedRows(train, info),
    validation: taggedRows(validation, info),
    test: taggedRows(test, info),
    testRows: data.test,
    notes: entityNotes(texts, info),
  };
}

/** A checkpoint's tags say which scheme its head was trained for. */
const schemeLike = ({ scheme, labels }: Preparing): TagScheme =>
  scheme === undefined && labels?.every((label) => parseTag(label) !== undefined) === true
    ? schemeOf(labels)
    : schemeNamed(scheme);

const MAX_LENGTH = 256;

/** For models that read subwords. */
async function prepareSubwords(
  data: LoadedData,
  texts: TextParts,
  unit: TokenUnit,
  options: Preparing,
): Promise<Prepared<SubwordInfo>> {
  const tokenizer = await textTokenizer(
    texts.train.map((text) =>
      tokenOffsetsOf(text, unit)
        .map(([start, end]) => text.text.slice(start, end))
        .join(" "),
    ),
    options,
    { kind: "wordpiece", vocabularySize: 8192 },
  );
  const rows = texts.train.map((text): SpanRow => {
    const offsets = tokenOffsetsOf(text, unit);
    return { length: offsets.length, spans: tokenSpans(text.spans ?? [], offsets) };
  });
  const read = tokenizerInfo(tokenizer, lengthFor(options, MAX_LENGTH));
  // As where BERT was first tuned for entities: every word counts alike.
  const info: SubwordInfo = {
    ...read,
    stride: Math.floor(read.maxLength / 4),
    unit,
    ...learnTags(rows, schemeLike(options)),
    usualMissCost: 0,
  };
  expectLabels(info.labels, data.name);
  const used = inWindows({ name: "token-classification", options: tokenClassificationOptions }, info, options.stride);
  const train = await subwordRows(texts.train, used, "cut");
  const validation = await subwordRows(texts.validation, used, "windows");
  const test = await subwordRows(texts.test, used, "windows");
  return {
    info: used,
    train,
    validation,
    test,
    testRows: data.test,
    notes: [
      ...entityNotes(texts, used),
      ...lengthNotes([train], used, "--max-length N takes more of them"),
      ...lengthNotes([validation, test], used, ""),
    ],
  };
}

/** Texts as what the model that was asked for reads, and all that is learned of them before. */
export function prepareEntities(data: LoadedData, options: Preparing): Awaitable<Prepared<TagInfo>> {
  if (!data.train.has("text")) {
    const columns = data.train.names.join(", ");
    throw new DataError(
      `${data.name}: expected texts with labelled spans (.conll, .bmes, .jsonl with "spans", or lists of as many tags as tokens), got a table of ${columns}`,
    );
  }
  const texts = { train: textsOf(data.train), validation: textsOf(data.validation), test: textsOf(data.test) };
  expectSpans(texts.train, data.name);
  const unit = unitOf(texts.train);
  return options.model === bertTagger.name || options.readsTokens === true
    ? prepareSubwords(data, texts, unit, options)
    : prepareFeatures(data, texts, unit, options);
}

/** Texts as what the model reads, with their spans where they have such. */
export const entityRows = (texts: readonly LabelledText[], info: TagInfo): Awaitable<Dataset> =>
  readsSubwords(info)
    ? subwordRows(texts, info, "windows")
    : taggedRows(
        texts.map((text) => taggedText(text, info.unit)),
        info as TaggingInfo,
      );
