/**
 * @module A classifier of texts in Hugging Face's form, as something that can be made smaller or teach: a folder with its labels and its tokenizer.
 */
import { labelsOf } from "../../models/index.js";
import { tokenizerOfCheckpoint } from "../../train/pretrained-node.js";
import { loadPretrained, pretrainedConfig } from "../../train/node.js";
import { isRecord } from "../../util/described.js";
import { ConfigError } from "../../util/errors.js";
import { taskNamed } from "../table.js";
import { lengthFor, tokenizerInfo, tokenizerOf } from "../texts/texts.js";
import type { UseOptions } from "../trained-model.js";
import { TracedModel } from "../use/trained-node.js";

const CLASSIFIER = "BertForSequenceClassification";
/** Tokens of the longest text where a checkpoint does not say. */
const LONGEST = 512;

/**
 * Opens a classifier of texts; undefined for what is not a checkpoint's folder.
 *
 * Errors: ConfigError for a checkpoint of another class, or one without labels.
 */
export async function openClassifier(path: string, options: UseOptions): Promise<TracedModel | undefined> {
  const config = await pretrainedConfig(path);
  if (config === undefined) return undefined;
  const classes = isRecord(config) && Array.isArray(config["architectures"]) ? config["architectures"] : [];
  if (!classes.includes(CLASSIFIER))
    throw new ConfigError(
      `${path}: expected a checkpoint of ${CLASSIFIER}, got ${classes.join(", ") || "none"}; train a run from it with --init`,
    );
  const loaded = await loadPretrained(path, { as: CLASSIFIER });
  const labels = labelsOf(config);
  if (labels === undefined) throw new ConfigError(`${path}: expected a classifier with labels (id2label), got none`);
  const tokenizer = await tokenizerOf({ tokenizer: await tokenizerOfCheckpoint(path, loaded, path) });
  const { maxPositions } = loaded.model.config;
  const info = {
    ...tokenizerInfo(tokenizer, lengthFor(maxPositions === undefined ? {} : { maxPositions }, LONGEST)),
    classes: labels,
    multiLabel: false,
    textColumn: "text",
    labelColumn: "label",
    pretrained: { architecture: CLASSIFIER, config },
  };
  return new TracedModel(taskNamed("text-classification"), "bert", info, loaded.weights, options);
}
