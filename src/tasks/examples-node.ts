/**
 * @module Examples for a trained model: data with targets to measure on, and inputs without to answer.
 */
import { Dataset, fromRows, KNOWN_DATASETS, loadData, readTable, tableFormat } from "../data/node.js";
import { parseIdx } from "../data/node.js";
import { readFileBytes, unwrapGzip } from "../data/files-node.js";
import type { RunConfig } from "../train/run-folder.js";
import { ConfigError, DataError } from "../util/errors.js";
import { readImage } from "../vision/images-node.js";
import type { ImageInfo } from "./image-classification.js";
import type { TrainedModel } from "./trained-node.js";

export interface ExamplesOptions {
  readonly data: string;
  readonly labelColumn?: string;
  readonly skipBadRows?: boolean;
}

/**
 * Data with targets. Of the data that the model was trained on, and of known data, the test part by the run's own seed; of a folder with
 * a test part, that; of another file, all rows.
 */
export async function loadExamples(
  model: TrainedModel,
  config: RunConfig,
  options: ExamplesOptions,
): Promise<{ examples: Dataset; notes: readonly string[] }> {
  const { task, info } = model;
  const seed = typeof config.options["seed"] === "number" ? config.options["seed"] : 1;
  const labelColumn = options.labelColumn ?? task.targetColumn(info);
  const isTrainingData = options.data === config.options["data"];
  const isKnown = KNOWN_DATASETS.some(({ name }) => name === options.data);
  const data = await loadData(options.data, {
    seed,
    // Nothing is held back of a file that is there to be measured on.
    ...(isTrainingData || isKnown ? {} : { testFraction: 0, validationFraction: 0 }),
    ...(labelColumn === undefined ? {} : { labelColumn }),
    skipBadRows: options.skipBadRows === true,
  });
  const part = data.test.length > 0 ? data.test : data.train.concat(data.validation);
  return { examples: task.examples(data, part, info), notes: data.notes };
}

/** One input for each row or file, and how to name it in the answer. */
export interface NamedInputs {
  readonly examples: Dataset;
  readonly names: readonly string[];
  /** Rows as they were given, for tables: they stand beside the answers. */
  readonly rows?: Dataset;
  /** Rows that were left out because they do not parse. */
  readonly badRows: number;
}

/** Inputs from a command line: image files, IDX files, tables, or one row as `name=value` pairs. Errors: DataError, ConfigError. */
export async function readInputs(
  model: TrainedModel,
  inputs: readonly string[],
  options: { readonly skipBadRows?: boolean } = {},
): Promise<NamedInputs> {
  if (inputs.length === 0) throw new ConfigError("predict: expected an input, got none");
  return model.task.name === "image-classification" ? readImages(model, inputs) : readRows(model, inputs, options);
}

async function readImages(model: TrainedModel, inputs: readonly string[]): Promise<NamedInputs> {
  const info = model.info as ImageInfo;
  const size = info.imageShape.reduce((product, d) => product * d, 1);
  const pieces: { name: string; pixels: Uint8Array }[] = [];
  for (const path of inputs) {
    if (/idx\d/.test(path)) {
      const images = parseIdx(await unwrapGzip(await readFileBytes(path), path), path);
      const [count = 0, ...rest] = images.shape;
      if (rest.reduce((product, d) => product * d, 1) !== size)
        throw new DataError(`${path}: expected images of ${info.imageShape.join("×")}, got ${rest.join("×")}`);
      for (let i = 0; i < count; i++)
        pieces.push({ name: `${path}#${i}`, pixels: images.data.subarray(i * size, (i + 1) * size) as Uint8Array });
    } else {
      const { data } = await readImage(path, info.imageShape);
      // Files are 0…255; the model may have been trained on fewer shades.
      const pixels =
        info.maximum === 255
          ? (data as Uint8Array)
          : Uint8Array.from(data as Uint8Array, (v) => Math.round((v / 255) * info.maximum));
      pieces.push({ name: path, pixels });
    }
  }
  const pixels = new Uint8Array(pieces.length * size);
  pieces.forEach((piece, i) => pixels.set(piece.pixels, i * size));
  const examples = model.task.encode(
    new Dataset({ image: { dtype: "uint8", shape: [pieces.length, ...info.imageShape], data: pixels } }),
    info,
  );
  return { examples, names: pieces.map(({ name }) => name), badRows: 0 };
}

async function readRows(
  model: TrainedModel,
  inputs: readonly string[],
  options: { readonly skipBadRows?: boolean },
): Promise<NamedInputs> {
  const isRow = inputs.every((text) => /^[^=]+=/.test(text) && tableFormat(text) === undefined);
  const { data: rows, badRows } = isRow
    ? { data: fromRows([Object.fromEntries(inputs.map(parsePair))]), badRows: 0 }
    : await readTables(inputs, options);
  const names = Array.from({ length: rows.length }, (_, i) => String(i));
  return { examples: model.task.encode(rows, model.info), names, rows, badRows };
}

async function readTables(
  paths: readonly string[],
  { skipBadRows = false }: { readonly skipBadRows?: boolean },
): Promise<{ data: Dataset; badRows: number }> {
  const tables = await Promise.all(paths.map((path) => readTable(path, { skipBadRows })));
  const [first, ...rest] = tables.map(({ data }) => data);
  return { data: (first as Dataset).concat(...rest), badRows: tables.reduce((sum, { badRows }) => sum + badRows, 0) };
}

/** `age=41` → ["age", 41]; an empty value is a missing one. */
function parsePair(text: string): [string, string | number | null] {
  const at = text.indexOf("=");
  const value = text.slice(at + 1);
  const number = Number(value);
  return [text.slice(0, at), value === "" ? null : Number.isFinite(number) && value.trim() !== "" ? number : value];
}
