/**
 * @module Trees as a node of an ONNX file, out and in: `TreeEnsemble` where each leaf adds to one score, `TreeEnsembleRegressor` where it adds to several.
 */
import { DTYPES } from "../graph/index.js";
import type { AttributeProto, ModelProto, NodeProto, TensorProto } from "../onnx/index.js";
import { OPSET } from "../onnx/index.js";
import { ConfigError, DescentError } from "../util/errors.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { bytesOf } from "../util/join-arrays.js";

/** Versions of ai.onnx.ml that have either form. */
const VERSION = { TreeEnsemble: 5, TreeEnsembleRegressor: 3 } as const;
/** Codes of `TreeEnsemble`'s modes and its sum. */
const [LESS_OR_EQUAL, MEMBER, SUM] = [0, 6, 1];
/** The key under which a file keeps how many training rows reached each leaf; the node's own attributes know no leaves. */
export const COVER_KEY = "descent.leafCover";

const ints = (name: string, value: Iterable<number>): AttributeProto => ({ name, type: "ints", value: [...value] });
const int = (name: string, value: number): AttributeProto => ({ name, type: "int", value });
const floatTensor = (name: string, data: Float32Array): AttributeProto => tensor(name, data, "float32");
const tensor = (name: string, data: Float32Array | Uint8Array, dtype: "float32" | "uint8"): AttributeProto => ({
  name,
  type: "tensor",
  value: { name, dims: [data.length], dataType: DTYPES[dtype].onnx, rawData: bytesOf(data) },
});

/** Attributes of `TreeEnsemble`: a leaf for itself is a node both of whose sides are it. */
function treeAttributes(e: TreeEnsemble): AttributeProto[] {
  const stumps = [...e.roots].filter((root) => root < 0);
  const nodes = e.feature.length;
  const all = (own: ArrayLike<number>, more: (root: number) => number): number[] => [...Array.from(own), ...stumps.map(more)];
  const place = (child: number): number => (child >= 0 ? child : -1 - child);
  const isLeaf = (child: number): number => (child < 0 ? 1 : 0);
  const isSet = Array.from(e.feature, (_, n) => e.sets[2 * n] !== e.sets[2 * n + 1]);
  const members: number[] = [];
  isSet.forEach((is, n) => {
    if (is) members.push(...e.categories.subarray(e.sets[2 * n], e.sets[2 * n + 1]), Number.NaN);
  });
  let stump = nodes;
  return [
    int("n_targets", e.outputs),
    int("aggregate_function", SUM),
    int("post_transform", 0),
    ints(
      "tree_roots",
      Array.from(e.roots, (root) => (root >= 0 ? root : stump++)),
    ),
    ints(
      "nodes_featureids",
      all(e.feature, () => 0),
    ),
    tensor(
      "nodes_modes",
      Uint8Array.from([...isSet.map((is) => (is ? MEMBER : LESS_OR_EQUAL)), ...stumps.map(() => LESS_OR_EQUAL)]),
      "uint8",
    ),
    floatTensor("nodes_splits", Float32Array.from(all(e.threshold, () => 0))),
    ints("nodes_truenodeids", [...Array.from(e.left, place), ...stumps.map(place)]),
    ints("nodes_trueleafs", [...Array.from(e.left, isLeaf), ...stumps.map(isLeaf)]),
    ints("nodes_falsenodeids", [...Array.from(e.right, place), ...stumps.map(place)]),
    ints("nodes_falseleafs", [...Array.from(e.right, isLeaf), ...stumps.map(isLeaf)]),
    ints(
      "nodes_missing_value_tracks_true",
      all(e.missingLeft, () => 0),
    ),
    ints("leaf_targetids", leafOutputs(e)),
    floatTensor("leaf_weights", e.leafValues),
    ...(members.length === 0 ? [] : [floatTensor("membership_values", Float32Array.from(members))]),
  ];
}

/** The score that each leaf adds to, by its tree. */
function leafOutputs(e: TreeEnsemble): Int32Array {
  const outputs = new Int32Array(e.leafCover.length);
  forEachTree(e, (t, child) => {
    if (child < 0) outputs[-1 - child] = e.treeOutputs[t] as number;
  });
  return outputs;
}

/** Visits all nodes and leaves, a node before its children. */
function forEachTree(e: Pick<TreeEnsemble, "roots" | "left" | "right">, visit: (tree: number, child: number) => void): void {
  for (const [t, root] of e.roots.entries()) {
    const open = [root];
    for (let child = open.pop(); child !== undefined; child = open.pop()) {
      visit(t, child);
      if (child >= 0) open.push(e.right[child] as number, e.left[child] as number);
    }
  }
}

/** Attributes of `TreeEnsembleRegressor`: nodes and leaves of a tree are numbered together; a set has one category. */
function regressorAttributes(e: TreeEnsemble): AttributeProto[] {
  const [trees, ids, features, values, lefts, rights, missing]: number[][] = [[], [], [], [], [], [], []] as number[][];
  const modes: string[] = [];
  const [targetTrees, targetNodes, targets, weights]: number[][] = [[], [], [], []];
  const leaves = e.feature.length;
  // Numbers need be different within a tree alone.
  const idOf = (child: number): number => (child >= 0 ? child : leaves - 1 - child);
  forEachTree(e, (t, child) => {
    trees?.push(t);
    ids?.push(idOf(child));
    if (child < 0) {
      for (const list of [features, values, lefts, rights, missing]) list?.push(0);
      modes.push("LEAF");
      for (let k = 0; k < e.width; k++) {
        const weight = e.leafValues[(-1 - child) * e.width + k] as number;
        if (weight === 0 && k > 0) continue;
        targetTrees?.push(t);
        targetNodes?.push(idOf(child));
        targets?.push((e.treeOutputs[t] as number) + k);
        weights?.push(weight);
      }
      return;
    }
    const [from, to] = [e.sets[2 * child] as number, e.sets[2 * child + 1] as number];
    if (to - from > 1) throw new DescentError("trees: expected one category a split where leaves have several scores");
    features?.push(e.feature[child] as number);
    values?.push((from === to ? e.threshold[child] : e.categories[from]) as number);
    modes.push(from === to ? "BRANCH_LEQ" : "BRANCH_EQ");
    lefts?.push(idOf(e.left[child] as number));
    rights?.push(idOf(e.right[child] as number));
    missing?.push(e.missingLeft[child] as number);
  });
  const floats = (name: string, value: readonly number[] = []): AttributeProto => ({ name, type: "floats", value: [...value] });
  return [
    int("n_targets", e.outputs),
    { name: "aggregate_function", type: "string", value: "SUM" },
    { name: "post_transform", type: "string", value: "NONE" },
    ints("nodes_treeids", trees ?? []),
    ints("nodes_nodeids", ids ?? []),
    ints("nodes_featureids", features ?? []),
    { name: "nodes_modes", type: "strings", value: modes },
    floats("nodes_values", values),
    ints("nodes_truenodeids", lefts ?? []),
    ints("nodes_falsenodeids", rights ?? []),
    ints("nodes_missing_value_tracks_true", missing ?? []),
    ints("target_treeids", targetTrees ?? []),
    ints("target_nodeids", targetNodes ?? []),
    ints("target_ids", targets ?? []),
    floats("target_weights", weights),
  ];
}

/** Trees as a model of one node: features `x` [N, F] → `trees` [N, K], without the ensemble's base. */
export function treesToModel(e: TreeEnsemble): ModelProto {
  const opType = e.width === 1 ? "TreeEnsemble" : "TreeEnsembleRegressor";
  const attributes = e.width === 1 ? treeAttributes(e) : regressorAttributes(e);
  const value = (name: string, width: number) => ({ name, elementType: DTYPES.float32.onnx, shape: ["N", width] });
  return {
    irVersion: 10,
    producerName: "descent",
    producerVersion: "0.1.0",
    opsets: new Map([
      ["", OPSET],
      ["ai.onnx.ml", VERSION[opType]],
    ]),
    metadata: new Map([[COVER_KEY, JSON.stringify([...e.leafCover])]]),
    functions: [],
    graph: {
      name: "trees",
      nodes: [{ name: "trees", opType, domain: "ai.onnx.ml", inputs: ["x"], outputs: ["trees"], attributes }],
      initializers: [],
      inputs: [value("x", e.features)],
      outputs: [value("trees", e.outputs)],
    },
  };
}

/** A node's attributes by name. */
class Attributes {
  readonly #byName: ReadonlyMap<string, AttributeProto>;
  readonly #where: string;

  constructor(node: NodeProto, where: string) {
    this.#byName = new Map(node.attributes.map((attribute) => [attribute.name, attribute]));
    this.#where = `${where}: ${node.opType} "${node.name}"`;
  }

  numbers(name: string): readonly number[] {
    const found = this.#byName.get(name);
    if (found === undefined) return [];
    if (found.type === "ints" || found.type === "floats") return found.value;
    if (found.type === "int" || found.type === "float") return [found.value];
    if (found.type === "tensor") return numbersOf(found.value);
    throw new ConfigError(`${this.#where}: attribute ${name}: expected numbers, got ${found.type}`);
  }

  texts(name: string): readonly string[] {
    const found = this.#byName.get(name);
    return found?.type === "strings" ? found.value : [];
  }

  text(name: string, otherwise: string): string {
    const found = this.#byName.get(name);
    return found?.type === "string" ? found.value : otherwise;
  }

  refuse(what: string): never {
    throw new ConfigError(`${this.#where}: ${what}`);
  }
}

function numbersOf({ rawData, dataType }: TensorProto): readonly number[] {
  // A copy begins where numbers may begin; a view into a file need not.
  const { buffer } = Uint8Array.from(rawData);
  if (dataType === DTYPES.uint8.onnx) return [...rawData];
  if (dataType === DTYPES.float64.onnx) return [...new Float64Array(buffer)];
  return [...new Float32Array(buffer)];
}

/** The first node of trees in a file. */
export const treeNodeOf = ({ graph }: ModelProto): NodeProto | undefined =>
  graph.nodes.find(({ domain, opType }) => domain === "ai.onnx.ml" && /^TreeEnsemble(Regressor|Classifier)?$/.test(opType));

/** The arrays that reading fills: a tree's children point at nodes (≥ 0) or leaves (−1 − leaf). */
interface Read
  extends
    Pick<TreeEnsemble, "features" | "outputs" | "width">,
    Readonly<
      Record<"roots" | "treeOutputs" | "feature" | "threshold" | "left" | "right" | "missingLeft" | "base", readonly number[]>
    > {
  readonly sets: readonly (readonly number[])[];
  readonly leafValues: ArrayLike<number>;
}

/**
 * The trees of a file that Descent wrote, or another tool did: of the first node with trees.
 *
 * Covers are those that the file keeps; elsewhere 0, and path-dependent values have no meaning.
 * Errors: ConfigError for a file without trees, and for modes or sums that Shapley values are not made for (averages, minima, comparisons but ≤ and =).
 */
export function treesFromModel(model: ModelProto, features: number, where: string): TreeEnsemble {
  const known = readBefore.get(model);
  if (known?.features === features) return known;
  const ensemble = ensembleOf(model, features, where);
  readBefore.set(model, ensemble);
  return ensemble;
}

/** Trees of the files at hand: explanations ask for them row by row. */
const readBefore = new WeakMap<ModelProto, TreeEnsemble>();

function ensembleOf(model: ModelProto, features: number, where: string): TreeEnsemble {
  const node = treeNodeOf(model);
  if (node === undefined) throw new ConfigError(`${where}: expected a model of trees, got one without a TreeEnsemble`);
  const attributes = new Attributes(node, where);
  const read =
    node.opType === "TreeEnsemble" ? readTrees(attributes, features) : readRegressor(attributes, node.opType, features);
  const sets = new Int32Array(2 * read.feature.length);
  const categories = read.sets.flat();
  let at = 0;
  for (const [n, set] of read.sets.entries()) {
    sets[2 * n] = at;
    at += set.length;
    sets[2 * n + 1] = at;
  }
  const leaves = read.leafValues.length / read.width;
  const kept = model.metadata.get(COVER_KEY);
  const leafCover = coversOf(kept, leaves);
  const ensemble: TreeEnsemble = {
    features,
    outputs: read.outputs,
    base: Float64Array.from(read.base),
    roots: Int32Array.from(read.roots),
    treeOutputs: Int32Array.from(read.treeOutputs),
    width: read.width,
    feature: Int32Array.from(read.feature),
    threshold: Float32Array.from(read.threshold),
    left: Int32Array.from(read.left),
    right: Int32Array.from(read.right),
    missingLeft: Uint8Array.from(read.missingLeft),
    sets,
    categories: Float32Array.from(categories),
    nodeCover: new Float64Array(read.feature.length),
    leafCover,
    leafValues: Float32Array.from(read.leafValues),
  };
  sumCovers(ensemble);
  return ensemble;
}

/** Covers as the metadata keep them; zeros where they are not those of these leaves. */
function coversOf(kept: string | undefined, leaves: number): Float64Array {
  const none = new Float64Array(leaves);
  if (kept === undefined) return none;
  try {
    const list: unknown = JSON.parse(kept);
    const isList = Array.isArray(list) && list.length === leaves && list.every((cover) => typeof cover === "number" && cover > 0);
    return isList ? Float64Array.from(list as number[]) : none;
  } catch {
    return none;
  }
}

/** A node's cover is its children's. */
function sumCovers(e: TreeEnsemble): void {
  const nodes: number[] = [];
  forEachTree(e, (_, child) => {
    if (child >= 0) nodes.push(child);
  });
  const coverOf = (child: number): number => (child >= 0 ? e.nodeCover[child] : e.leafCover[-1 - child]) as number;
  for (const node of nodes.reverse()) e.nodeCover[node] = coverOf(e.left[node] as number) + coverOf(e.right[node] as number);
}

function readTrees(a: Attributes, features: number): Read {
  const [aggregate = SUM] = a.numbers("aggregate_function");
  if (aggregate !== SUM) a.refuse("expected trees that are summed");
  const modes = a.numbers("nodes_modes");
  const members = a.numbers("membership_values");
  // Sets follow one another, each with NaN behind it.
  let next = 0;
  const sets = modes.map((mode): readonly number[] => {
    if (mode === LESS_OR_EQUAL) return [];
    if (mode !== MEMBER) a.refuse(`expected splits by ≤ or by a set, got mode ${mode}`);
    const begin = next;
    while (next < members.length && !Number.isNaN(members[next])) next++;
    return members.slice(begin, next++);
  });
  const child = (ids: string, leafs: string): number[] => {
    const isLeaf = a.numbers(leafs);
    return a.numbers(ids).map((id, n) => (isLeaf[n] === 1 ? -1 - id : id));
  };
  const [left, right] = [child("nodes_truenodeids", "nodes_trueleafs"), child("nodes_falsenodeids", "nodes_falseleafs")];
  // A node whose sides are one leaf is a tree of that leaf.
  const roots = a
    .numbers("tree_roots")
    .map((root) => ((left[root] as number) < 0 && left[root] === right[root] ? (left[root] as number) : root));
  const targets = a.numbers("leaf_targetids");
  const outputs = a.numbers("n_targets")[0] ?? 1;
  const leafBelow = (root: number): number => {
    let at = root;
    while (at >= 0) at = left[at] as number;
    return -1 - at;
  };
  return {
    features,
    outputs,
    width: 1,
    roots,
    treeOutputs: roots.map((root) => targets[leafBelow(root)] ?? 0),
    feature: a.numbers("nodes_featureids"),
    threshold: a.numbers("nodes_splits"),
    left,
    right,
    missingLeft: padded(a.numbers("nodes_missing_value_tracks_true"), modes.length),
    sets,
    leafValues: a.numbers("leaf_weights"),
    base: padded([], outputs),
  };
}

const padded = (values: readonly number[], length: number): readonly number[] =>
  values.length === length ? values : Array.from({ length }, () => 0);

/** The older forms, in which nodes and leaves of a tree are numbered together. */
function readRegressor(a: Attributes, opType: string, features: number): Read {
  if (a.text("aggregate_function", "SUM") !== "SUM") a.refuse("expected trees that are summed");
  const prefix = opType === "TreeEnsembleClassifier" ? "class" : "target";
  const [trees, ids, modes] = [a.numbers("nodes_treeids"), a.numbers("nodes_nodeids"), a.texts("nodes_modes")];
  const targets = a.numbers(`${prefix}_ids`);
  const outputs = a.numbers("n_targets")[0] ?? Math.max(0, ...targets) + 1;
  const keyOf = (tree: number, id: number): string => `${tree} ${id}`;
  const childOf = new Map<string, number>();
  let [nodes, leaves] = [0, 0];
  for (const [i, mode] of modes.entries()) {
    if (!/^(BRANCH_LEQ|BRANCH_EQ|LEAF)$/.test(mode)) a.refuse(`expected splits by ≤ or =, got ${mode}`);
    childOf.set(keyOf(trees[i] as number, ids[i] as number), mode === "LEAF" ? -1 - leaves++ : nodes++);
  }
  const leafValues = new Float64Array(leaves * outputs);
  const [leafTrees, leafNodes, weights] = [
    a.numbers(`${prefix}_treeids`),
    a.numbers(`${prefix}_nodeids`),
    a.numbers(`${prefix}_weights`),
  ];
  for (const [i, weight] of weights.entries()) {
    const leaf = -1 - (childOf.get(keyOf(leafTrees[i] as number, leafNodes[i] as number)) ?? -1);
    const place = leaf * outputs + (targets[i] as number);
    leafValues[place] = (leafValues[place] as number) + weight;
  }
  const branches = modes.flatMap((mode, i) => (mode === "LEAF" ? [] : [i]));
  const of = (name: string): number[] => {
    const all = padded(a.numbers(name), modes.length);
    return branches.map((i) => all[i] as number);
  };
  const child = (name: string): number[] =>
    of(name).map((id, b) => childOf.get(keyOf(trees[branches[b] as number] as number, id)) ?? -1);
  const [left, right, values] = [child("nodes_truenodeids"), child("nodes_falsenodeids"), of("nodes_values")];
  const below = new Set([...left, ...right]);
  const roots = [...new Set(trees)].map((tree) => {
    const own = trees.flatMap((t, i) => (t === tree ? [childOf.get(keyOf(t, ids[i] as number)) as number] : []));
    return own.find((child_) => !below.has(child_)) ?? (own[0] as number);
  });
  return {
    features,
    outputs,
    width: outputs,
    roots,
    treeOutputs: roots.map(() => 0),
    feature: of("nodes_featureids"),
    threshold: values,
    left,
    right,
    missingLeft: of("nodes_missing_value_tracks_true"),
    sets: branches.map((i, b) => (modes[i] === "BRANCH_EQ" ? [values[b] as number] : [])),
    leafValues,
    base: padded(a.numbers("base_values"), outputs),
  };
}
