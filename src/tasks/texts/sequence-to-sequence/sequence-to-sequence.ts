/**
 * @module From one text to another: translation, spelling out, shortening, by an encoder and a decoder that is shown the right target while it learns.
 */
import type { Batch, Dataset } from "../../../data/index.js";
import { raggedCollate, raggedColumn } from "../../../data/index.js";
import type { LoadedData } from "../../../data/node.js";
import { argMax, logSoftmax, targetRules } from "../../../generate/index.js";
import type { Dim, Tensor, TensorData } from "../../../graph/index.js";
import { crossEntropy } from "../../../losses/index.js";
import { Transformer } from "../../../models/index.js";
import type { Module } from "../../../nn/index.js";
import type { Metrics } from "../../../metrics/index.js";
import type { Tokenizer } from "../../../text/index.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import { IGNORED } from "../packed-text.js";
import type {
  ColumnTypes,
  Measurement,
  BuiltChoice,
  Prepared,
  Task,
  TaskContext,
  TaskOptions,
  Tensors,
  Inherited,
} from "../../task.js";
import type { TextInfo } from "../texts.js";
import {
  batchWidths,
  encodedRows,
  lengthFor,
  textBuckets,
  textInputs,
  textTokenizer,
  tokenLabels,
  tokenizerInfo,
  tokenizerOf,
} from "../texts.js";
import { tokenizerOptions, writtenExplainOptions } from "../options.js";
import { scoresAt } from "../../shared/scores-at.js";

export interface SequenceInfo extends TextInfo {
  readonly endId: number;
  /** The token that a target begins with, where that is not the padding. */
  readonly startId?: number;
  /** The columns of a file. */
  readonly source: string;
  readonly target: string;
}

const transformer = (
  name: string,
  summary: string,
  sizes: { readonly layers: number; readonly width: number; readonly heads: number; readonly dropout: number },
  lr: number,
): BuiltChoice<SequenceInfo> => ({
  name,
  summary,
  build: ({ vocabularySize, maxLength, padId, endId }) =>
    new Transformer({
      vocabSize: vocabularySize,
      hiddenSize: sizes.width,
      encoderLayers: sizes.layers,
      decoderLayers: sizes.layers,
      encoderHeads: sizes.heads,
      decoderHeads: sizes.heads,
      encoderIntermediateSize: 4 * sizes.width,
      decoderIntermediateSize: 4 * sizes.width,
      maxPositions: maxLength,
      dropout: sizes.dropout,
      normFirst: true,
      padToken: padId,
      startToken: padId,
      endToken: endId,
    }),
  defaults: (examples) => ({
    // About 3,000 updates, or three passes over larger data.
    epochs: Math.max(3, Math.ceil((3000 * 64) / Math.max(1, examples))),
    batchSize: 64,
    lr,
    optimizer: "adamw",
    beta2: 0.98,
    schedule: "cosine",
    weightDecay: 0.01,
    warmupSteps: 200,
    clipNorm: 1,
    labelSmoothing: 0.1,
  }),
});

/** Rows of a target: the decoder's input, which begins with the start token, and the labels. */
function targetRows(targets: readonly ArrayLike<number>[], widths: readonly number[], { padId, startId = padId }: SequenceInfo) {
  const filled = (row: readonly number[], width: number, fill: number): number[] => [
    ...row,
    ...new Array<number>(width - row.length).fill(fill),
  ];
  return {
    decoder_input_ids: raggedColumn(
      targets.map((ids, i) => filled([startId, ...Array.from(ids).slice(0, -1)], widths[i] as number, padId)),
    ),
    labels: raggedColumn(targets.map((ids, i) => filled(Array.from(ids), widths[i] as number, IGNORED))),
  };
}

/** Pairs of encoded texts as rows as long as the longer one; a source that is to be answered has no target, of which the start alone is read. */
export function pairsOfIds(
  sources: readonly ArrayLike<number>[],
  targets: readonly ArrayLike<number>[] | undefined,
  info: SequenceInfo,
): Dataset {
  const targetIds = targets ?? sources.map(() => Int32Array.of(IGNORED));
  const widths = sources.map((ids, i) => Math.max(1, ids.length, (targetIds[i] as ArrayLike<number>).length));
  const source = encodedRows(
    sources.map((ids, i) => ({ ids: Int32Array.from({ length: widths[i] as number }, (_, t) => ids[t] ?? info.padId) })),
    info,
  );
  const mask = raggedColumn(
    sources.map((ids, i) => Array.from({ length: widths[i] as number }, (_, t) => (t < ids.length ? 1 : 0))),
  );
  return source.with({ source_mask: mask, ...targetRows(targetIds, widths, info) });
}

async function pairRows(
  sources: readonly string[],
  targets: readonly string[] | undefined,
  info: SequenceInfo,
): Promise<{ readonly rows: Dataset; readonly cut: number }> {
  const tokenizer = await tokenizerOf(info);
  const encode = async (texts: readonly string[]) => tokenizer.encodeBatch(texts, { maxLength: info.maxLength });
  const [from, to] = [await encode(sources), targets && (await encode(targets))];
  const idsOf = (encodings: typeof from): Int32Array[] => encodings.map(({ ids }) => ids);
  return {
    rows: pairsOfIds(idsOf(from), to && idsOf(to), info),
    cut: [...from, ...(to ?? [])].filter((encoding) => encoding.cut > 0).length,
  };
}

const textsOf = (part: Dataset, column: string): string[] => part.texts(column).map((text) => text ?? "");

/** The token that ends a text. ConfigError for a tokenizer without one. */
function endOf({ special }: Tokenizer): number {
  const end = special.eos ?? special.sep;
  if (end === undefined)
    throw new ConfigError("sequence-to-sequence: expected a tokenizer with a token that ends texts, got one without");
  return end;
}

async function prepare(
  data: LoadedData,
  { maxPositions = Infinity, startToken, ...options }: TaskOptions & Inherited,
): Promise<Prepared<SequenceInfo>> {
  const { text: source, target } = data.roles;
  if (source === undefined || target === undefined)
    throw new DataError(`${data.name}: expected pairs of texts, a source and a target, got a single text`);
  const texts = [source, target].flatMap((column) => textsOf(data.train, column));
  const tokenizer = await textTokenizer(texts, options, { kind: "characters", vocabularySize: 8192, ends: true });
  const maxLength = lengthFor({ ...options, maxPositions }, 128);
  const info: SequenceInfo = {
    ...tokenizerInfo(tokenizer, maxLength),
    endId: endOf(tokenizer),
    startId: startToken,
    source,
    target,
  };
  const rowsOf = (part: Dataset) => pairRows(textsOf(part, source), textsOf(part, target), info);
  const [train, validation, test] = [await rowsOf(data.train), await rowsOf(data.validation), await rowsOf(data.test)];
  const cut = train.cut + validation.cut + test.cut;
  return {
    info,
    train: train.rows,
    validation: validation.rows,
    test: test.rows,
    testRows: data.test,
    notes: [
      `"${target}" is written from "${source}"; ${tokenizer.size} tokens in the vocabulary`,
      ...(cut > 0 ? [`${cut} texts of more than ${maxLength} tokens were cut; --max-length takes more`] : []),
    ],
  };
}

function inputs(context: TaskContext<SequenceInfo>, batch: Dim): ColumnTypes {
  const shared = textInputs(context, batch);
  return { ...shared, decoder_input_ids: shared["input_ids"] as ColumnTypes[string] };
}

function collate(context: TaskContext<SequenceInfo>, rows: Dataset) {
  const { info } = context;
  return raggedCollate({
    length: "length",
    bounds: batchWidths(context, rows),
    columns: {
      input_ids: { from: "input_ids", dtype: "int64", pad: info.padId },
      attention_mask: { from: "source_mask", dtype: "int64", pad: 0 },
      decoder_input_ids: { from: "decoder_input_ids", dtype: "int64", pad: info.padId },
      labels: { from: "labels", dtype: "int32", pad: IGNORED },
    },
  });
}

/** The model, if it is one of pairs. ConfigError for another. */
export function translatorOf(model: Module): Transformer {
  if (model instanceof Transformer) return model;
  throw new ConfigError(`sequence-to-sequence: expected an encoder with a decoder, got ${model.constructor.name}`);
}

function outputs(model: Module, batch: Tensors, sourceVectors?: Tensor): Tensors {
  const [source, sourceMask, target] = ["input_ids", "attention_mask", "decoder_input_ids"].map(
    (name) => batch[name] as Tensor,
  ) as [Tensor, Tensor, Tensor];
  return { logits: translatorOf(model).forward(source, { sourceMask, target, sourceVectors }) }; // [N, T, V]
}

/** Loss and accuracy of each token after the right ones before it. */
class TokenMeasurement implements Measurement {
  #nats = 0;
  #right = 0;
  #count = 0;

  update({ logits }: Readonly<Record<string, TensorData>>, { labels }: Batch): void {
    const width = logits?.shape.at(-1) as number;
    for (const [i, label] of ((labels as TensorData).data as Int32Array).entries()) {
      if (label === IGNORED) continue;
      const row = logits?.data.subarray(i * width, (i + 1) * width) as Float32Array;
      this.#nats -= logSoftmax(row)[label] as number;
      if (argMax(row) === label) this.#right++;
      this.#count++;
    }
  }

  result(): Metrics {
    const count = Math.max(1, this.#count);
    return { tokenAccuracy: this.#right / count, loss: this.#nats / count };
  }
}

export const sequenceToSequence: Task<SequenceInfo> = {
  name: "sequence-to-sequence",
  label: { en: "Sequence to sequence", zh: "序列到序列" },
  summary: "generate a target text from a source text: translation, normalization",
  usage: ["--data dates.tsv --out runs/dates"],
  options: tokenizerOptions,
  models: [
    transformer(
      "transformer-tiny",
      "the Transformer with 2 + 2 layers, 4 heads, 128 wide",
      { layers: 2, width: 128, heads: 4, dropout: 0.1 },
      1e-3,
    ),
    transformer(
      "transformer",
      "the Transformer as published: 6 + 6 layers, 8 heads, 512 wide",
      { layers: 6, width: 512, heads: 8, dropout: 0.1 },
      5e-4,
    ),
  ],
  defaultModel: "transformer-tiny",
  monitor: { metric: "loss", mode: "min" },
  checksOneBatch: true,
  mostAtOnce: 64,
  pretrained: {
    architectures: ["MarianMTModel", "PegasusForConditionalGeneration"],
    opened: ({ tokenizer, maxLength, model }) => {
      const { config } = translatorOf(model);
      return {
        ...tokenizerInfo(tokenizer, maxLength),
        endId: config.endToken ?? endOf(tokenizer),
        startId: targetRules(translatorOf(model)).startToken,
        source: "source",
        target: "target",
      };
    },
  },
  reads: { pairs: true },
  prepare,
  inputs,
  targets: ({ length }, batch) => ({ labels: { shape: [batch, length ?? 1], dtype: "int32" } }),
  collate,
  buckets: textBuckets,
  features: (batch) => batch["input_ids"] as Tensor,
  outputs: (model, _features, batch) => outputs(model, batch),
  explained: {
    kind: "tokens",
    inParts: true,
    options: writtenExplainOptions,
    features: (batch, _context, model) => translatorOf(model).model.shared.forward(batch["input_ids"] as Tensor),
    outputs: (model, vectors, batch) => outputs(model, batch, vectors),
    scores: ({ logits }, _info, asked) => scoresAt(logits as Tensor, asked),
    labels: tokenLabels,
  },
  loss: ({ logits }, { labels }, { options: { labelSmoothing = 0 } }) =>
    crossEntropy(logits as Tensor, labels as Tensor, { ignoreIndex: IGNORED, labelSmoothing }),
  measurement: () => new TokenMeasurement(),
  // What is written comes token by token: `present` has it written from these.
  answers: (_outputs, { padId }, { input_ids: ids }) => {
    const [n, t] = (ids as TensorData).shape as [number, number];
    return Array.from({ length: n }, (_, row) => ({
      source: Array.from(ids?.data.subarray(row * t, (row + 1) * t) as BigInt64Array, Number).filter((id) => id !== padId),
    }));
  },
  examples: async (_data, part, info) => (await pairRows(textsOf(part, info.source), textsOf(part, info.target), info)).rows,
  targetColumn: ({ target }) => target,
  encode: async (rows, info) =>
    (await pairRows(textsOf(rows, rows.has(info.source) ? info.source : "text"), undefined, info)).rows,
};
