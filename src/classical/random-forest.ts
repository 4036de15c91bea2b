/**
 * @module Random forests: deep trees, each of its own sample of rows, that look at a few columns for each split; their answers are averaged.
 */
import { Random } from "../util/random.js";
import type { BinColumn, BinnedMatrix } from "./binning.js";
import { applyBins, findBins } from "./binning.js";
import type { Target } from "./gradient-boosting.js";
import type { DenseMatrix } from "./matrix.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { EnsembleBuilder, joinTrees } from "./tree-ensemble.js";

export interface ForestOptions {
  readonly trees?: number;
  readonly minLeafRows?: number;
  readonly maxDepth?: number;
  /** Columns that are looked at for a split; left out, the root of their number for classes, a third for a quantity. */
  readonly columnsPerSplit?: number;
  readonly maxBins?: number;
  readonly categorical?: ReadonlySet<number>;
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onTree?: (done: number) => void;
}

/** All that a tree of a forest is grown from; threads share the arrays. */
export interface ForestData extends Required<
  Pick<ForestOptions, "minLeafRows" | "maxDepth" | "columnsPerSplit" | "seed" | "trees">
> {
  readonly data: BinnedMatrix;
  readonly target: Target;
}

interface ForestSplit {
  column: number;
  /** The last bin on the left; of a category, its bin alone. */
  bin: number;
  missingLeft: boolean;
  gain: number;
}

/** Grows one tree. */
class ForestTree {
  readonly #forest: ForestData;
  readonly #builder: EnsembleBuilder;
  readonly #rows: Uint32Array;
  readonly #scratch: Uint32Array;
  readonly #random: Random;
  readonly #columns: Uint32Array;
  /** Sums of a leaf by bin, [bins, width + 1]: of classes their counts, of a quantity its sum; and the rows. */
  readonly #histogram: Float64Array;
  readonly #width: number;
  readonly #left: Float64Array;
  readonly #labels: ArrayLike<number>;

  constructor(forest: ForestData, tree: number, builder: EnsembleBuilder) {
    const { data, target, seed } = forest;
    this.#forest = forest;
    this.#builder = builder;
    this.#random = new Random(seed, "forest", tree);
    this.#rows = Uint32Array.from({ length: data.rows }, () => this.#random.integer(data.rows)).sort();
    this.#scratch = new Uint32Array(data.rows);
    this.#columns = Uint32Array.from(data.columns, (_, j) => j);
    this.#width = target.kind === "classes" ? target.classes : 1;
    this.#labels = target.kind === "classes" ? target.labels : target.values;
    this.#histogram = new Float64Array(256 * (this.#width + 1));
    this.#left = new Float64Array(this.#width);
  }

  grow(): number {
    // Children are attached when they are popped, so that depth costs no stack.
    const root = { begin: 0, end: this.#rows.length, depth: 0, node: -1, isLeft: false };
    const open = [root];
    const sides: [number, number][] = [];
    const nodes: number[] = [];
    let result = 0;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const { begin, end, depth } = at;
      const sums = this.#sums(begin, end);
      const split = depth < this.#forest.maxDepth ? this.#split(begin, end, sums) : undefined;
      let child: number;
      if (split === undefined) {
        const rows = end - begin;
        child = this.#builder.leaf(
          sums.map((sum) => sum / rows / this.#forest.trees),
          rows,
        );
      } else {
        child = this.#builder.node({ feature: split.column, cover: end - begin, ...this.#decision(split) });
        const middle = this.#partition(split, begin, end);
        const place = nodes.push(child) - 1;
        sides.push([0, 0]);
        open.push({ begin: middle, end, depth: depth + 1, node: place, isLeft: false });
        open.push({ begin, end: middle, depth: depth + 1, node: place, isLeft: true });
      }
      if (at.node < 0) result = child;
      else (sides[at.node] as [number, number])[at.isLeft ? 0 : 1] = child;
    }
    for (const [i, node] of nodes.entries()) this.#builder.children(node, ...(sides[i] as [number, number]));
    return result;
  }

  #sums(begin: number, end: number): Float64Array {
    const sums = new Float64Array(this.#width);
    for (let i = begin; i < end; i++) {
      const y = this.#labels[this.#rows[i] as number] as number;
      if (this.#width > 1) sums[y] = (sums[y] as number) + 1;
      else sums[0] = (sums[0] as number) + y;
    }
    return sums;
  }

  #decision({ column, bin, missingLeft }: ForestSplit): {
    threshold: number;
    missingLeft: boolean;
    categories?: readonly number[];
  } {
    const { thresholds, categories } = this.#forest.data.columns[column] as BinColumn;
    if (categories !== undefined) return { threshold: 0, missingLeft: false, categories: [categories[bin] as number] };
    return { threshold: thresholds[bin] ?? Infinity, missingLeft };
  }

  /** The best split on columns drawn without replacement; columns of one value do not count. */
  #split(begin: number, end: number, sums: Float64Array): ForestSplit | undefined {
    const { minLeafRows, columnsPerSplit } = this.#forest;
    if (end - begin < 2 * minLeafRows || end - begin < 2) return undefined;
    if (this.#width > 1 && sums.some((count) => count === end - begin)) return undefined;
    const best: ForestSplit = { column: -1, bin: 0, missingLeft: false, gain: -Infinity };
    let looked = 0;
    for (let c = 0; c < this.#columns.length && (looked < columnsPerSplit || best.column < 0); c++) {
      const other = c + this.#random.integer(this.#columns.length - c);
      const column = this.#columns[other] as number;
      this.#columns[other] = this.#columns[c] as number;
      this.#columns[c] = column;
      if (this.#scan(column, begin, end, sums, best)) looked++;
    }
    // As good as the leaf itself is no gain; a quantity of one value has none.
    const own = sums.reduce((sum, v) => sum + v * v, 0) / (end - begin);
    if (best.column < 0 || !(best.gain > own + 1e-12 * Math.abs(own))) return undefined;
    return { ...best, bin: this.#middleBin(best, begin, end) };
  }

  /** The bin half-way to the next one that has rows here, so that the threshold lies between the two sides and not beside the left one. */
  #middleBin({ column, bin }: ForestSplit, begin: number, end: number): number {
    const { data } = this.#forest;
    const { categories, hasMissing, count } = data.columns[column] as BinColumn;
    if (categories !== undefined) return bin;
    const last = hasMissing ? count - 1 : count;
    let next = last;
    for (let i = begin; i < end; i++) {
      const b = data.bins[column * data.rows + (this.#rows[i] as number)] as number;
      if (b > bin && b < next) next = b;
    }
    return next === last ? bin : (bin + next - 1) >> 1;
  }

  /** Looks at one column; returns whether it has more than one value here. */
  #scan(column: number, begin: number, end: number, sums: Float64Array, best: ForestSplit): boolean {
    const { data } = this.#forest;
    const stride = this.#width + 1;
    const bins = data.bins.subarray(column * data.rows, (column + 1) * data.rows);
    let [low, high] = [255, 0];
    for (let i = begin; i < end; i++) {
      const b = bins[this.#rows[i] as number] as number;
      if (b < low) low = b;
      if (b > high) high = b;
    }
    if (low === high) return false;
    const histogram = this.#histogram;
    histogram.fill(0, low * stride, (high + 1) * stride);
    for (let i = begin; i < end; i++) {
      const row = this.#rows[i] as number;
      const at = (bins[row] as number) * stride;
      const y = this.#labels[row] as number;
      const place = this.#width > 1 ? at + y : at;
      histogram[place] = (histogram[place] as number) + (this.#width > 1 ? 1 : y);
      histogram[at + stride - 1] = (histogram[at + stride - 1] as number) + 1;
    }
    const { categories, hasMissing, count } = data.columns[column] as BinColumn;
    const isMissing = hasMissing && high === count - 1;
    if (categories !== undefined) this.#scanCategories(column, low, high, end - begin, sums, best);
    else {
      const last = isMissing ? high : high + 1;
      this.#scanNumbers(column, low, last, isMissing, false, end - begin, sums, best);
      if (isMissing) this.#scanNumbers(column, low, last, isMissing, true, end - begin, sums, best);
    }
    return true;
  }

  /** Σ_k l_k² / n_l + Σ_k r_k² / n_r: of classes the least Gini impurity has the most, of a quantity the least variance. */
  #gain(sums: Float64Array, leftRows: number, rows: number): number {
    let [left, right] = [0, 0];
    for (let k = 0; k < this.#width; k++) {
      const l = this.#left[k] as number;
      left += l * l;
      right += ((sums[k] as number) - l) ** 2;
    }
    return left / leftRows + right / (rows - leftRows);
  }

  #offer(
    best: ForestSplit,
    column: number,
    bin: number,
    missingLeft: boolean,
    leftRows: number,
    rows: number,
    sums: Float64Array,
  ): void {
    const { minLeafRows } = this.#forest;
    if (leftRows < minLeafRows || rows - leftRows < minLeafRows) return;
    const gain = this.#gain(sums, leftRows, rows);
    if (!(gain > best.gain)) return;
    [best.gain, best.column, best.bin, best.missingLeft] = [gain, column, bin, missingLeft];
  }

  #scanNumbers(
    column: number,
    low: number,
    last: number,
    isMissing: boolean,
    missingLeft: boolean,
    rows: number,
    sums: Float64Array,
    best: ForestSplit,
  ): void {
    const stride = this.#width + 1;
    this.#left.fill(0);
    let leftRows = 0;
    const add = (bin: number): void => {
      const at = bin * stride;
      for (let k = 0; k < this.#width; k++) this.#left[k] = (this.#left[k] as number) + (this.#histogram[at + k] as number);
      leftRows += this.#histogram[at + stride - 1] as number;
    };
    if (missingLeft) add(last);
    const end = isMissing && !missingLeft ? last : last - 1;
    for (let b = low; b < end; b++) {
      if (this.#histogram[b * stride + stride - 1] === 0) continue;
      add(b);
      this.#offer(best, column, b, isMissing ? missingLeft : leftRows * 2 >= rows, leftRows, rows, sums);
    }
  }

  /** Each category against all others. */
  #scanCategories(column: number, low: number, high: number, rows: number, sums: Float64Array, best: ForestSplit): void {
    const stride = this.#width + 1;
    const { categories } = this.#forest.data.columns[column] as BinColumn;
    for (let b = low; b <= Math.min(high, (categories?.length ?? 0) - 1); b++) {
      const at = b * stride;
      for (let k = 0; k < this.#width; k++) this.#left[k] = this.#histogram[at + k] as number;
      this.#offer(best, column, b, false, this.#histogram[at + stride - 1] as number, rows, sums);
    }
  }

  #partition({ column, bin, missingLeft }: ForestSplit, begin: number, end: number): number {
    const { data } = this.#forest;
    const { categories, hasMissing, count } = data.columns[column] as BinColumn;
    const bins = data.bins.subarray(column * data.rows, (column + 1) * data.rows);
    let [left, right] = [begin, 0];
    for (let i = begin; i < end; i++) {
      const row = this.#rows[i] as number;
      const b = bins[row] as number;
      const isLeft = categories !== undefined ? b === bin : hasMissing && b === count - 1 ? missingLeft : b <= bin;
      if (isLeft) this.#rows[left++] = row;
      else this.#scratch[right++] = row;
    }
    this.#rows.set(this.#scratch.subarray(0, right), left);
    return left;
  }
}

/** One tree of a forest, by its number. */
export function growForestTree(forest: ForestData, tree: number): TreeEnsemble {
  const width = forest.target.kind === "classes" ? forest.target.classes : 1;
  const builder = new EnsembleBuilder(forest.data.columns.length, width, width);
  builder.tree(new ForestTree(forest, tree, builder).grow());
  return builder.finish(new Float64Array(width));
}

/** The rows in bins, and all that trees need to know. */
export function forestData(
  x: DenseMatrix,
  target: Target,
  options: ForestOptions,
  allocate?: (bytes: number) => Uint8Array,
): ForestData {
  const { trees = 100, minLeafRows = 1, maxDepth = Infinity, maxBins = 255, categorical, seed = 1 } = options;
  const usual = target.kind === "classes" ? Math.sqrt(x.columns) : x.columns / 3;
  const columns = findBins(x, { maxBins, leastInBin: 1, categorical });
  return {
    data: applyBins(x, columns, allocate?.(x.rows * x.columns)),
    target,
    minLeafRows,
    maxDepth,
    columnsPerSplit: Math.max(1, options.columnsPerSplit ?? Math.floor(usual)),
    seed,
    trees,
  };
}

/**
 * A forest: of classes the mean of the trees' class shares [K], of a quantity the mean of their means.
 *
 * Shapes: x [N, F], NaN where a value is missing; targets [N].
 * Source: Breiman, Random forests, 2001; class shares averaged as in scikit-learn.
 * Differs from the source: thresholds lie between at most 255 bins; a category is split from all others.
 * Checked against: scikit-learn, RandomForestClassifier and RandomForestRegressor, benchmarks/classical.md.
 */
export function fitRandomForest(x: DenseMatrix, target: Target, options: ForestOptions = {}): TreeEnsemble {
  const forest = forestData(x, target, options);
  const pieces: TreeEnsemble[] = [];
  for (let t = 0; t < forest.trees; t++) {
    options.signal?.throwIfAborted();
    pieces.push(growForestTree(forest, t));
    options.onTree?.(pieces.length);
  }
  return joinTrees(pieces, new Float64Array(pieces[0]?.outputs ?? 1));
}
