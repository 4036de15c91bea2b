/**
 * @module Inputs that somebody sends, in place of files: texts, images as bytes, rows as objects. A text is never the name of a file here.
 */
import type { CellValue } from "../../data/node.js";
import { Dataset, fromRows } from "../../data/node.js";
import { decodeRows } from "../../data/images/decode-node.js";
import { encodedColumn } from "../../data/images/encoded.js";
import { endsWhole, imageHeader } from "../../vision/images-node.js";
import { isRecord } from "../../util/record.js";
import { DataError } from "../../util/errors.js";
import type { ImageInfo } from "../images/images.js";
import type { TextInfo } from "../texts/texts.js";
import { encodeTexts, lengthNotes } from "../texts/texts.js";
import { fileRows } from "../tables/file-columns.js";
import { tableReader } from "../tables/reader.js";
import type { NamedInputs } from "../task-node.js";
import type { TrainedModel } from "../trained-model.js";
import { inShades } from "../images/image-inputs-node.js";

/** One input: a text, an encoded image, or a row of a table. */
export type GivenInput = string | Uint8Array | Readonly<Record<string, unknown>>;

/** Kinds of inputs, by what a model was trained on. */
export type InputKind = "text" | "image" | "table";

/** The kind of inputs that a model takes. */
export function inputKind({ info }: Pick<TrainedModel, "info">): InputKind {
  if (Array.isArray((info as Partial<ImageInfo>).imageShape)) return "image";
  return typeof (info as Partial<TextInfo>).tokenizer === "string" ? "text" : "table";
}

/** Names an input in messages. */
const at = (i: number): string => `input ${i + 1}`;

function textOf(given: GivenInput, i: number, column: string): string {
  const text =
    typeof given === "string"
      ? given
      : given instanceof Uint8Array
        ? undefined
        : Object.entries(given).find(([name]) => name === "text" || name === column)?.[1];
  if (typeof text !== "string") throw new DataError(`${at(i)}: expected a text, or an object with "text", got something else`);
  if (text.trim() === "") throw new DataError(`${at(i)}: expected a text, got an empty one`);
  return text;
}

async function textExamples(model: TrainedModel, given: readonly GivenInput[]): Promise<NamedInputs> {
  const info = model.info as TextInfo & { readonly textColumn?: string };
  const texts = given.map((each, i) => textOf(each, i, info.textColumn ?? "text"));
  if (model.task.name === "text-classification") {
    const examples = await encodeTexts(texts, info);
    return { examples, names: texts, badRows: 0, notes: lengthNotes([examples], info, "send them in parts") };
  }
  const examples = await model.task.encode(new Dataset({ text: { dtype: "string", values: texts } }), info);
  return { examples, names: texts, badRows: 0 };
}

/** Bytes of an image, as they are or in base64, with or without `data:image/png;base64,` in front. */
function imageOf(given: GivenInput, i: number): Uint8Array {
  if (given instanceof Uint8Array) return given;
  const found = typeof given === "string" ? given : Object.entries(given).find(([name]) => name === "image")?.[1];
  if (found instanceof Uint8Array) return found;
  if (typeof found !== "string")
    throw new DataError(`${at(i)}: expected an image in base64, or an object with "image", got something else`);
  const base64 = found.replace(/^data:image\/[\w.+-]+;base64,/, "");
  const bytes = new Uint8Array(Buffer.from(base64, "base64"));
  // One character alone is no byte.
  if (bytes.length === 0 || !/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(base64))
    throw new DataError(`${at(i)}: expected an image in base64, got another text`);
  return bytes;
}

/** Looks at the beginning and the end of each image before anything is decoded. */
async function expectImages(images: readonly Uint8Array[], maxMegapixels: number): Promise<void> {
  for (const [i, bytes] of images.entries()) {
    await imageHeader(bytes, { where: at(i), maxMegapixels });
    if (!(await endsWhole(bytes))) throw new DataError(`${at(i)}: expected a whole image, got a truncated one`);
  }
}

async function imageExamples(model: TrainedModel, given: readonly GivenInput[], maxMegapixels: number): Promise<NamedInputs> {
  const info = model.info as ImageInfo;
  const images = given.map(imageOf);
  await expectImages(images, maxMegapixels);
  const names = images.map((_, i) => at(i));
  const listed = new Dataset({ image: encodedColumn(images), file: names });
  // Boxes are found on images that are laid on the model's square whole, when their turn comes.
  if (model.task.name === "object-detection") return { examples: listed, names, badRows: 0 };
  const { rows } = await decodeRows(listed, { shape: info.imageShape, medianPixels: 0 }, { maxMegapixels });
  const examples = await model.task.encode(new Dataset({ image: inShades(rows.tensor("image"), info) }), info);
  return { examples, names, badRows: 0 };
}

function cellOf(value: unknown, name: string, i: number): CellValue | number[] {
  if (value === null || typeof value === "number" || typeof value === "string" || typeof value === "boolean") return value;
  if (Array.isArray(value) && value.every((each) => typeof each === "number")) return value;
  throw new DataError(`${at(i)}: ${JSON.stringify(name)}: expected a number, a text, true, false or null, got something else`);
}

/** Fields, and those of objects in them as files have them: `user.age`. */
const flatFields = (given: Readonly<Record<string, unknown>>): [string, unknown][] =>
  Object.entries(given).flatMap(([name, value]) =>
    isRecord(value)
      ? Object.entries(value).map(([field, inner]): [string, unknown] => [`${name}.${field}`, inner])
      : [[name, value]],
  );

function rowOf(given: GivenInput, i: number): Readonly<Record<string, CellValue | number[]>> {
  if (typeof given === "string") return { text: given };
  if (given instanceof Uint8Array) throw new DataError(`${at(i)}: expected an object of columns, got bytes`);
  return Object.fromEntries(flatFields(given).map(([name, value]) => [name, cellOf(value, name, i)]));
}

function expectSome(given: readonly GivenInput[]): void {
  if (given.length === 0) throw new DataError("input: expected at least one, got none");
}

/** Reads rows for a file, whose columns have no schema. Errors: DataError for what are no rows. */
export const givenRows = (given: readonly GivenInput[]): Dataset => {
  expectSome(given);
  const rows = given.map(rowOf);
  return fileRows([]).read(fromRows(rows, [...new Set(rows.flatMap((row) => Object.keys(row)))]));
};

async function tableExamples(model: TrainedModel, given: readonly GivenInput[]): Promise<NamedInputs> {
  const rows = given.map(rowOf);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) throw new DataError("input: expected an object of columns, got an empty one");
  const reader = tableReader(model.info);
  // Values as a file would have them: what a column's numbers and dates look like is known from the training.
  const raw = fromRows(reader.schema === undefined ? rows : rows.map(asTexts), columns);
  const data = reader.read(raw, "input");
  const notes = reader.remarks(data, "input");
  const examples = await reader.apply(data, { where: "input" });
  return { examples, names: rows.map((_, i) => String(i)), rows: raw, badRows: 0, notes };
}

/** A row with its plain values as texts. */
const asTexts = (row: Readonly<Record<string, CellValue | number[]>>): Record<string, CellValue | number[]> =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value === null || Array.isArray(value) ? value : String(value)]),
  );

/**
 * Inputs for a model.
 *
 * Errors: DataError for inputs that the model does not take, images that are none or are larger than `maxMegapixels`, columns that the model does not know.
 */
export async function givenInputs(
  model: TrainedModel,
  given: readonly GivenInput[],
  { maxMegapixels }: { readonly maxMegapixels: number },
): Promise<NamedInputs> {
  expectSome(given);
  const kind = inputKind(model);
  if (kind === "image") return imageExamples(model, given, maxMegapixels);
  return kind === "text" ? textExamples(model, given) : tableExamples(model, given);
}
