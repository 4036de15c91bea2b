/**
 * @module Rows of a table as examples of a model: as its training has learned it, as somebody else's file takes them, or through the first part of one.
 */
import { Dataset, TabularPreprocessor } from "../../data/index.js";
import { graphInfo } from "../graph-use.js";
import type { TaskInfo } from "../task.js";
import type { RowReader } from "./file-columns.js";
import { fileInputsOf, fileRows } from "./file-columns.js";
import { throughPrefix } from "./prefix.js";

/** The reader of rows for a model. */
export function tableReader(info: TaskInfo & { readonly preprocessing?: unknown }): RowReader {
  const inputs = fileInputsOf(info);
  if (inputs !== undefined) return fileRows(inputs);
  const prefix = graphInfo(info)?.prefix;
  if (prefix === undefined) return TabularPreprocessor.fromJSON(info.preprocessing);
  const reader = fileRows(prefix.inputs);
  return {
    ...reader,
    apply: async (rows, options) => new Dataset({ features: await throughPrefix(prefix, reader.apply(rows, options)) }),
  };
}
