/**
 * @module Language modelling with files: perplexity over whole texts, samples while it learns, and its part of a report.
 */
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Batch, Dataset } from "../../../data/node.js";
import { Generator, isDecoder, TextStream } from "../../../generate/index.js";
import type { Tensor, TensorData } from "../../../graph/index.js";
import { crossEntropy } from "../../../losses/index.js";
import { escapeXml } from "../../../charts/charts.js";
import { forEachBatch } from "../../../train/evaluate.js";
import type { Callback } from "../../../train/index.js";
import type { Metrics } from "../../../metrics/index.js";
import { card, paragraph } from "../../../report/page.js";
import { exists } from "../../../util/regular-file-node.js";
import { keepGenerationFiles } from "../decoder-files-node.js";
import type { LanguageInfo } from "./info.js";
import { languageLogits, windowOptions } from "./language-modeling.js";
import { viewOfNextToken } from "./next-token-view.js";
import { IGNORED, windowBatch } from "../packed-text.js";
import type { Measured, NodeTask, ReportSources, TaskReport, Watched } from "../../task-node.js";
import type { ColumnTypes, TaskContext, Tensors } from "../../task.js";
import { readTextOptions, textInputsFrom } from "../texts-node.js";
import { tokenizerOf } from "../texts.js";

type Evaluator = (
  types: ColumnTypes,
  forward: (batch: Tensors) => Tensors,
) => Promise<(batch: Batch) => Promise<Readonly<Record<string, TensorData>>>>;

/** The largest number of logits in a batch. */
const MOST_LOGITS = 1 << 24;

/** A closure that measures rows of running text from end to end. */
async function measurer(
  info: LanguageInfo,
  logitsOf: (batch: Tensors) => Tensor,
  rows: Dataset,
  evaluator: Evaluator,
): Promise<() => Promise<Metrics>> {
  const most = Math.floor(MOST_LOGITS / (info.maxLength * info.vocabularySize));
  const size = Math.max(1, Math.min(128, rows.length, most));
  const shape = [size, info.maxLength];
  const types: ColumnTypes = {
    input_ids: { shape, dtype: "int64" },
    labels: { shape, dtype: "int32" },
    ...(info.masked === null ? {} : { attention_mask: { shape, dtype: "int64" } }),
  };
  const run = await evaluator(types, (batch) => ({
    losses: crossEntropy(logitsOf(batch), batch["labels"] as Tensor, {
      ignoreIndex: IGNORED,
      reduction: "none",
    }).sum(-1),
  }));
  const options = windowOptions({ info, use: "eval" });
  const fetcher = { fetch: (request: Parameters<typeof windowBatch>[1]): Batch => windowBatch(rows, request, options) };
  const characters = (rows.tensor("characters").data as Int32Array).reduce((sum, n) => sum + n, 0);
  return async () => {
    let [nats, count] = [0, 0];
    await forEachBatch(
      rows,
      size,
      run,
      ({ losses }, { labels }) => {
        nats += ((losses as TensorData).data as Float32Array).reduce((sum, loss) => sum + loss, 0);
        count += ((labels as TensorData).data as Int32Array).reduce((sum, label) => sum + (label === IGNORED ? 0 : 1), 0);
      },
      fetcher,
    );
    const loss = nats / Math.max(1, count);
    return {
      loss,
      perplexity: Math.exp(loss),
      ...(info.masked === null ? { bitsPerCharacter: nats / Math.LN2 / Math.max(1, characters) } : {}),
    };
  };
}

const evaluate = ({ state, prepared }: Watched): Promise<() => Promise<Metrics>> =>
  measurer(
    prepared.info as LanguageInfo,
    (batch) => languageLogits(state.step.model, batch),
    prepared.validation,
    (types, forward) => state.evaluator(types, forward),
  );

async function measure({ model, examples }: Measured): Promise<Metrics> {
  const info = model.info as LanguageInfo;
  const context: TaskContext<LanguageInfo> = { info, use: "eval", options: {} };
  const logitsOf = (batch: Tensors): Tensor => {
    const features = model.task.features(batch, context, model.model);
    return model.task.outputs(model.model, features, batch, context)["logits"] as Tensor;
  };
  const run = await measurer(info, logitsOf, examples, (types, forward) => model.evaluator(types, forward));
  return run();
}

const SAMPLES = "samples.jsonl";
const SAMPLE_CHARACTERS = 400;

/** Generates a continuation of the first line of the validation text at each evaluation, into the run's `samples.jsonl`. */
function watch({ state, writer, prepared, seed }: Watched): Callback {
  const info = prepared.info as LanguageInfo;
  const { model } = state.step;
  if (!isDecoder(model)) return {};
  return {
    async onEvaluation({ step }) {
      const tokenizer = await tokenizerOf(info);
      const first = prepared.validation.tensor("tokens").data as Int32Array;
      const prompt = Array.from(first.subarray(0, Math.min(16, info.maxLength)));
      await using generator = await Generator.create(model, await state.parameters(), { device: state.device });
      const maxTokens = Math.ceil(SAMPLE_CHARACTERS / info.charactersPerToken);
      const text = new TextStream((ids) => tokenizer.decode(ids));
      for await (const { token } of generator.stream(prompt, { maxTokens, temperature: 0.8, seed, slide: true }))
        await text.push(token);
      await text.finish();
      const sample = { step, prompt: await tokenizer.decode(prompt), text: text.text };
      await appendFile(join(writer.path, SAMPLES), `${JSON.stringify(sample)}\n`);
    },
  };
}

async function report({ used, writer }: ReportSources): Promise<TaskReport> {
  const info = used.info as LanguageInfo;
  const path = join(writer.path, SAMPLES);
  const lines = (await exists(path)) ? (await readFile(path, "utf8")).trim().split("\n") : [];
  const samples = lines.map((line) => JSON.parse(line) as { step: number; prompt: string; text: string });
  // A run that went on from a checkpoint has written some steps twice.
  const last = new Map(samples.map((sample) => [sample.step, sample]));
  const shown = [...last.values()].map(({ step, prompt, text }) =>
    card(`<h3>${step}</h3><pre><b>${escapeXml(prompt)}</b>${escapeXml(text)}</pre>`),
  );
  return {
    primaryMetric: info.masked === null ? "bitsPerCharacter" : "perplexity",
    sections:
      shown.length === 0
        ? []
        : [
            {
              title: { en: "Generated text", zh: "模型生成的文字" },
              html: `${paragraph("The bold words are given; the number is the step. Drawn at temperature 0.8.", "粗体为给定的开头；数字为步数；温度 0.8。", "soft")}${[...shown].reverse().join("")}`,
            },
          ],
  };
}

export const languageModelingNode: NodeTask = {
  readOptions: readTextOptions,
  readInputs: textInputsFrom(),
  view: viewOfNextToken,
  evaluate,
  measure,
  watch,
  report,
  finish: keepGenerationFiles,
};
