/**
 * @module The tensors of a batch, and the check that a step accepts them.
 */
import type { TensorData } from "../graph/index.js";
import { checkData, formatShape, inputsOf, sameShape } from "../graph/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import { own } from "../util/record.js";
import type { BatchData, BatchTypes, FromBatch } from "./step.js";

/** Tells whether a batch has the columns and shapes that a step was compiled for. */
export function sameTypes(types: BatchTypes, batch: BatchData): boolean {
  let columns = 0;
  for (const name in batch) {
    const [type, { dtype, shape }] = [own(types, name), own(batch, name) as TensorData];
    if (type === undefined || type.dtype !== dtype || !sameShape(type.shape, shape)) return false;
    columns++;
  }
  return columns === Object.keys(types).length;
}

/** Refuses anything that is not a batch. Errors: ConfigError, DTypeError or ShapeError with the column. */
export function checkBatch(where: string, batch: BatchData): void {
  if (typeof batch !== "object" || batch === null || Array.isArray(batch))
    throw new ConfigError(
      `${where}: expected a batch of columns by name, got ${Array.isArray(batch) ? "an array" : typeof batch}; as in { image: { dtype, shape, data }, label: { … } }`,
    );
  for (const name in batch) {
    const column = own(batch, name) as TensorData;
    checkData(`${where}: column "${name}"`, column);
    if (column.shape[0] === 0)
      throw new ShapeError(`${where}: column "${name}": expected at least one example, got ${formatShape(column.shape)}`);
  }
}

/** The batch with memory of its own, for a run that comes later. */
export const copyBatch = (batch: BatchData): BatchData =>
  Object.fromEntries(Object.entries(batch).map(([name, column]) => [name, { ...column, data: column.data.slice() }]));

/** Traces a function over symbolic columns. Errors: ConfigError where it fails on a column that the batch does not have. */
export function traceBatch<R>(where: string, batch: BatchTypes, forward: FromBatch<R>): R {
  const columns = inputsOf(batch);
  // Asking for a column is no error: some are optional.
  const absent: string[] = [];
  const watched = new Proxy(columns, {
    get(target, name) {
      if (typeof name === "string" && !Object.hasOwn(target, name)) absent.push(name);
      return Reflect.get(target, name) as unknown;
    },
  });
  try {
    return forward(watched);
  } catch (cause) {
    if (!(cause instanceof TypeError) || absent.length === 0) throw cause;
    const names = absent.map((name) => `"${name}"`).join(" and ");
    throw new ConfigError(`${where}: expected a batch with ${names}, got ${Object.keys(batch).join(", ")} (${cause.message})`, {
      cause,
    });
  }
}
