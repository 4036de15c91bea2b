/**
 * @module Files of labels in the formats of other tools: what a format is, and what it is read into.
 */
import type { Kind, Payload, Value } from "../scheme.js";

/** An item with its answer. */
export interface LabelledItem {
  readonly payload: Payload;
  readonly value: Value;
}

/** Files by their names below a folder. */
export type LabelFiles = ReadonlyMap<string, string>;

export interface ReadFormatOptions {
  readonly kind: Kind;
  /** Sizes of images in pixels, by file, for formats that have fractions alone. */
  readonly sizes?: ReadonlyMap<string, { readonly width: number; readonly height: number }>;
  /** Takes sentences on how the files were read. */
  readonly note?: (text: string) => void;
}

/** A format, both ways: what is written is read back equal. */
export interface LabelFormat {
  readonly name: string;
  readonly title: string;
  readonly kinds: readonly Kind[];
  /** Errors: ConfigError for what the format cannot say. */
  write(items: readonly LabelledItem[], labels: readonly string[]): Map<string, string>;
  /** Errors: DataError, naming the file, for what is not of the format. */
  read(files: LabelFiles, options: ReadFormatOptions): LabelledItem[];
}

/** The spans of an answer; none of another kind. */
export const spansIn = (value: Value): readonly { readonly start: number; readonly end: number; readonly label: string }[] =>
  "spans" in value ? value.spans : [];
export const classesIn = (value: Value): readonly string[] => ("classes" in value ? value.classes : []);

/** Coordinates without the noise of fractions of fractions. */
export const rounded = (x: number): number => Math.round(x * 1e6) / 1e6;

/** A file's name without folders and extension. */
export const stemOf = (file: string): string => (file.split("/").at(-1) ?? file).replace(/\.[^.]*$/, "");
