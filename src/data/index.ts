/**
 * @module Data sets, loaders, splits and formats that work anywhere. Code that needs a file system is in `descentjs/data/node`.
 */
export { cell, exampleAt, isMissing, isText, placeAt, rowSize } from "./column.js";
export type { CellValue, Column, ColumnLike, NumberBlock, RowPositions, TensorColumn, TextColumn } from "./column.js";
export * from "./dataset.js";
export * from "./loader.js";
export * from "./ragged.js";
export * from "./split.js";
export { holdOut, parseFold } from "./hold-out.js";
export { isTableSource, parseTable } from "./csv/parse-table.js";
export type { ParsedTable, ParseTableOptions, TableSource } from "./csv/parse-table.js";
export type { Fold, HoldOutOptions } from "./hold-out.js";
export * from "./safetensors.js";
export { parseIdx } from "./readers/idx.js";
export * from "./labels.js";
export * from "./guess.js";
export * from "./registry.js";
export { SchemaBuilder } from "./schema/infer.js";
export type { CellOptions, ColumnType } from "./schema/column-type.js";
export type { InferredSchema } from "./schema/infer.js";
export { readWith, tableSchemaSchema } from "./schema/table-schema.js";
export type { TableField, TableSchema } from "./schema/table-schema.js";
export * from "./tabular.js";
export type { TabularTarget } from "./tabular-target.js";
export { numberAt } from "./tabular-features.js";
export { BOX_COLUMNS, boxCollate } from "./images/boxes.js";
export { EVIDENCE, imageCollate, isEncoded } from "./images/encoded.js";
export type { ImageBatchOptions } from "./images/encoded.js";
export { labelledTextAt, labelledTexts } from "./text/labelled-text.js";
export type { LabelledText, Offsets, Proposition } from "./text/labelled-text.js";
export { parseConll } from "./text/conll.js";
export { parsePropositions } from "./text/propositions.js";
export { characterOffsets, parseSpanLines } from "./text/span-lines.js";
export { cutText } from "./text/plain.js";
export { decodeUtf8 } from "./text/lines.js";
