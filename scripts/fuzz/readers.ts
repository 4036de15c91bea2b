/**
 * @module Every reader that takes a file or a text of somebody else.
 */
import { ConfigError } from "../../src/util/errors.js";
import { unknownName } from "../../src/util/nearest.js";
import type { FuzzReader } from "./reader.js";
import { DATA_READERS } from "./readers-data.js";
import { LABEL_READERS } from "./readers-labels.js";
import { MODEL_READERS } from "./readers-models.js";
import { RUN_READERS } from "./readers-runs.js";

export const READERS: readonly FuzzReader[] = [...DATA_READERS, ...LABEL_READERS, ...MODEL_READERS, ...RUN_READERS];

export function readerNamed(name: string): FuzzReader {
  const reader = READERS.find((each) => each.name === name);
  if (reader !== undefined) return reader;
  throw new ConfigError(unknownName("reader", name, READERS.map((each) => each.name))); // prettier-ignore
}
