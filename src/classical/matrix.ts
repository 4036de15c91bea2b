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
  if (x.kind === "dense") projectDense(x, weights, bias, into);
  else projectSparse(x, weights, bias, into);
}

/** Four outputs at a time: a sum waits for its last addition, and four sums wait together. */
function projectDense(
  { rows, columns, values }: DenseMatrix,
  weights: Float64Array,
  bias: ArrayLike<number>,
  into: Float64Array,
): void {
  const outputs = bias.length;
  for (let k = 0; k < outputs; k += 4) {
    const width = Math.min(4, outputs - k);
    // Of fewer than four outputs the last is computed again, and not stored.
    const [w0, w1, w2, w3] = [0, 1, 2, 3].map((d) => (k + Math.min(d, width - 1)) * columns) as [number, number, number, number];
    for (let i = 0; i < rows; i++) {
      const row = i * columns;
      let [s0, s1, s2, s3] = [bias[k] as number, 0, 0, 0];
      if (width > 1) s1 = bias[k + 1] as number;
      if (width > 2) s2 = bias[k + 2] as number;
      if (width > 3) s3 = bias[k + 3] as number;
      for (let j = 0; j < columns; j++) {
        const v = values[row + j] as number;
        s0 += v * (weights[w0 + j] as number);
        s1 += v * (weights[w1 + j] as number);
        s2 += v * (weights[w2 + j] as number);
        s3 += v * (weights[w3 + j] as number);
      }
      const at = i * outputs + k;
      into[at] = s0;
      if (width > 1) into[at + 1] = s1;
      if (width > 2) into[at + 2] = s2;
      if (width > 3) into[at + 3] = s3;
    }
  }
}

function projectSparse(
  { rows, columns, starts, indices, values }: SparseMatrix,
  weights: Float64Array,
  bias: ArrayLike<number>,
  into: Float64Array,
): void {
  const outputs = bias.length;
  for (let i = 0; i < rows; i++) {
    const [from, end] = [starts[i] as number, starts[i + 1] as number];
    for (let k = 0; k < outputs; k++) {
      const at = k * columns;
      let sum = bias[k] as number;
      for (let e = from; e < end; e++) sum += (values[e] as number) * (weights[at + (indices[e] as number)] as number);
      into[i * outputs + k] = sum;
    }
  }
}

/**
 * Rᵀ·X, added to `into`.
 *
 * Shapes: X [N, F], residuals [N, K] → into [K, F].
 */
export function addTransposed(x: Matrix, residuals: Float64Array, outputs: number, into: Float64Array): void {
  if (x.kind === "dense") addDense(x, residuals, outputs, into);
  else addSparse(x, residuals, outputs, into);
}

/** Four rows at a time, so that a sum is read and written once for four products. */
function addDense({ rows, columns, values }: DenseMatrix, residuals: Float64Array, outputs: number, into: Float64Array): void {
  const whole = rows - (rows % 4);
  for (let i = 0; i < whole; i += 4) {
    const [x0, x1, x2, x3] = [i * columns, (i + 1) * columns, (i + 2) * columns, (i + 3) * columns];
    for (let k = 0; k < outputs; k++) {
      const at = k * columns;
      const r0 = residuals[i * outputs + k] as number;
      const r1 = residuals[(i + 1) * outputs + k] as number;
      const r2 = residuals[(i + 2) * outputs + k] as number;
      const r3 = residuals[(i + 3) * outputs + k] as number;
      for (let j = 0; j < columns; j++) {
        into[at + j] =
          (into[at + j] as number) +
          r0 * (values[x0 + j] as number) +
          r1 * (values[x1 + j] as number) +
          r2 * (values[x2 + j] as number) +
          r3 * (values[x3 + j] as number);
      }
    }
  }
  for (let i = whole; i < rows; i++) {
    for (let k = 0; k < outputs; k++) {
      const r = residuals[i * outputs + k] as number;
      for (let j = 0; j < columns; j++)
        into[k * columns + j] = (into[k * columns + j] as number) + r * (values[i * columns + j] as number);
    }
  }
}

function addSparse(
  { rows, columns, starts, indices, values }: SparseMatrix,
  residuals: Float64Array,
  outputs: number,
  into: Float64Array,
): void {
  for (let i = 0; i < rows; i++) {
    const [from, end] = [starts[i] as number, starts[i + 1] as number];
    for (let k = 0; k < outputs; k++) {
      const r = residuals[i * outputs + k] as number;
      if (r === 0) continue;
      const at = k * columns;
      for (let e = from; e < end; e++) {
        const j = at + (indices[e] as number);
        into[j] = (into[j] as number) + r * (values[e] as number);
      }
    }
  }
}

/** Means and variances of the columns, [F] each. */
export function columnMoments(x: Matrix): { readonly means: Float64Array; readonly variances: Float64Array } {
  const { rows, columns, values } = x;
  const means = new Float64Array(columns);
  const variances = new Float64Array(columns);
  const columnOf = x.kind === "dense" ? (at: number): number => at % columns : (at: number): number => x.indices[at] as number;
  for (let at = 0; at < values.length; at++) {
    const j = columnOf(at);
    means[j] = (means[j] as number) + (values[at] as number) / rows;
  }
  // Numbers that a sparse matrix leaves out are 0: each is its mean away from the mean.
  const filled = new Uint32Array(columns);
  for (let at = 0; at < values.length; at++) {
    const j = columnOf(at);
    filled[j] = (filled[j] as number) + 1;
    variances[j] = (variances[j] as number) + ((values[at] as number) - (means[j] as number)) ** 2 / rows;
  }
  for (let j = 0; j < columns; j++)
    variances[j] = (variances[j] as number) + ((rows - (filled[j] as number)) / rows) * (means[j] as number) ** 2;
  return { means, variances };
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
