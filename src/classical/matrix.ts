/**
 * @module Rows of features as the traditional models read them: dense, or sparse where most numbers are 0, as in counts of words.
 */

export interface DenseMatrix {
  readonly kind: "dense";
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns], row-major. */
  readonly values: Float32Array;
}

/** Compressed sparse rows. */
export interface SparseMatrix {
  readonly kind: "sparse";
  readonly rows: number;
  readonly columns: number;
  /** [rows + 1], row i has the entries starts[i] … starts[i + 1] − 1. */
  readonly starts: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

export type Matrix = DenseMatrix | SparseMatrix;

export const denseMatrix = (values: Float32Array, columns: number): DenseMatrix => ({
  kind: "dense",
  rows: columns === 0 ? 0 : values.length / columns,
  columns,
  values,
});

/**
 * X·Wᵀ + b.
 *
 * Shapes: X [N, F], weights [K, F], bias [K] → into [N, K].
 */
export function project(x: Matrix, weights: Float64Array, bias: ArrayLike<number>, into: Float64Array): void {
  const { rows, columns } = x;
  const outputs = bias.length;
  if (x.kind === "sparse" && outputs === 1) {
    projectSparse(x, weights, bias[0] as number, into);
    return;
  }
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < outputs; k++) {
      const at = k * columns;
      let sum = bias[k] as number;
      if (x.kind === "dense") {
        const row = i * columns;
        for (let j = 0; j < columns; j++) sum += (x.values[row + j] as number) * (weights[at + j] as number);
      } else {
        const end = x.starts[i + 1] as number;
        for (let e = x.starts[i] as number; e < end; e++)
          sum += (x.values[e] as number) * (weights[at + (x.indices[e] as number)] as number);
      }
      into[i * outputs + k] = sum;
    }
  }
}

/** One output of sparse rows. */
function projectSparse(
  { rows, starts, indices, values }: SparseMatrix,
  weights: Float64Array,
  bias: number,
  into: Float64Array,
): void {
  for (let i = 0; i < rows; i++) {
    const end = starts[i + 1] as number;
    let sum = bias;
    for (let e = starts[i] as number; e < end; e++) sum += (values[e] as number) * (weights[indices[e] as number] as number);
    into[i] = sum;
  }
}

/** One residual of sparse rows. */
function addSparse({ rows, starts, indices, values }: SparseMatrix, residuals: Float64Array, into: Float64Array): void {
  for (let i = 0; i < rows; i++) {
    const r = residuals[i] as number;
    const end = starts[i + 1] as number;
    for (let e = starts[i] as number; e < end; e++) {
      const j = indices[e] as number;
      into[j] = (into[j] as number) + r * (values[e] as number);
    }
  }
}

/**
 * Rᵀ·X, added to `into`.
 *
 * Shapes: X [N, F], residuals [N, K] → into [K, F].
 */
export function addTransposed(x: Matrix, residuals: Float64Array, outputs: number, into: Float64Array): void {
  const { rows, columns } = x;
  if (x.kind === "sparse" && outputs === 1) {
    addSparse(x, residuals, into);
    return;
  }
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < outputs; k++) {
      const r = residuals[i * outputs + k] as number;
      if (r === 0) continue;
      const at = k * columns;
      if (x.kind === "dense") {
        const row = i * columns;
        for (let j = 0; j < columns; j++) into[at + j] = (into[at + j] as number) + r * (x.values[row + j] as number);
      } else {
        const end = x.starts[i + 1] as number;
        for (let e = x.starts[i] as number; e < end; e++) {
          const j = at + (x.indices[e] as number);
          into[j] = (into[j] as number) + r * (x.values[e] as number);
        }
      }
    }
  }
}

/** Some rows of a matrix, in the order asked for. */
export function selectRows(x: Matrix, rows: ArrayLike<number>): Matrix {
  const { columns } = x;
  if (x.kind === "dense") {
    const values = new Float32Array(rows.length * columns);
    for (let i = 0; i < rows.length; i++) {
      const start = (rows[i] as number) * columns;
      values.set(x.values.subarray(start, start + columns), i * columns);
    }
    return denseMatrix(values, columns);
  }
  const starts = new Uint32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    starts[i + 1] = (starts[i] as number) + (x.starts[row + 1] as number) - (x.starts[row] as number);
  }
  const total = starts[rows.length] as number;
  const indices = new Uint32Array(total);
  const values = new Float32Array(total);
  for (let i = 0; i < rows.length; i++) {
    const [from, to] = [x.starts[rows[i] as number] as number, x.starts[(rows[i] as number) + 1] as number];
    indices.set(x.indices.subarray(from, to), starts[i]);
    values.set(x.values.subarray(from, to), starts[i]);
  }
  return { kind: "sparse", rows: rows.length, columns, starts, indices, values };
}

/** All numbers of a matrix, zeros written out. */
export function toDense(x: Matrix): DenseMatrix {
  if (x.kind === "dense") return x;
  const values = new Float32Array(x.rows * x.columns);
  for (let i = 0; i < x.rows; i++) {
    for (let e = x.starts[i] as number; e < (x.starts[i + 1] as number); e++)
      values[i * x.columns + (x.indices[e] as number)] = x.values[e] as number;
  }
  return denseMatrix(values, x.columns);
}
