/**
 * @module The mean activation of each unit, measured at the inputs of the layers that read it.
 */
import type { Couplings } from "../../compress/prune/coupling.js";
import type { Group } from "../../compress/prune/groups.js";
import { positionsOf, setsOf } from "../../compress/prune/positions.js";
import type { Dataset } from "../../data/node.js";
import { DataLoader } from "../../data/node.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { Graph, isLeaf, toNumbers } from "../../graph/index.js";
import { resolveForUse } from "../../ops/index.js";
import { compile } from "../../runtime/index.js";
import { range } from "../../util/range.js";
import { fetcherFor } from "../shared/rows-node.js";
import { pick, usingContext } from "../use/traced-graph.js";
import type { SmallerModel } from "./smaller-model.js";

interface Source {
  readonly smaller: SmallerModel;
  readonly weights: ReadonlyMap<string, TensorData>;
  readonly couplings: Couplings;
  readonly groups: readonly Group[];
  readonly rows: Dataset;
}

const READERS: ReadonlySet<string> = new Set(["Conv", "MatMul", "Gemm"]);
const BATCH = 64;
const BATCHES = 4;

/** A tensor that a layer reads, and the axis along which a group's units lie. */
function readBy(
  group: Group,
  { couplings }: Source,
  inUse: ReadonlySet<Tensor>,
): { readonly t: Tensor; readonly axis: number } | undefined {
  for (const { op, inputs } of couplings.graph.nodes) {
    const [t] = inputs;
    if (!READERS.has(op) || !t || isLeaf(t.node) || !inUse.has(t)) continue;
    const axis = couplings.axesOf(t).findIndex((positions) => setsOf(positions).has(group.set));
    if (axis >= 0) return { t, axis };
  }
  return undefined;
}

/** Means over some batches of tensors of the graph in use, each a vector. */
export async function batchMeans(
  { smaller, weights, rows }: Pick<Source, "smaller" | "weights" | "rows">,
  vectors: readonly Tensor[],
): Promise<Float64Array[]> {
  // The engine opens no graph without outputs.
  if (vectors.length === 0) return [];
  const { task, info } = smaller.base;
  const values = new Map([...smaller.named.paths].map(([t, path]) => [t, weights.get(path) as TensorData]));
  const outputs = Object.fromEntries(vectors.map((t, i): [string, Tensor] => [`mean ${i}`, t]));
  await using executable = await compile(resolveForUse(outputs), { values });
  using fetcher = fetcherFor(task, usingContext(task, info), rows);
  const batchSize = Math.min(BATCH, rows.length);
  const loader = new DataLoader(rows, { batchSize, shuffle: true, seed: 1, dropLast: true, fetcher });
  const sums = vectors.map((t) => new Float64Array(t.shape[0] as number));
  let batches = 0;
  for await (const batch of loader) {
    const got = await executable.call(pick(batch, executable.inputs));
    sums.forEach((sum, i) => toNumbers(got[`mean ${i}`] as TensorData).forEach((v, k) => (sum[k] = (sum[k] as number) + v)));
    if (++batches === BATCHES) break;
  }
  return sums.map((sum) => sum.map((v) => v / batches));
}

/** The mean over all axes but one. */
export const meanAlong = (t: Tensor, axis: number): Tensor => t.mean(range(0, t.rank).filter((other) => other !== axis));

/** Mean |x| of each unit over some batches; groups that no layer reads are left out. */
export async function meanActivations(source: Source): Promise<Map<Group, Float64Array>> {
  const { smaller, couplings, groups } = source;
  const inUse = new Set(new Graph(smaller.outputsInUse).nodes.flatMap((node) => node.outputs));
  const read = groups.flatMap((group) => {
    const found = readBy(group, source, inUse);
    return found === undefined ? [] : [{ group, ...found }];
  });
  const means = await batchMeans(
    source,
    read.map(({ t, axis }) => meanAlong(t.abs(), axis)),
  );
  return new Map(
    read.map(({ group, t, axis }, i) => {
      const positions = couplings.axesOf(t)[axis];
      const of = (unit: number): number =>
        positions === undefined ? 0 : positionsOf(positions, group.set, unit).reduce((sum, at) => sum + (means[i]?.[at] ?? 0), 0);
      return [group, Float64Array.from({ length: group.units }, (_, unit) => of(unit))];
    }),
  );
}
