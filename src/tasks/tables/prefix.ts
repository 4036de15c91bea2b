/**
 * @module The part of a file that only the engine runs, in front of a graph that is trained: scalers, encoders, counts of words.
 */
import type { Column } from "../../data/index.js";
import { Dataset } from "../../data/index.js";
import type { StringData, TensorData } from "../../graph/index.js";
import { fromNumbers, isStringData, sizeOf, toNumbers } from "../../graph/index.js";
import { encodeModel, OnnxModel } from "../../onnx/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { compile } from "../../runtime/index.js";
import { fromBase64, toBase64 } from "../../util/base64.js";
import { ConfigError } from "../../util/errors.js";
import type { FileInput, FilePrefix } from "../graph-use.js";
import { columnNames, feedsOf, tableInputs } from "./file-columns.js";

/** Rows that go through at once. */
const ROWS = 256;

const rowOf = (inputs: readonly FileInput[]): Dataset =>
  new Dataset(
    inputs.flatMap(({ name, dtype, width }) =>
      Array.from({ length: width }, (_, i): [string, Column] => {
        const column: Column =
          dtype === "string" ? { dtype, values: [""] } : { dtype: "float64", shape: [1], data: new Float64Array(1) };
        return [`${name} ${i}`, column];
      }),
    ),
  );

/** The shape of what one row becomes. */
function shapeOf(name: string, data: TensorData | StringData | undefined, where: string): readonly number[] {
  if (data === undefined || isStringData(data) || data.dtype !== "float32" || data.shape[0] !== 1)
    throw new ConfigError(
      `${where}: expected float32 [N, …] between the part that only the engine runs and the one that is trained, got ${data?.dtype ?? "nothing"} [${(data?.shape ?? []).join(", ")}] in ${name}`,
    );
  return data.shape.slice(1);
}

/** Number of values of all outputs for a row. */
export const prefixWidth = ({ outputs }: Pick<FilePrefix, "outputs">): number =>
  outputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/**
 * Opens the engine on a file's first part, and finds how wide its outputs are.
 *
 * Errors: ConfigError for inputs that are not columns of a table, and outputs that are not floats.
 */
export async function prefixOf(model: ModelProto, where: string): Promise<FilePrefix> {
  const onnx = new OnnxModel(encodeModel(model), { where });
  const inputs = tableInputs(onnx, columnNames(model.metadata));
  await using session = await compile(onnx);
  const given = await session.callWithTexts(feedsOf(inputs, rowOf(inputs)));
  const outputs = model.graph.outputs.map(({ name }) => ({ name, shape: shapeOf(name, given[name], where) }));
  return { file: toBase64(encodeModel(model)), inputs, outputs };
}

/** The outputs of a file's first part for examples, side by side: float32 [N, F]. */
export async function throughPrefix(prefix: FilePrefix, examples: Dataset): Promise<Column> {
  const { file, inputs, outputs } = prefix;
  const width = prefixWidth(prefix);
  const all = new Float32Array(examples.length * width);
  await using session = await compile(new OnnxModel(fromBase64(file), { where: "first part of the graph" }));
  for (let from = 0; from < examples.length; from += ROWS) {
    const part = examples.slice(from, Math.min(examples.length, from + ROWS));
    const given = await session.callWithTexts(feedsOf(inputs, part));
    let start = 0;
    for (const { name, shape } of outputs) {
      const own = sizeOf(shape);
      const numbers = toNumbers(given[name] as TensorData);
      for (let i = 0; i < part.length; i++)
        for (let c = 0; c < own; c++) all[(from + i) * width + start + c] = numbers[i * own + c] as number;
      start += own;
    }
  }
  return fromNumbers("float32", [examples.length, width], all);
}

/** Names of the numbers that it gives. */
export const prefixNames = ({ outputs }: FilePrefix): string[] =>
  outputs.flatMap(({ name, shape }) => {
    const width = sizeOf(shape);
    return Array.from({ length: width }, (_, i) => (width === 1 ? name : `${name}[${i}]`));
  });
