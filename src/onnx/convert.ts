/**
 * @module Conversion of ONNX nodes: by the table of ops where its entry says enough, by a conversion of its own where
 * opsets differ, where the file may leave things out, or where it is put together from other ops.
 */
import type { Tensor } from "../graph/index.js";
import { isFloat } from "../graph/index.js";
import { OPS } from "../ops/index.js";
import { own } from "../util/record.js";
import type { Call, Operand } from "./call.js";
import { operandOf, operandOfKnown } from "./call.js";
import { FIXED } from "./defaults.js";
import { fold } from "./fold.js";
import type { Known } from "./known.js";
import type { AttributeProto } from "./messages.js";
import { type Conversion, byTable } from "./conversion.js";
import { ATTENDING } from "./convert-attention.js";
import { CONSTANTS } from "./convert-constant.js";
import { CONTROL } from "./convert-control.js";
import { ELEMENTWISE } from "./convert-elementwise.js";
import { FUSED } from "./convert-fused.js";
import { LINALG } from "./convert-linalg.js";
import { LOSSES } from "./convert-loss.js";
import { NORMALIZING } from "./convert-normalization.js";
import { QLINEAR } from "./convert-qlinear.js";
import { QUANTIZING } from "./convert-quantize.js";
import { REDUCING } from "./convert-reduce.js";
import { RESIZING } from "./convert-resize.js";
import { SAMPLING } from "./convert-sample.js";
import { SHAPING } from "./convert-shape.js";
import { SIGNALS } from "./convert-signal.js";
import { WINDOWED } from "./convert-window.js";

/** Conversions of ONNX's own ops whose entry in the table does not say everything, or that have none. */
const CONVERSIONS: ReadonlyMap<string, Conversion> = new Map<string, Conversion>([
  ...Object.entries(WINDOWED),
  ...ATTENDING,
  ...CONSTANTS,
  ...CONTROL,
  ...ELEMENTWISE,
  ...LINALG,
  ...LOSSES,
  ...NORMALIZING,
  ...QUANTIZING,
  ...REDUCING,
  ...RESIZING,
  ...SAMPLING,
  ...SHAPING,
  ...SIGNALS,
  ["Identity", (c) => [c.operand(0)]],
]);

/** Conversions of ops of other domains, by `domain::name`. */
export const FOREIGN: ReadonlyMap<string, Conversion> = new Map<string, Conversion>([
  ...FUSED,
  ...QLINEAR,
  ...SAMPLING.filter(([name]) => name === "GridSample").map(([name, c]): [string, Conversion] => [`com.microsoft::${name}`, c]),
]);

/** Names of the ops of other domains that are put together from the table's. */
export const FOREIGN_OPS: readonly string[] = [...FOREIGN.keys()];

/** Descent's own ops, and those whose meaning depends on the processor. */
const NEVER_READ: ReadonlySet<string> = new Set(["descent", "com.microsoft.nchwc"]);

/** Finds the conversion of a node; undefined if there is none. */
export function conversionOf(domain: string, opType: string): Conversion | undefined {
  if (domain !== "") {
    const foreign = FOREIGN.get(`${domain}::${opType}`);
    if (foreign !== undefined) return foreign;
  } else {
    const own = CONVERSIONS.get(opType);
    if (own !== undefined) return own;
  }
  const op = OPS.get(opType);
  return op !== undefined && op.domain === domain && !NEVER_READ.has(domain) ? (c) => byTable(c, op) : undefined;
}

/** Arrays of up to this many floats join the computation of shapes (scales); larger ones are weights. */
const FEW = 8;

/** The node's inputs, if all are known. */
function foldable(c: Call): readonly Known[] | undefined {
  const ofShape = c.inputs.some((operand) => operand?.known?.ofShape);
  const known: Known[] = [];
  for (const operand of c.inputs) {
    const few = ofShape && operand !== null && operand.shape.length < 2 && !((operand.shape[0] as number) > FEW);
    const value = operand?.known ?? (few ? operand.fixed?.() : undefined);
    if (value === undefined) return undefined;
    known.push(value);
  }
  return known;
}

/** Attributes of every op that change no value: hints about memory in opsets before 6. */
const HARMLESS: ReadonlySet<string> = new Set(["consumed_inputs"]);

/** Whether the conversion has read every attribute of a node, or those left have the table's defaults. */
function unheeded(c: Call): AttributeProto | undefined {
  const fixed = own(FIXED, c.node.opType) ?? {};
  return c
    .unread()
    .find(
      ({ name, value }) =>
        !(name in fixed || HARMLESS.has(name) || name.startsWith("_") || (Array.isArray(value) && value.length === 0)),
    );
}

const asOperand = (value: Tensor | Operand): Operand => ("tensor" in value ? value : operandOf(value));

/** Ops that only move or select elements, and so apply alike to the real numbers that integers were rounded from. */
const MOVING: ReadonlySet<string> = new Set(
  "Concat DepthToSpace Expand Flatten Gather Identity MaxPool Pad Reshape Slice SpaceToDepth Split Squeeze Tile Transpose Unsqueeze".split(
    " ",
  ),
);

/** Carries the real numbers that integers were rounded from through a node that moves them. */
function straightened(c: Call, conversion: Conversion, values: readonly Operand[]): readonly Operand[] {
  if (!MOVING.has(c.node.opType) || !c.inputs.some((operand) => operand?.straight !== undefined)) return values;
  const smooth = c.inputs.map((operand) => (operand?.straight === undefined ? operand : operandOf(operand.straight())));
  let made: readonly Operand[] | undefined;
  const moved = (i: number): Tensor => ((made ??= conversion(c.with(smooth)).map(asOperand))[i] as Operand).tensor();
  return values.map((value, i) =>
    isFloat(value.dtype) || value.dtype === "int64" ? value : { ...value, straight: () => moved(i) },
  );
}

/** The values of a node: computed at once where they can be, otherwise as nodes of the graph. Every attribute is honoured, or refused. */
export function convert(c: Call): readonly Operand[] {
  const { opType, domain } = c.node;
  for (const [name, expected] of Object.entries(own(FIXED, opType) ?? {})) {
    const given = c.attribute(name);
    if (given !== undefined && expected !== null && given.value !== expected)
      c.unsupported(`${name} ${String(given.value)} (only ${expected})`);
  }
  const known = foldable(c);
  const folded = known === undefined || domain !== "" ? undefined : fold(opType, known, c);
  if (folded !== undefined && unheeded(c) === undefined) return [operandOfKnown(folded)];
  const conversion = conversionOf(domain, opType);
  if (conversion === undefined) return c.unsupported("this op");
  const values = straightened(c, conversion, conversion(c).map(asOperand));
  const lost = unheeded(c);
  if (lost !== undefined) c.unsupported(`attribute ${lost.name}${"value" in lost ? valueText(lost.value) : ""}`);
  return values;
}

const valueText = (value: AttributeProto["value"]): string =>
  typeof value === "object" && !Array.isArray(value) ? "" : ` ${String(value)}`;
