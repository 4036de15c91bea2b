/**
 * @module ONNX models on disk, with the files beside them that hold their numbers.
 */
import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";
import type { TensorData } from "../graph/index.js";
import type { ImportedModel, ImportOptions } from "../onnx/index.js";
import { importOnnx, onnxWeights } from "../onnx/index.js";
import { DataError } from "../util/errors.js";
import { readFileBytes } from "./files-node.js";

/**
 * Reads an ONNX file: weights become parameters, free dimensions symbols.
 *
 * Errors: DataError if it is missing, no whole model, or names numbers outside its own folder; UnsupportedOpError with all ops
 * that Descent does not have.
 */
export async function loadOnnx(path: string, options: Omit<ImportOptions, "externalData"> = {}): Promise<ImportedModel> {
  const where = options.where ?? basename(path);
  const bytes = await readFileBytes(path);
  const folder = dirname(resolve(path));
  return importOnnx(bytes, {
    ...options,
    where,
    externalData: (location, offset, length) => readBeside(folder, location, offset, length, where),
  });
}

/** The numbers that are stored in an ONNX file, by name. Errors: DataError if it is missing, or no whole model. */
export async function loadOnnxWeights(path: string): Promise<Map<string, TensorData>> {
  const where = basename(path);
  const bytes = await readFileBytes(path);
  const folder = dirname(resolve(path));
  return onnxWeights(bytes, {
    where,
    externalData: (location, offset, length) => readBeside(folder, location, offset, length, where),
  });
}

/** A file may point at nothing outside its folder: it comes from somebody else. */
export function readBeside(folder: string, location: string, offset: number, length: number, where: string): Uint8Array {
  const outside = (path: string): boolean => path === "" || path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
  const refused = (): DataError => new DataError(`${where}: expected its numbers in a file of its own folder, got "${location}"`);
  if (outside(relative(folder, resolve(folder, location)))) throw refused();
  let file: string;
  try {
    file = realpathSync(resolve(folder, location));
  } catch (cause) {
    throw new DataError(`${where}: expected its numbers in "${location}" beside it, got no such file`, { cause });
  }
  if (outside(relative(realpathSync(folder), file))) throw refused();
  const handle = openSync(file, "r");
  try {
    // No more memory than the file has bytes, whatever the model says.
    const bytes = new Uint8Array(Math.max(0, Math.min(length, fstatSync(handle).size - offset)));
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(handle, bytes, done, Math.min(bytes.length - done, 2 ** 30), offset + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  } finally {
    closeSync(handle);
  }
}
