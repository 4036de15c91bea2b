/**
 * @module The findings of `descent inspect` as text.
 */
import type { InspectedTensor, InspectedValue, OnnxInspection, Part } from "../onnx/index.js";
import { formatInteger, formatTable } from "../util/text.js";

/** Rows of a list that are shown unless all are asked for. */
const SHOWN = 12;

const shapeText = (shape: readonly (number | string)[] | undefined): string =>
  shape === undefined ? "of any shape" : `[${shape.join(", ")}]`;

/** A table with as many rows as are shown, and a line on the rest. */
export function listed(titles: readonly string[], rows: readonly (readonly string[])[], all: boolean): string {
  const shown = all ? rows : rows.slice(0, SHOWN);
  const rest = rows.length - shown.length;
  return `${formatTable(titles, shown)}${rest > 0 ? `\n… and ${rest} more; --all shows them` : ""}`;
}

export const partsTable = (parts: readonly Part[], all: boolean): string =>
  listed(
    ["part", "tensors", "values"],
    parts.map(({ part, tensors, elements }) => [part, String(tensors), formatInteger(elements)]),
    all,
  );

const valuesTable = (what: string, values: readonly InspectedValue[]): string =>
  formatTable(
    [what, "type", "shape"],
    values.map(({ name, dtype, shape }) => [name, dtype, shapeText(shape)]),
  );

const tensorsTable = (what: string, tensors: readonly InspectedTensor[], all: boolean): string =>
  listed(
    [what, "type", "shape", "since it is"],
    tensors.map(({ name, dtype, shape, why }) => [name, dtype, shapeText(shape), why]),
    all,
  );

/** Constants that might be weights one by one; how many others there are. */
function constantLines(constants: readonly InspectedTensor[], all: boolean): string[] {
  const isPlain = ({ dtype, shape }: InspectedTensor): boolean => !dtype.startsWith("float") || shape.length === 0;
  const shown = all ? constants : constants.filter((tensor) => !isPlain(tensor));
  const plain = constants.length - shown.length;
  const rest = plain === 0 ? [] : [`constants that are integers or scalars: ${plain}${all ? "" : "; --all shows them"}`];
  return [...(shown.length === 0 ? [] : [tensorsTable("constant", shown, all)]), ...rest];
}

function gradientLines({ gradients }: OnnxInspection, all: boolean): string[] {
  const { reached, parameters, obstacles, straightThrough, error } = gradients;
  if (error !== undefined) return [`gradients: none, since its graph cannot be made: ${error}`];
  const lines = [`gradients: reach ${reached} of ${parameters} parameters`];
  if (straightThrough.length > 0)
    lines.push(
      `gradients go straight through the rounding of ${straightThrough.join(", ")}; they are 0 where a number was held at the end of its range`,
    );
  if (obstacles.length > 0) {
    const rows = obstacles.map(({ op, node, why }) => [op, node, why]);
    lines.push(listed(["not differentiable", "node", "why"], rows, all));
  }
  return lines;
}

/** An ONNX model, a paragraph each. */
export function onnxLines(found: OnnxInspection, all: boolean): readonly string[] {
  const others = Object.entries(found.opsets).filter(([domain]) => domain !== "");
  const opsets = [`opset ${found.opset}`, ...others.map(([domain, version]) => `${domain} ${version}`)].join(", ");
  const free = found.freeDimensions.length === 0 ? "none" : found.freeDimensions.join(", ");
  const inner = [
    ...found.functions.map((f) => [`function ${f.name}`, f.nodes, f.calls] as const),
    ...found.subgraphs.map((g) => [g.name, g.nodes, 1] as const),
  ];
  const elements = formatInteger(found.parameters.elements);
  return [
    `ONNX model by ${found.producer === "" ? "an unnamed program" : found.producer}: ${opsets}, ${found.nodes} nodes`,
    valuesTable("input", found.inputs),
    valuesTable("output", found.outputs),
    `free dimensions: ${free}`,
    ...(Object.keys(found.metadata).length === 0
      ? []
      : [listed(["metadata", ""], Object.entries(found.metadata).map(([key, value]) => [key, oneLine(value)]), all)]), // prettier-ignore
    listed(["op", "nodes"], Object.entries(found.ops).map(([op, count]) => [op, String(count)]), all), // prettier-ignore
    ...(inner.length === 0
      ? []
      : [listed(["graph inside", "nodes", "calls"], inner.map(([name, nodes, calls]) => [name, String(nodes), String(calls ?? 1)]), all)]), // prettier-ignore
    `parameters: ${elements} values in ${found.parameters.tensors.length} tensors`,
    ...(found.parameters.tensors.length === 0
      ? []
      : [partsTable(found.parameters.parts, all), tensorsTable("parameter", found.parameters.tensors, all)]),
    ...(found.buffers.length === 0 ? [] : [tensorsTable("buffer", found.buffers, all)]),
    ...constantLines(found.constants, all),
    ...gradientLines(found, all),
  ];
}

const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
};
