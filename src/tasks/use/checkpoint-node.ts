/**
 * @module A model in Hugging Face's form, used as its folder is: `config.json` says the task and the labels, `tokenizer.json` how texts are read.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ArchitectureName } from "../../models/index.js";
import { ARCHITECTURES, labelCount, labelsOf } from "../../models/index.js";
import { loadPretrained } from "../../train/node.js";
import { tokenizerOfCheckpoint } from "../../train/pretrained-node.js";
import type { Json } from "../../util/described.js";
import { isRecord } from "../../util/described.js";
import { ConfigError } from "../../util/errors.js";
import { own } from "../../util/record.js";
import { shown } from "../../util/shown.js";
import { TASKS } from "../table.js";
import type { AnyTask, TaskInfo } from "../task.js";
import { lengthFor, tokenizerOf } from "../texts/texts.js";
import type { UseOptions } from "../trained-model.js";
import { givenNames } from "./labels-node.js";
import { TracedModel } from "./trained-node.js";

/** Tokens of the longest text that is read at once, where the model takes more. */
const LONGEST = 512;

/** The class that a configuration names first. */
const classOf = (config: Json): Json | undefined => {
  const classes = isRecord(config) ? config["architectures"] : undefined;
  return Array.isArray(classes) ? classes[0] : undefined;
};

/** The task whose answers a checkpoint gives; undefined for one without a head, and for a class that Descent does not have. */
export const taskOfCheckpoint = (config: Json): AnyTask | undefined =>
  TASKS.find(({ pretrained }) => pretrained?.architectures.some((name) => name === classOf(config)));

/** ConfigError for a checkpoint that answers nothing here, with the way around. */
function expectTask(config: Json, path: string): AnyTask {
  const found = taskOfCheckpoint(config);
  if (found !== undefined) return found;
  const given = classOf(config);
  const known = TASKS.flatMap(({ pretrained }) => pretrained?.architectures ?? []);
  const named = typeof given === "string" ? given : `model_type ${shown(isRecord(config) ? config["model_type"] : undefined)}`;
  const remedy =
    typeof given === "string" && own(ARCHITECTURES, given) !== undefined
      ? `it has no answers of its own; train it with descent train --init ${path}`
      : `export it (optimum-cli export onnx --model ${path} OUT) and give OUT/model.onnx`;
  throw new ConfigError(`${path}: expected a checkpoint of ${known.join(", ")}, got ${named}; ${remedy}`);
}

/** Names of the head's scores, and a remark where nobody gave them any. */
async function labelsFor(
  config: Json,
  path: string,
  given: string | undefined,
): Promise<{ readonly labels: readonly string[]; readonly remarks: readonly string[] }> {
  const where = join(path, "config.json");
  const count = labelCount(config, where);
  if (given !== undefined) return { labels: await givenNames(given, count), remarks: [`${path}: labels from ${given}`] };
  const labels = labelsOf(config, where);
  if (labels === undefined)
    return {
      labels: Array.from({ length: count }, (_, k) => `LABEL_${k}`),
      remarks: [`${path}: its ${count} scores have no names; --labels FILE gives them, a name a line`],
    };
  if (labels.length !== count)
    throw new ConfigError(`${where}: id2label: expected ${count} names, as num_labels says, got ${labels.length}`);
  return { labels, remarks: [] };
}

/** The text of a tokenizer that the user names. */
async function namedTokenizer(file: string): Promise<string> {
  if (!existsSync(file)) throw new ConfigError(`--tokenizer ${file}: expected a tokenizer.json, found none`);
  return readFile(file, "utf8");
}

/**
 * Opens a folder in Hugging Face's form.
 *
 * Errors: ConfigError for a class without answers, for labels that do not fit, and where there is no tokenizer; those of `loadPretrained`.
 */
export async function openCheckpoint(
  path: string,
  config: Json,
  { labels: given, tokenizer: file, ...use }: UseOptions & { readonly labels?: string; readonly tokenizer?: string },
): Promise<{ readonly model: TracedModel; readonly remarks: readonly string[] }> {
  const task = expectTask(config, path);
  const architecture = classOf(config) as ArchitectureName;
  if (given !== undefined && task.pretrained?.labels === undefined)
    throw new ConfigError(`--labels ${given}: expected a checkpoint of a classifier, got ${architecture}`);
  const hasLabels = task.pretrained?.labels !== undefined;
  const { labels, remarks } = hasLabels ? await labelsFor(config, path, given) : { labels: [], remarks: [] };
  const { model, weights, tokenizer: kept } = await loadPretrained(path);
  const text = file === undefined ? await tokenizerOfCheckpoint(path, { tokenizer: kept }) : await namedTokenizer(file);
  const tokenizer = await tokenizerOf({ tokenizer: text });
  if (file !== undefined && tokenizer.size > model.config.vocabSize)
    throw new ConfigError(
      `--tokenizer ${file}: expected at most ${model.config.vocabSize} tokens, as the model's embedding has, got ${tokenizer.size}`,
    );
  const { maxPositions } = model.config;
  const maxLength = lengthFor(maxPositions === undefined ? {} : { maxPositions }, LONGEST);
  const padding = isRecord(config) ? config["pad_token_id"] : undefined;
  const info: TaskInfo = {
    ...task.pretrained?.opened({ tokenizer, maxLength, labels, model, config, where: path }),
    ...(typeof padding === "number" ? { padId: padding } : {}),
    pretrained: { architecture, config },
  };
  const { modelType } = ARCHITECTURES[architecture];
  return { model: new TracedModel(task, modelType, info, weights, use), remarks };
}
