/**
 * @module Linear prefixes: the first layers of a model up to its first nonlinearity. On a straight path their values are a straight path too, so that a
 * sum of gradients along it passes through them once, and not once for each point.
 */
import { grad } from "../autodiff/index.js";
import type { Dim, Node, Tensor } from "../graph/index.js";
import { constant, dimEquals, dimMul, reachableNodes, sameShape } from "../graph/index.js";
import { conv, identity } from "../ops/index.js";
import { nodesBetween } from "./layers.js";
import type { SumContext } from "./method.js";
import { substitution } from "./substitution.js";

/** Ops that are affine in one input, example by example, if no other input depends on an example. */
const AFFINE: ReadonlySet<string> = new Set(
  "Conv BatchNormalization ChannelAffine Gemm MatMul Add Sub Mul Neg Reshape Squeeze Unsqueeze Flatten Transpose AveragePool Identity".split(
    " ",
  ),
);
/** Ops among them that are worth it. */
const COSTLY: ReadonlySet<string> = new Set(["Conv", "Gemm", "MatMul"]);

/** Whether a node is affine in t along the batch, whose axis is the first. */
function isAffine(node: Node, t: Tensor, varies: ReadonlySet<Node>): boolean {
  const [y] = node.outputs;
  const keepsBatch = y !== undefined && y.rank > 0 && dimEquals(y.shape[0] ?? 0, t.shape[0] ?? 0);
  if (!AFFINE.has(node.op) || !keepsBatch || node.attributes["training_mode"] === true) return false;
  const { perm, transA } = node.attributes as { perm?: readonly number[]; transA?: boolean };
  if ((perm !== undefined && perm[0] !== 0) || transA === true) return false;
  const first = node.inputs.indexOf(t);
  if (first > 0 && !["MatMul", "Add", "Sub", "Mul"].includes(node.op)) return false;
  // A product from the left keeps the batch where that is an axis before the matrices'.
  if (node.op === "MatMul" && first === 1 && t.rank < 3) return false;
  return node.inputs.every(
    (other, i) =>
      i === first ||
      other === null ||
      (!varies.has(other.node) && (["Conv", "Gemm", "MatMul"].includes(node.op) || other.rank < t.rank || other.shape[0] === 1)),
  );
}

/** The way from features to the last tensor that is affine in them. */
export interface LinearPrefix {
  readonly end: Tensor;
  readonly ops: readonly string[];
}

/** The last tensor that is affine in x, row by row, and that everything behind x is made of; undefined unless it takes a product to make. */
export function linearPrefix(y: Tensor, x: Tensor): LinearPrefix | undefined {
  const between = nodesBetween(y, x);
  const varies = new Set<Node>();
  for (const node of reachableNodes([y]))
    if (node === x.node || node.op === "Input" || node.inputs.some((t) => t !== null && varies.has(t.node))) varies.add(node);
  let t = x;
  const ops: string[] = [];
  for (;;) {
    const users = between.filter((node) => node.inputs.includes(t));
    const [user] = users;
    if (user === undefined || users.length > 1 || !isAffine(user, t, varies))
      return ops.some((op) => COSTLY.has(op)) ? { end: t, ops } : undefined;
    ops.push(user.op);
    t = user.outputs[0] as Tensor;
  }
}

/**
 * Σ weight · (x − b) ⊙ ∂score/∂x over the points b + α(x − b) of the straight way from one baseline to each example, where the model begins with a linear
 * prefix z: Σ weight · ∂score/∂z at z(b) + α(z(x) − z(b)), sent back through z once. Undefined where the model has none, or there are several baselines.
 *
 * Shape: [N, …], as `given.x`.
 */
export function sumAlongPath({ given, x: rows, score }: SumContext): Tensor | undefined {
  const { x, weights } = given;
  const { alpha, baseline } = given.samples;
  if (alpha === undefined || baseline === undefined || baseline.shape[0] !== 1) return undefined;
  const y = score(rows);
  const prefix = linearPrefix(y, rows);
  if (prefix === undefined) return undefined;
  const z = prefix.end;
  const start = baseline.squeeze(0).expand(x.shape);
  // Of an exported graph the target hangs on x too: by a way of its own, which is none of the prefix.
  const end = identity(x);
  const [first, last] = [start, end].map((t) => linearPrefix(score(t), t)) as [
    LinearPrefix | undefined,
    LinearPrefix | undefined,
  ];
  // A file whose batch is baked in is another graph for other numbers of rows.
  if (first?.ops.join() !== prefix.ops.join() || last?.ops.join() !== prefix.ops.join()) return undefined;
  const [atStart, atEnd] = [first.end, last.end];
  if (!sameShape(atEnd.shape.slice(1), z.shape.slice(1))) return undefined;
  // Of one example the rows are the points: they need no axis of their own.
  const [s, n] = [weights.shape[0] ?? 1, x.shape[0] ?? 1];
  const perPoint = (t: Tensor): Tensor => t.reshape([s, ...(n === 1 ? [] : [1]), ...z.shape.slice(1).map(() => 1)]);
  const points = (t: Tensor): Tensor => (n === 1 ? t : t.unsqueeze(0));
  const along = points(atStart).add(points(atEnd.sub(atStart)).mul(perPoint(alpha)));
  const values = typeof n === "number" ? along.reshape(z.shape) : inBlocks(along.reshape(z.shape), prefix);
  const behind = substitution(new Map([[z, values]]))(y);
  const each = grad(behind.mul(spreadWeights(weights, n)).sum(), values);
  const sum = n === 1 ? each.sum(0, true) : each.reshape(along.shape).sum(0);
  return x.sub(start).mul(grad(atEnd, end, { dy: sum }));
}

/**
 * The same values, of a picture by a convolution with ones: in an exported graph, whose layouts are the engine's, blocks of channels begin at a convolution, and
 * sums of blocks are rounded otherwise than those of rows. What lies behind is then computed to the same bits as by the library, and faster.
 */
function inBlocks(z: Tensor, { ops }: LinearPrefix): Tensor {
  const [, channels] = z.shape;
  if (!ops.includes("Conv") || z.rank !== 4 || typeof channels !== "number") return z;
  return conv(z, constant(1, z.dtype).expand([channels, 1, 1, 1]), { groups: channels });
}

/** [S] → [S·N], sample-major. */
const spreadWeights = (weights: Tensor, n: Dim): Tensor =>
  n === 1
    ? weights
    : weights
        .unsqueeze(1)
        .expand([weights.shape[0] ?? 1, n])
        .reshape([dimMul(weights.shape[0] ?? 1, n)]);
