/**
 * @module Sequence to sequence with files: the texts that are generated, how near they are to their references, and its part of a report.
 */
import type { Dataset } from "../../../data/node.js";
import { Generator } from "../../../generate/index.js";
import { TranslationMetric } from "../../../metrics/index.js";
import { escapeXml } from "../../../charts/charts.js";
import type { Metrics } from "../../../metrics/index.js";
import { paragraph } from "../../../report/page.js";
import { both } from "../../../report/words.js";
import { keepGenerationFiles } from "../decoder-files-node.js";
import { IGNORED } from "../packed-text.js";
import { evenly } from "../../shared/rows-node.js";
import type { SequenceInfo } from "./sequence-to-sequence.js";
import { translatorOf } from "./sequence-to-sequence.js";
import { viewOfTranslation } from "./translation-view.js";
import type { Measured, NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import type { Answer } from "../../task.js";
import { readTextOptions, textInputsFrom } from "../texts-node.js";
import { tokenizerOf } from "../texts.js";
import type { TrainedModel, Writer } from "../../trained-model.js";

/** Texts that are generated at once. */
const AT_ONCE = 64;
/** Rows for which texts are generated when a training has ended; more would only cost time. */
const MOST_GENERATED = 1000;

/** Generates the likeliest text for each source, token by token. */
async function generate(model: TrainedModel, sources: readonly (readonly number[])[]): Promise<string[]> {
  const { tokenizer: json, maxLength, endId } = model.info as SequenceInfo;
  const tokenizer = await tokenizerOf({ tokenizer: json });
  const { model: module, weights, rewrites }: Writer = model.writer?.() ?? model;
  await using generator = await Generator.create(translatorOf(module), weights, rewrites === undefined ? {} : { rewrites });
  // Those of about one length together: the shorter are filled up.
  const order = Array.from(sources.keys()).sort((a, b) => (sources[a]?.length ?? 0) - (sources[b]?.length ?? 0));
  const texts: string[] = [];
  for (let start = 0; start < order.length; start += AT_ONCE) {
    const rows = order.slice(start, start + AT_ONCE);
    const options = { maxTokens: maxLength, temperature: 0, endTokens: [endId] };
    const generated = await generator.generate(
      rows.map((row) => sources[row] as readonly number[]),
      options,
    );
    for (const [i, row] of rows.entries())
      texts[row] = await tokenizer.decode((generated[i] as number[]).filter((id) => id !== endId));
  }
  return texts;
}

/** The tokens of one column, without what fills it up. */
function tokensOf(rows: Dataset, column: string, filler: number): number[][] {
  const { data, shape } = rows.tensor(column);
  const width = shape[1] as number;
  const lengths = rows.tensor("length").data;
  return Array.from({ length: rows.length }, (_, i) =>
    Array.from(data.subarray(i * width, i * width + Number(lengths[i])) as Int32Array).filter((id) => id !== filler),
  );
}

/** A source, its reference and the hypothesis. */
interface GeneratedPair {
  readonly source: string;
  readonly reference: string;
  readonly hypothesis: string;
}

async function generatedPairs(model: TrainedModel, rows: Dataset): Promise<GeneratedPair[]> {
  const { tokenizer: json, padId, endId } = model.info as SequenceInfo;
  const tokenizer = await tokenizerOf({ tokenizer: json });
  const [sources, targets] = [tokensOf(rows, "input_ids", padId), tokensOf(rows, "labels", IGNORED)];
  const generated = await generate(model, sources);
  const textOf = (ids: readonly number[]): Promise<string> => tokenizer.decode(ids.filter((id) => id !== endId));
  return Promise.all(
    sources.map(async (ids, i) => ({
      source: await textOf(ids),
      reference: await textOf(targets[i] as number[]),
      hypothesis: generated[i] as string,
    })),
  );
}

async function measure({ model, examples }: Measured): Promise<Metrics> {
  const metric = new TranslationMetric();
  for (const { reference, hypothesis } of await generatedPairs(model, evenly(examples, MOST_GENERATED)))
    metric.add(reference, hypothesis);
  return { exactMatch: metric.exactMatch, chrF: metric.chrF, bleu: metric.bleu };
}

async function translated(model: TrainedModel, answers: readonly Answer[]): Promise<Answer[]> {
  const texts = await generate(
    model,
    answers.map(({ source }) => source as readonly number[]),
  );
  return texts.map((text) => ({ text }));
}

const SHOWN = 12;

async function report({ used, test }: ReportSources): Promise<TaskReport> {
  const pairs = await generatedPairs(used, evenly(test, 200));
  const isWrong = ({ reference, hypothesis }: GeneratedPair): boolean => reference.trim() !== hypothesis.trim();
  const shown = [...pairs.filter(isWrong).slice(0, SHOWN), ...pairs.filter((pair) => !isWrong(pair)).slice(0, SHOWN / 2)];
  const rows = shown.map(
    (pair) =>
      `<tr class="${isWrong(pair) ? "wrong" : "right"}"><td>${escapeXml(pair.source)}</td><td>${escapeXml(pair.reference)}</td><td><b>${escapeXml(pair.hypothesis)}</b></td></tr>`,
  );
  const head = [
    { en: "source", zh: "源文本" },
    { en: "reference", zh: "参考译文" },
    { en: "hypothesis", zh: "候选译文" },
  ].map((label) => `<th>${both(label)}</th>`);
  return {
    primaryMetric: "exactMatch",
    sections: [
      {
        title: { en: "Generated text", zh: "模型生成的文字" },
        html: `${paragraph("From the test part; mistakes first.", "取自测试集；错误在前。", "soft")}<table><thead><tr>${head.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`,
      },
    ],
  };
}

export const sequenceToSequenceNode: NodeTask = {
  readOptions: readTextOptions,
  readInputs: textInputsFrom("source"),
  view: viewOfTranslation,
  measure,
  present: { answers: translated },
  report,
  finish: keepGenerationFiles,
};
