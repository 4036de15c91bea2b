/**
 * @module `--shape`, read: lengths of free dimensions by their names, and shapes of inputs by theirs.
 */
import { totalmem } from "node:os";
import { bindDim, DTYPES, sizeOf, symbol } from "../../graph/index.js";
import type { DeclaredValue, Lengths, ModelProto } from "../../onnx/index.js";
import { encodeModel, OnnxModel, withLengths } from "../../onnx/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { own } from "../../util/record.js";
import type { ColumnsInHand } from "../tables/file-columns.js";
import { columnsOfKind } from "../tables/file-columns.js";

/** Longer axes are typing errors: engines count in 32 bits. */
const MOST_LENGTH = 2 ** 31 - 1;

/** Lengths by the names of dimensions, and shapes by those of inputs. */
export interface GivenShapes {
  readonly bindings: Readonly<Record<string, number>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/**
 * Reads `--shape` against the names that a model has.
 *
 * Errors: ConfigError for what is not a NAME=NUMBER or NAME=NxN…, a name that is none of the model's, and one that is given two values.
 */
export function parseShapes(given: readonly string[], dimensions: readonly string[], inputs: readonly string[]): GivenShapes {
  const [bindings, shapes] = [new Map<string, number>(), new Map<string, readonly number[]>()];
  for (const item of given) {
    const [, name = "", value = ""] = /^(.+)=(\d+(?:x\d+)*)$/.exec(item) ?? [];
    const where = `--shape ${item}`;
    if (name === "") throw new ConfigError(`${where}: expected NAME=NUMBER or NAME=NUMBERxNUMBER…, got "${item}"`);
    const lengths = value.split("x").map(Number);
    const large = lengths.find((d) => d > MOST_LENGTH);
    if (large !== undefined) throw new ConfigError(`${where}: expected lengths of at most ${MOST_LENGTH}, got ${large}`);
    const before = bindings.get(name) ?? shapes.get(name)?.join("x");
    if (before !== undefined && String(before) !== lengths.join("x"))
      throw new ConfigError(`${where}: expected one value for ${name}, got ${before} before; leave one of them out`);
    if (inputs.includes(name)) shapes.set(name, lengths);
    else if (dimensions.includes(name) && lengths.length === 1) bindings.set(name, lengths[0] as number);
    else {
      const free = dimensions.length === 0 ? "no free dimension" : `free dimensions ${dimensions.join(", ")}`;
      throw new ConfigError(
        `${where}: expected a name of the model's, which has ${free} and inputs ${inputs.join(", ")}, got ${name}`,
      );
    }
  }
  return { bindings: Object.fromEntries(bindings), shapes: Object.fromEntries(shapes) };
}

/** Refuses sizes that this machine's memory does not hold. ConfigError. */
export function expectRoom(where: string, what: string, bytes: number): void {
  const gib = (size: number): string => `${(size / 2 ** 30).toFixed(1)} GiB`;
  if (bytes > totalmem())
    throw new ConfigError(
      `${where}: expected ${what} within this machine's memory of ${gib(totalmem())}, got ${gib(bytes)}; give smaller lengths by --shape`,
    );
}

/** Bytes of a file's inputs as they are made, in float64 and in their own type; one of what is still free. */
function inputBytes({ declaredInputs }: OnnxModel, { lengths, shapes }: Settled): number {
  return [...declaredInputs].reduce((sum, [name, { dtype = "float32", shape = own(shapes, name) ?? [] }]) => {
    const dims = shape.map((d) => bindDim(d, lengths));
    return sum + sizeOf(dims.map((d) => (typeof d === "number" ? d : 1))) * (8 + DTYPES[dtype].bytes);
  }, 0);
}

/** Lengths that `--shape` gives a file, by the names of dimensions, and shapes by those of inputs. */
interface Settled {
  readonly lengths: Lengths;
  readonly shapes: GivenShapes["shapes"];
}

/** A file, and its messages with all weights inside. */
export interface WholeFile {
  readonly file: OnnxModel;
  readonly whole: ModelProto;
  /** The file as it was before its free dimensions were settled. */
  readonly before?: OnnxModel;
}

/** Reads what `--shape` says of a file. Errors: those of `parseShapes`; ConfigError for what is too large, or nothing; ShapeError for contradictions. */
export function checkShapes(file: OnnxModel, given: readonly string[]): Settled {
  const { bindings, shapes } = parseShapes(given, file.freeDimensions, [...file.declaredInputs.keys()]);
  const empty = given.find((item) => /[=x]0+(?:x|$)/.test(item));
  if (empty !== undefined) throw new ConfigError(`--shape ${empty}: expected lengths of at least 1, got 0`);
  const settled = { lengths: file.lengthsOf(shapes, bindings), shapes };
  expectRoom(file.where, "inputs", inputBytes(file, settled));
  return settled;
}

/** Declares a file for what `--shape` says. Errors: those of `checkShapes`. */
export function settledShapes({ file, whole }: WholeFile, given: readonly string[]): WholeFile {
  if (given.length === 0) return { file, whole };
  const { lengths, shapes } = checkShapes(file, given);
  const settled = withLengths(whole, lengths, shapes);
  return { file: new OnnxModel(encodeModel(settled), { where: file.where }), whole: settled, before: file };
}

/** Refuses a length for the tokens of a text, which has its own. ConfigError. */
export function expectOwnLength({ file, before }: WholeFile, ids: string | undefined, given: readonly string[] = []): void {
  if (ids === undefined || before === undefined) return;
  const length = before.declaredInputs.get(ids)?.shape?.[1];
  if (typeof file.declaredInputs.get(ids)?.shape?.[1] === "number" && length !== undefined && typeof length !== "number")
    throw new ConfigError(
      `--shape ${given.join(" ")}: expected no length for ${length} of ${file.where}: each text has its own number of tokens; leave it out`,
    );
}

/** The input whose number of columns is free, and the name of that. */
interface FreeColumns {
  readonly input: string;
  readonly dtype: DeclaredValue["dtype"];
  readonly dimension: string;
}

/** A file of columns whose number it leaves free, of which nothing says how many there are. */
export class FreeColumnsError extends ConfigError implements Omit<FreeColumns, "input"> {
  readonly dtype: FreeColumns["dtype"];
  readonly dimension: string;

  constructor(message: string, { dtype, dimension }: FreeColumns) {
    super(message);
    this.dtype = dtype;
    this.dimension = dimension;
  }
}

/** The inputs of a file of columns, [N] or [N, F], whose F is free; none for a file of other inputs. */
function freeColumns({ declaredInputs }: OnnxModel): readonly FreeColumns[] {
  const inputs = [...declaredInputs];
  if (inputs.some(([, { dtype, shape }]) => dtype === undefined || (shape?.length !== 1 && shape?.length !== 2))) return [];
  return inputs.flatMap(([input, { dtype, shape }]) => {
    const width = shape?.[1];
    return width === undefined || typeof width === "number" ? [] : [{ input, dtype, dimension: String(width) }];
  });
}

/**
 * A file of columns whose number it leaves free, declared for the columns in hand.
 *
 * Errors: ConfigError where nothing says how many there are, DataError where there are none; ShapeError for contradictions.
 */
export async function settledColumns(
  { file, whole }: WholeFile,
  { shape, columns }: { readonly shape?: readonly string[]; readonly columns?: () => Promise<ColumnsInHand> },
): Promise<WholeFile> {
  const free = freeColumns(file);
  const [first] = free;
  if (first === undefined) return { file, whole };
  const { where, declaredInputs } = file;
  const { input, dtype } = first;
  if (columns === undefined || declaredInputs.size > 1) {
    const names = [...new Set(free.map((each) => each.dimension))];
    const remedy =
      shape === undefined
        ? "export it with a fixed number"
        : `give it by ${names.map((name) => `--shape ${name}=NUMBER`).join(" ")}`;
    const message = `${where}: expected the number of columns of input "${input}", got [${declaredInputs.get(input)?.shape?.join(", ")}], where ${names.join(", ")} ${names.length === 1 ? "is" : "are"} free; ${remedy}`;
    throw declaredInputs.size > 1 ? new ConfigError(message) : new FreeColumnsError(message, first);
  }
  const { rows, areGiven } = await columns();
  const found = areGiven ? rows.names : columnsOfKind(rows, dtype);
  if (found.length === 0)
    throw new DataError(
      `${where}: expected columns of ${dtype === "string" ? "texts" : "numbers"} for input "${input}", got none in ${rows.names.join(", ")}`,
    );
  const settled = withLengths(whole, file.lengthsOf({ [input]: [symbol("N"), found.length] }));
  return { file: new OnnxModel(encodeModel(settled), { where }), whole: settled };
}
