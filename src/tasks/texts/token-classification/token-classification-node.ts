/**
 * @module Token classification with files: texts from a command line, entities in colour, and its part of a report.
 */
import type { Dataset } from "../../../data/node.js";
import { labelledTextAt } from "../../../data/node.js";
import { card, page, paragraph } from "../../../report/page.js";
import { both } from "../../../report/words.js";
import type { LabelSpan } from "../../../util/tags.js";
import { keepPretrained } from "../keep-pretrained-node.js";
import { markedText } from "../marked-text.js";
import type { JudgedRow } from "../tagging-report.js";
import { readTaggingInputs } from "../tagging-inputs-node.js";
import { judgedRows, labelTable } from "../tagging-report.js";
import type { SubwordInfo } from "./subword-rows.js";
import { readsSubwords } from "./subword-rows.js";
import type { TagInfo } from "../tagging.js";
import { tokenOffsetsOf, TaggingMeasurement } from "../tagging.js";
import type { Finished, InputOptions, NamedInputs, NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import type { Answer, TaskInfo } from "../../task.js";
import { lengthNotes } from "../texts.js";
import { keepTokenizer, readTextOptions } from "../texts-node.js";
import type { Entity } from "./token-classification.js";
import type { TrainedModel } from "../../trained-model.js";
import { viewOfTag } from "./token-view.js";

async function readInputs(model: TrainedModel, inputs: readonly string[], options: InputOptions): Promise<NamedInputs> {
  const read = await readTaggingInputs(model, inputs, options);
  return { ...read, notes: remarks(read.examples, model.info) };
}

/** Texts that are read in windows, where the model takes so many subwords at once. */
const remarks = (examples: Dataset, info: TaskInfo): readonly string[] =>
  readsSubwords(info as TagInfo) ? lengthNotes([examples], info as SubwordInfo, "") : [];

function draw(model: TrainedModel, input: string, answer: Answer): Promise<Uint8Array> {
  const { labels } = model.info as TagInfo;
  const marks = (answer["entities"] as readonly Entity[]).map(({ start, end, label, score }) => ({
    start,
    end,
    label,
    title: score.toFixed(3),
  }));
  const body = `<div class="card" style="white-space:pre-wrap">${markedText(input, marks, labels)}</div>`;
  return Promise.resolve(new TextEncoder().encode(page(input.slice(0, 60), body, "en")));
}

/** Texts that are shown of each kind. */
const SHOWN = 10;

async function report(sources: ReportSources): Promise<TaskReport> {
  const { used, measurement, test, testRows } = sources;
  const primaryMetric = "f1";
  if (!(measurement instanceof TaggingMeasurement) || testRows === undefined) return { primaryMetric };
  const { labels, unit } = used.info as TagInfo;
  const { worst, some } = await judgedRows(sources, SHOWN);
  const shown = ({ row, found, gold }: JudgedRow): string => {
    // Rows of subwords know which words of the text the model saw.
    const given = labelledTextAt(test.has("tokens") ? test : testRows, row);
    const offsets = tokenOffsetsOf(given, unit);
    const marked = (spans: readonly LabelSpan[]): string =>
      markedText(
        given.text,
        spans.map(({ start, end, label }) => ({ start: offsets[start]?.[0] ?? 0, end: offsets[end - 1]?.[1] ?? 0, label })),
        labels,
      );
    const line = (en: string, zh: string, spans: readonly LabelSpan[]): string =>
      `<p style="max-width:none"><span class="soft">${both({ en, zh })}</span> ${marked(spans)}</p>`;
    return card(line("found:", "结果：", found) + line("true:", "标注：", gold));
  };
  return {
    primaryMetric,
    sections: [
      {
        title: { en: "Label by label", zh: "逐标签" },
        html:
          paragraph(
            "A span counts where both its ends and its label are right, as seqeval counts.",
            "片段的两端和标签全部正确才算对，与 seqeval 的计法相同。",
          ) + labelTable(measurement.metric.report(), { en: "label", zh: "标签" }),
      },
      { title: { en: "Texts from all over the test part", zh: "测试集中各处的文本" }, html: some.map(shown).join("") },
      { title: { en: "Most mistakes", zh: "错误最多的文本" }, html: worst.map(shown).join("") },
    ],
  };
}

async function finish(finished: Finished): Promise<void> {
  if (!readsSubwords(finished.used.info as TagInfo)) return;
  await keepTokenizer(finished);
  await keepPretrained(finished);
}

export const tokenClassificationNode: NodeTask = {
  readOptions: readTextOptions,
  readInputs,
  view: viewOfTag,
  remarks,
  report,
  finish,
  present: { pictures: { format: "html", draw } },
};
