/**
 * @module Token classification: named entities and other spans of a text, from columns of tags or from spans.
 */
import { labelledTextAt } from "../../../data/index.js";
import type { Tensor } from "../../../graph/index.js";
import { entityRows, prepareEntities } from "./entity-rows.js";
import { expectSpans, textsOf } from "./entities.js";
import type { GraphUse } from "../../graph-use.js";
import { infoOfTags, tokenGraph } from "./graph.js";
import type { SubwordInfo } from "./subword-rows.js";
import { readsSubwords } from "./subword-rows.js";
import {
  bertTagger,
  mergedWords,
  subwordCollate,
  subwordFeatures,
  subwordInputs,
  subwordLoss,
  subwordOutputs,
} from "./subword-tagging.js";
import type { TaggingInfo, TagInfo } from "../tagging.js";
import {
  allVectors,
  decodeRows,
  emissionsOf,
  tokenOffsetsOf,
  settleTagging,
  TaggingMeasurement,
  taggingTask,
} from "../tagging.js";
import { taggingModels } from "../tagging-models.js";
import { tokenizerInfo } from "../texts.js";
import { namedByTags } from "../tagging-names.js";
import type { Answer, BuiltChoice, Task, TaskContext } from "../../task.js";
import { scoresAt } from "../../shared/scores-at.js";
import { tokenClassificationOptions, tokenExplainOptions } from "./options.js";

/** An entity of an answer: `text.slice(start, end)`. */
export interface Entity {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** The probability of this span under the model. */
  readonly score: number;
}

const isSubword = (context: TaskContext<TagInfo>): context is TaskContext<SubwordInfo> => readsSubwords(context.info);
/** The context of a model that reads features. */
const of = (context: TaskContext<TagInfo>): TaskContext<TaggingInfo> => context as TaskContext<TaggingInfo>;

const FEATURE_MODELS = taggingModels({
  embeddingSize: ({ unit }) => (unit === "characters" ? 64 : 32),
  window: 1,
  featureDropout: 0.2,
  dropout: 0.5,
  lr: 2e-3,
  epochs: 10,
});

export const tokenClassification: Task<TagInfo> = {
  ...taggingTask,
  name: "token-classification",
  label: { en: "Token classification", zh: "序列标注" },
  summary: "find named entities and other spans of a text",
  usage: ["--data wnut17 --out runs/entities", "--data resume-ner-zh --init bert-base-chinese --out runs/tuned"],
  options: tokenClassificationOptions,
  models: [...(FEATURE_MODELS as readonly BuiltChoice<TagInfo>[]), bertTagger],
  graphs: tokenGraph as GraphUse<TagInfo>,
  pretrained: {
    architectures: ["BertForTokenClassification", "DistilBertForTokenClassification"],
    labels: ({ tags }) => tags,
    opened: ({ tokenizer, maxLength, labels }) => ({ ...tokenizerInfo(tokenizer, maxLength), ...infoOfTags(labels, maxLength) }),
  },
  settle: settleTagging,
  namedParameters: namedByTags,
  prepare: prepareEntities,
  inputs: (context, batch) => (isSubword(context) ? subwordInputs(context, batch) : taggingTask.inputs(of(context), batch)),
  collate: (context, rows) => (isSubword(context) ? subwordCollate(context, rows) : taggingTask.collate(of(context), rows)),
  features: (batch, context, model) => (isSubword(context) ? subwordFeatures : taggingTask.features)(batch, context, model),
  outputs: (model, features, batch, context) =>
    isSubword(context)
      ? subwordOutputs(model, features, batch, context)
      : taggingTask.outputs(model, features, batch, of(context)),
  loss: (outputs, batch, context) =>
    isSubword(context) ? subwordLoss(outputs, batch, context) : taggingTask.loss(outputs, batch, of(context)),
  preprocessing: (info) =>
    readsSubwords(info)
      ? {
          tokenizer: "the text of tokenizer.json, on words with a space between: descent.info, tokenizer",
          first: "where the first subword of each word stands, then −1",
          maxLength: info.maxLength,
          padId: info.padId,
        }
      : undefined,
  merge: mergedWords,
  explained: {
    kind: "tokens",
    inParts: true,
    options: tokenExplainOptions,
    features: (batch, context, model) =>
      isSubword(context) ? subwordFeatures(batch, context, model) : allVectors(batch, context, model),
    outputs: (model, features, batch, context) =>
      isSubword(context) ? subwordOutputs(model, features, batch, context) : emissionsOf(model, features, batch),
    scores: ({ emissions }, _info, asked) => scoresAt(emissions as Tensor, asked),
    labels: ({ tags }) => tags,
  },
  measurement: (info) => new TaggingMeasurement(info),
  answers: (outputs, info, batch, given) =>
    decodeRows(outputs, batch, info, true).map(({ spans, scores }, n): Answer => {
      const text = labelledTextAt(given, n);
      const offsets = tokenOffsetsOf(text, info.unit);
      const entities = spans.map(({ start, end, label }, i): Entity => {
        const [from, to] = [(offsets[start] ?? [0, 0])[0], (offsets[end - 1] ?? [0, 0])[1]];
        return { text: text.text.slice(from, to), start: from, end: to, label, score: scores[i] as number };
      });
      return { entities };
    }),
  examples: (_data, part, info) => {
    const texts = textsOf(part);
    expectSpans(texts, "data");
    return entityRows(texts, info);
  },
  encode: async (rows, info) => {
    const encoded = await entityRows(
      textsOf(rows).map(({ text }) => ({ text })),
      info,
    );
    return encoded.has("text") ? encoded : encoded.with({ text: rows.column("text") });
  },
};
