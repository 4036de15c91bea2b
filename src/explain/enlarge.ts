/**
 * @module Resizing of maps outside a graph.
 */

/** A map [h, w] at another size, by linear interpolation between the middles of its cells. */
export function enlargeMap(map: ArrayLike<number>, h: number, w: number, rows: number, columns: number): Float64Array {
  const result = new Float64Array(rows * columns);
  const place = (i: number, length: number, small: number): number =>
    Math.min(Math.max(((i + 0.5) * small) / length - 0.5, 0), small - 1);
  for (let r = 0; r < rows; r++) {
    const y = place(r, rows, h);
    const [y0, y1] = [Math.floor(y), Math.min(Math.floor(y) + 1, h - 1)];
    for (let c = 0; c < columns; c++) {
      const x = place(c, columns, w);
      const [x0, x1] = [Math.floor(x), Math.min(Math.floor(x) + 1, w - 1)];
      const [fy, fx] = [y - y0, x - x0];
      const at = (i: number, j: number): number => map[i * w + j] as number;
      result[r * columns + c] =
        (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x1)) + fy * ((1 - fx) * at(y1, x0) + fx * at(y1, x1));
    }
  }
  return result;
}
