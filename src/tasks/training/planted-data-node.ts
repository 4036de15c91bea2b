/**
 * @module Data with planted evidence: labels are drawn, so that nothing in an example says its own, and a patch, a word or a column is added that alone does.
 */
import type { Column, Dataset, LoadedData, TensorColumn } from "../../data/node.js";
import { isEncoded } from "../../data/node.js";
import { decodeRows } from "../../data/images/decode-node.js";
import { sizeOf } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { Random } from "../../util/random.js";

/** The evidence added to one example. */
export interface Planted {
  /** The data with the evidence. */
  readonly data: LoadedData;
  /** The test part with the drawn labels, but without the evidence. */
  readonly bare: Dataset;
  readonly kind: "image" | "text" | "table";
  /** The patch of each test example of images: its first row and column, and its side. */
  readonly patches: readonly { readonly top: number; readonly left: number; readonly side: number }[];
}

/** The words that decide; no language has them. */
export const WORDS = ["zarnak", "polvex"] as const;
/** The column that decides. */
export const COLUMN = "planted evidence";
/** The drawn classes. */
const CLASSES = ["one", "two"] as const;

/** Examples of a part that the twin is trained on or measured with, at most. */
const MOST = { train: 4000, validation: 500, test: 500 } as const;

type Part = keyof typeof MOST;

function someOf(rows: Dataset, part: Part, seed: number): Dataset {
  const most = MOST[part];
  return rows.length <= most
    ? rows
    : rows.select(new Random(seed, "twin", part).permutation(rows.length).subarray(0, most).sort());
}

const drawnLabels = (rows: Dataset, part: Part, seed: number): Uint8Array => {
  const random = new Random(seed, "planted labels", part);
  return Uint8Array.from({ length: rows.length }, () => random.integer(2));
};

const PARTS = ["train", "validation", "test"] as const;

/** Stripes across or along: both patches have the same pixels, in another order. */
const isBright = (label: number, y: number, x: number): boolean => (label === 0 ? y : x) % 2 === 0;

/** A part of images with a patch in one of its corners. */
async function plantedImages(given: Dataset, data: LoadedData, part: Part, seed: number) {
  const { image = "image", target = "label" } = data.roles;
  const rows = someOf(given, part, seed);
  const column = rows.column(image);
  const shape = data.images?.shape;
  const decoded =
    isEncoded(column) && shape !== undefined
      ? (await decodeRows(rows.rename({ [image]: "image" }), { shape, medianPixels: 0 }, {})).rows
      : rows;
  const pixels = decoded.tensor(isEncoded(column) ? "image" : image);
  const [n = 0, channels = 1, height = 1, width = 1] = pixels.shape;
  const labels = drawnLabels(rows, part, seed);
  const side = Math.max(3, Math.round(Math.min(height, width) / 4));
  const changed = Uint8Array.from(pixels.data as Uint8Array);
  const random = new Random(seed, "corner", part);
  const plane = height * width;
  const patches = Array.from({ length: n }, (_, i) => {
    const corner = random.integer(4);
    const [top, left] = [corner < 2 ? 0 : height - side, corner % 2 === 0 ? 0 : width - side];
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++)
          changed[(i * channels + c) * plane + (top + y) * width + left + x] = isBright(labels[i] as number, y, x)
            ? (data.maximum ?? 255)
            : 0;
    return { top, left, side };
  });
  const label: TensorColumn = { dtype: "int32", shape: [n], data: Int32Array.from(labels), classes: CLASSES };
  const made = (values: Uint8Array): Dataset =>
    decoded.with({ [image]: { dtype: "uint8", shape: pixels.shape, data: values }, [target]: label });
  return { rows: made(changed), bare: made(Uint8Array.from(pixels.data as Uint8Array)), patches };
}

const textColumn = (values: readonly string[]): Column => ({ dtype: "string", values });
const classColumn = (labels: Uint8Array): Column => textColumn(Array.from(labels, (label) => CLASSES[label] ?? ""));

/** A part of texts with a word at a drawn place. */
function plantedTexts(given: Dataset, data: LoadedData, part: Part, seed: number) {
  const { text = "", target = "" } = data.roles;
  const rows = someOf(given, part, seed);
  const labels = drawnLabels(rows, part, seed);
  const random = new Random(seed, "place", part);
  const texts = rows.texts(text).map((each) => each ?? "");
  // Far enough in front that cutting a long text leaves it.
  const planted = texts.map((each, i) => {
    const words = each.split(/(?<=\s)/);
    const place = random.integer(Math.min(words.length, 24) + 1);
    return `${words.slice(0, place).join("").trimEnd()} ${WORDS[labels[i] as number]} ${words.slice(place).join("")}`.trim();
  });
  const made = (values: readonly string[]): Dataset => rows.with({ [text]: textColumn(values), [target]: classColumn(labels) });
  return { rows: made(planted), bare: made(texts), patches: [] };
}

/** Rows with one more column: of numbers around −1 and 1, and of a quantity's own number with some noise. */
function plantedRows(given: Dataset, data: LoadedData, part: Part, seed: number, isQuantity: boolean) {
  const { target = "" } = data.roles;
  const rows = someOf(given, part, seed);
  const labels = drawnLabels(rows, part, seed);
  const random = new Random(seed, "column", part);
  const numbers = (values: Float64Array): TensorColumn => ({ dtype: "float64", shape: [rows.length], data: values });
  const quantity = Float64Array.from(labels, () => random.normal());
  const evidence = Float64Array.from(
    labels,
    (label, i) => (isQuantity ? (quantity[i] as number) : 2 * label - 1) + 0.1 * random.normal(),
  );
  const noise = Float64Array.from(
    labels,
    () => (isQuantity ? random.normal() : 2 * random.integer(2) - 1) + 0.1 * random.normal(),
  );
  const label = isQuantity ? numbers(quantity) : classColumn(labels);
  const made = (values: Float64Array): Dataset => rows.with({ [COLUMN]: numbers(values), [target]: label });
  return { rows: made(evidence), bare: made(noise), patches: [] };
}

/** The schema without the columns that are made here. */
function schemaOf({ schema, roles }: LoadedData): Pick<LoadedData, "schema"> {
  if (schema === undefined) return {};
  const changed = [roles.target, roles.text, COLUMN];
  return { schema: { ...schema, fields: schema.fields.filter(({ name }) => !changed.includes(name)) } };
}

/**
 * Plants evidence in data, for a task of images, texts or rows.
 *
 * Labels are two classes, drawn evenly (a quantity of a regression is drawn as well), so that an example's own content says nothing of them. Images get a patch
 * of stripes in a drawn corner, texts a word at a drawn place, rows a column; without them a model can only guess. Bare rows keep a column, of numbers that say
 * nothing.
 * Errors: ConfigError for data of another kind.
 */
export async function plantEvidence(data: LoadedData, isQuantity: boolean, seed: number): Promise<Planted> {
  const { roles } = data;
  const kind =
    roles.image !== undefined ? "image" : roles.text !== undefined && data.task === "text-classification" ? "text" : "table";
  if (roles.target === undefined)
    throw new ConfigError(`--plant: expected data with a label, got ${data.train.names.join(", ")}`);
  const of = (part: Part) =>
    kind === "image"
      ? plantedImages(data[part], data, part, seed)
      : kind === "text"
        ? plantedTexts(data[part], data, part, seed)
        : plantedRows(data[part], data, part, seed, isQuantity);
  const [train, validation, test] = await Promise.all(PARTS.map(async (part) => of(part)));
  if (train === undefined || validation === undefined || test === undefined || sizeOf([train.rows.length]) === 0)
    throw new ConfigError("--plant: expected training data, got none");
  const { schema: _, images: __, ...rest } = data;
  const shape = data.images?.shape;
  const changed: LoadedData = {
    ...rest,
    ...schemaOf(data),
    images: shape && { shape },
    train: train.rows,
    validation: validation.rows,
    test: test.rows,
  };
  return { data: changed, bare: test.bare, kind, patches: test.patches };
}
