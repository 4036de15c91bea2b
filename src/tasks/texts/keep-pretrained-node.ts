/**
 * @module The model of a run as a checkpoint for others, in Hugging Face's form.
 */
import { join } from "node:path";
import { labelConfig, nameOfArchitecture } from "../../models/index.js";
import type { Json } from "../../optim/index.js";
import { savePretrained } from "../../train/node.js";
import { graphInfo } from "../graph-use.js";
import type { Finished } from "../task-node.js";
import type { TextInfo } from "./texts.js";

/**
 * Leaves the model of a run beside it as a checkpoint of Hugging Face's form, in `pretrained/`: its tokenizer, and the names of its labels. Nothing where
 * their libraries have no class for it.
 */
export async function keepPretrained({ used, writer }: Finished, more: Readonly<Record<string, Json>> = {}): Promise<void> {
  if (graphInfo(used.info) !== undefined || nameOfArchitecture(used.model) === undefined) return;
  const { tokenizer } = used.info as TextInfo;
  const labels = used.task.pretrained?.labels?.(used.info);
  const config = { ...(labels === undefined ? {} : labelConfig(labels)), ...more };
  await savePretrained(join(writer.path, "pretrained"), used.model, used.weights, { tokenizer, config });
}
