/**
 * @module The choice of whole layers to cut out: those without which a model loses least.
 *
 * Source: Song et al. 2024, SLEB, arXiv:2402.09025. Differs from it: the loss is the task's own, on examples of the training part.
 */
import type { Group } from "../../compress/prune/groups.js";
import { groupsOf } from "../../compress/prune/groups.js";
import { droppingLayers, findLayers } from "../../compress/prune/layers.js";
import type { Dataset } from "../../data/node.js";
import type { Tensor } from "../../graph/index.js";
import { encodeModel } from "../../onnx/index.js";
import type { DeviceChoice } from "../../runtime/index.js";
import { evenly } from "../shared/rows-node.js";
import type { TaskContext, TaskInfo } from "../task.js";
import { FileModel } from "../use/file-model-node.js";
import type { BaseModel } from "./smaller-model.js";
import { SmallerModel } from "./smaller-model.js";

/** Examples that models without a layer are measured on. */
const EXAMPLES = 256;

/** A model whose layers are chosen, and what it is measured with. */
export interface LayerChoice {
  readonly base: BaseModel;
  readonly rows: Dataset;
  /** The context in which the model will be trained. */
  readonly context: TaskContext<TaskInfo>;
  readonly device?: DeviceChoice;
  readonly threads?: number;
}

/** Paths of the layers that can be cut out, in order. */
export const layerPaths = ({ named }: SmallerModel): string[] => [...new Set(findLayers(named.graph).map(({ path }) => path))];

/**
 * Measures a model without these layers: its loss, or the metric that its trainings are judged by, the smaller the better.
 * Undefined where the task measures neither.
 */
async function lossWithout(
  { base, rows, context, device, threads }: LayerChoice,
  gone: readonly string[],
): Promise<number | undefined> {
  const { task, modelName, info } = base;
  const file = new SmallerModel(base, [droppingLayers(gone)], context).toFile();
  await using used = new FileModel(
    task,
    modelName,
    info,
    { bytes: encodeModel(file), where: gone.join(", ") },
    { device, threads },
  );
  const metrics = (await used.measure(rows))?.result() ?? {};
  const { metric, mode } = task.monitor ?? { metric: "loss", mode: "min" };
  const value = metrics["loss"] ?? metrics[metric];
  if (value === undefined) return undefined;
  const loss = metrics["loss"] === undefined && mode === "max" ? -value : value;
  return Number.isNaN(loss) ? Infinity : loss;
}

/** The first `count` of the layers to cut out, each time the one without which least is lost; spread evenly where the task measures nothing. */
export async function leastMissed(choice: LayerChoice, layers: readonly string[], count: number): Promise<string[]> {
  const sampled = { ...choice, rows: evenly(choice.rows, EXAMPLES) };
  const gone: string[] = [];
  while (gone.length < count) {
    let [best, least]: [string | undefined, number] = [undefined, Infinity];
    for (const path of layers.filter((each) => !gone.includes(each))) {
      const loss = await lossWithout(sampled, [...gone, path]);
      if (loss === undefined) return spread(layers, count);
      if (best === undefined || loss < least) [best, least] = [path, loss];
    }
    if (best === undefined) break;
    gone.push(best);
  }
  return gone;
}

/** So many of the layers that those that stay are spread evenly. */
function spread(layers: readonly string[], count: number): string[] {
  const staying = layers.length - count;
  const kept = new Set(Array.from({ length: staying }, (_, i) => Math.floor((i * layers.length) / staying)));
  return layers.filter((_, i) => !kept.has(i));
}

/** Layers that can only go as a whole: all the groups of units within them are no wider than `block`. */
export function narrowLayers({ named }: SmallerModel, block: number): string[] {
  const { groups } = groupsOf(named.graph);
  const scopes = new Map<Tensor, string[]>();
  for (const { inputs, scope } of named.graph.nodes)
    for (const t of inputs) if (t !== null) scopes.set(t, [...(scopes.get(t) ?? []), scope]);
  const isWithin = (path: string, { axes }: Group): boolean =>
    axes.every(({ tensor }) =>
      (scopes.get(tensor) ?? []).every((scope) => scope === path || scope.startsWith(`${path}.`) || scope.startsWith(`${path}/`)),
    );
  return [...new Set(findLayers(named.graph).map(({ path }) => path))].filter((path) => {
    const inner = groups.filter((group) => isWithin(path, group));
    return inner.length > 0 && inner.every(({ units }) => units <= block);
  });
}
