/**
 * @module ONNX models on disk, with the files beside them that hold their weights.
 */
import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";
import type { TensorData } from "../graph/index.js";
import { type ExternalData, OnnxModel, type OnnxModelOptions, onnxWeights } from "../onnx/index.js";
import { DataError } from "../util/errors.js";
import { readFileBytes } from "./files-node.js";
import { outlineOf } from "./onnx-outline-node.js";

/**
 * Opens an ONNX file. Numbers of large tensors stay in the file until they are asked for; `compile(model)` opens the file itself.
 *
 * Errors: DataError if it is missing, no whole model, or names numbers outside its own folder; on asking for its graph UnsupportedOpError
 * with all ops that Descent does not have.
 *
 * @example
 * import { compile } from "descentjs";
 * import { loadOnnx } from "descentjs/data/node";
 * const model = await loadOnnx("their.onnx");
 * console.log(model.graph.inputs.map(({ shape }) => shape.length)); // [ 4 ]
 * const session = await compile(model); // the engine opens the file itself
 * await session.dispose();
 */
export async function loadOnnx(path: string, options: Omit<OnnxModelOptions, "externalData"> = {}): Promise<OnnxModel> {
  const where = options.where ?? basename(path);
  const file = resolve(path);
  const before = versionOf(file);
  const bytes = (before === undefined ? undefined : outlineOf(file)) ?? (await readFileBytes(path));
  const isCurrent = (): boolean => before !== undefined && versionOf(file) === before;
  const read = (location: string, offset: number, length: number): Uint8Array => {
    if (location === basename(file)) {
      if (isCurrent()) return readPart(file, offset, length);
      throw new DataError(`${where}: expected the file that was opened, got one that has changed since; open it again`);
    }
    return readBeside(dirname(file), location, offset, length, where);
  };
  const size = before === undefined ? undefined : Number(before.split(" ")[0]);
  const externalData: ExternalData = Object.assign(read, {
    sizeOf: (location: string) => (location === basename(file) ? size : undefined),
  });
  return new OnnxModel(bytes, { ...options, where, externalData }, { file, isCurrent });
}

/** Identifies the version of a file under its path; undefined where there is none that can be read. */
function versionOf(path: string): string | undefined {
  try {
    const { size, mtimeMs, ino } = statSync(path);
    return `${size} ${mtimeMs} ${ino}`;
  } catch {
    return undefined;
  }
}

/** The weights that are stored in an ONNX file, by name. Errors: DataError if it is missing, or no whole model. */
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
  // A way out and in again: an engine may follow it through folders that are not there.
  if (location.split(/[\\/]/).includes("..") || outside(relative(folder, resolve(folder, location)))) throw refused();
  let file: string;
  try {
    file = realpathSync(resolve(folder, location));
  } catch (cause) {
    throw new DataError(`${where}: expected its numbers in "${location}" beside it, got no such file`, { cause });
  }
  if (outside(relative(realpathSync(folder), file))) throw refused();
  // Reading a pipe would wait for ever.
  if (!statSync(file).isFile())
    throw new DataError(`${where}: expected its numbers in "${location}" beside it, got something that is not a file`);
  return readPart(file, offset, length);
}

/** Bytes of a file, as far as there are any: no more memory than it has bytes, whatever a model says. */
function readPart(file: string, offset: number, length: number): Uint8Array {
  const handle = openSync(file, "r");
  try {
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
