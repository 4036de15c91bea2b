/**
 * @module The mean activation of each unit, as the layers see it that read it.
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
import { pick } from "../use/traced-graph.js";
import { usingContext, type SmallerModel } from "./smaller-model.js";

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

/** A tensor that a layer reads, and the axis of it that a group's units lie along. */
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

/** Mean |x| of each unit over some batches; groups that no layer reads are left out. */
export async function meanActivations(source: Source): Promise<Map<Group, Float64Array>> {
  const { smaller, weights, couplings, groups, rows } = source;
  const { task, info } = smaller.base;
  const outputs = [...smaller.named.graph.outputs].filter(([name]) => name.startsWith("use: "));
  const inUse = new Set(new Graph(new Map(outputs)).nodes.flatMap((node) => node.outputs));
  const read = groups.flatMap((group) => {
    const found = readBy(group, source, inUse);
    return found === undefined ? [] : [{ group, ...found }];
  });
  const means = read.map(({ t, axis }, i): [string, Tensor] => [
    `mean ${i}`,
    t.abs().mean(range(0, t.rank).filter((other) => other !== axis)),
  ]);
  const values = new Map([...smaller.named.paths].map(([t, path]) => [t, weights.get(path) as TensorData]));
  await using executable = await compile(resolveForUse(Object.fromEntries(means)), { values });
  using fetcher = fetcherFor(task, usingContext(task, info), rows);
  const loader = new DataLoader(rows, {
    batchSize: Math.min(BATCH, rows.length),
    shuffle: true,
    seed: 1,
    dropLast: true,
    fetcher,
  });
  const sums = read.map(({ group }) => new Float64Array(group.units));
  let batches = 0;
  for await (const batch of loader) {
    const got = await executable.call(pick(batch, executable.inputs));
    read.forEach(({ group, t, axis }, i) => {
      const numbers = toNumbers(got[`mean ${i}`] as TensorData);
      const positions = couplings.axesOf(t)[axis];
      for (let unit = 0; unit < group.units; unit++)
        for (const at of positions === undefined ? [] : positionsOf(positions, group.set, unit))
          (sums[i] as Float64Array)[unit] = (sums[i]?.[unit] ?? 0) + (numbers[at] ?? 0);
    });
    if (++batches === BATCHES) break;
  }
  return new Map(read.map(({ group }, i) => [group, sums[i] as Float64Array]));
}
