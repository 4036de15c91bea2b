/**
 * @module Normalizations put back into an imported graph of images: exporters fold them into convolutions, without which a graph learns worse. They are
 * trained as batch normalization is, and folded in again where the run is used.
 */
import type { TensorData } from "../../graph/index.js";
import { Graph, toNumbers } from "../../graph/index.js";
import type { ChannelStatistics } from "../../nn/graph-norm.js";
import type { GraphModule } from "../../nn/index.js";
import { broadcastJson, soleProcess } from "../../parallel/index.js";
import { platformRuntime, resolveDevice } from "../../runtime/index.js";
import { forEachBatch } from "../../train/evaluate.js";
import { matchesPath, splitPatterns } from "../../util/patterns.js";
import { range } from "../../util/range.js";
import { graphInfo } from "../graph-use.js";
import { evenly, fetcherFor } from "../shared/rows-node.js";
import type { TaskContext, TaskInfo, Tensors } from "../task.js";
import { graphIn } from "../use/model.js";
import { pick } from "../use/traced-graph.js";
import { TracedModel } from "../use/trained-node.js";
import { byNodes } from "./fine-tuning.js";
import type { SetupContext, TrainingRequest } from "./read-data-node.js";
import type { MadeModel } from "./setup-node.js";

/** Examples whose statistics normalizations begin with, and of how many in a batch they are taken. */
const [EXAMPLES, AT_ONCE] = [128, 32];
/** A batch of fewer says too little of what a channel is like. */
const LEAST_BATCH = 8;

/** The convolutions that learn and had a normalization, by the names of their weights. */
function chosenConvs(graph: GraphModule, { options }: TrainingRequest): string[] {
  const frozen = options.freeze === undefined ? [] : byNodes(graph, splitPatterns(options.freeze));
  return [...graph.foldedConvs].flatMap(([weight, bias]) =>
    [weight, bias].some((name) => matchesPath(frozen, name)) ? [] : [weight],
  );
}

/** Means and variances, by channel, of what the convolutions of these weights give in use, over some of the training examples. */
async function statisticsOf(
  weights: readonly string[],
  { task, options }: TrainingRequest,
  { prepared: { info, train }, graph: file, weights: values }: MadeModel,
  { device }: SetupContext,
): Promise<[weight: string, statistics: ChannelStatistics][]> {
  const use = {
    device: device ?? (await resolveDevice(await platformRuntime(), options.device ?? "auto")),
    threads: options.threads,
  };
  await using model = new TracedModel(task, "", info, values ?? new Map(), use, file);
  const context: TaskContext<TaskInfo> = { info, use: "eval", options: {} };
  const examples = evenly(train, EXAMPLES);
  const types = task.inputs(context, AT_ONCE);
  const run = await model.evaluator(types, (batch) => momentsOf(weights, model, batch, context));
  const sums = weights.map(() => ({ mean: [] as number[], square: [] as number[] }));
  using fetcher = fetcherFor(task, context, examples);
  await forEachBatch(
    examples,
    AT_ONCE,
    (batch) => run(pick(batch, Object.keys(types))),
    (outputs) =>
      sums.forEach((sum, i) => {
        for (const part of ["mean", "square"] as const) {
          const moments = outputs[`${part} ${i}`] as TensorData;
          const channels = moments.shape[1] as number;
          toNumbers(moments).forEach((value, at) => {
            const c = at % channels;
            sum[part][c] = (sum[part][c] ?? 0) + value / examples.length;
          });
        }
      }),
    fetcher,
  );
  return sums.map(({ mean, square }, i) => [
    weights[i] as string,
    { mean, variance: square.map((value, c) => Math.max(0, value - (mean[c] as number) ** 2)) },
  ]);
}

/** Means of the convolutions' outputs, and of their squares, for each example and channel. */
function momentsOf(
  weights: readonly string[],
  { task, model }: TracedModel,
  batch: Tensors,
  context: TaskContext<TaskInfo>,
): Tensors {
  const outputs = task.outputs(model, task.features(batch, context, model), batch, context);
  const parameters = weights.map((name) => graphIn(model)?.weights.get(name));
  const { nodes } = new Graph(new Map(Object.entries(outputs)));
  return Object.fromEntries(
    nodes.flatMap(({ op, inputs, outputs: [y] }) => {
      const index = op === "Conv" ? parameters.findIndex((p) => p === inputs[1]) : -1;
      if (index < 0 || y === undefined) return [];
      const axes = range(2, y.rank);
      return [[`mean ${index}`, y.mean(axes)] as const, [`square ${index}`, y.square().mean(axes)] as const];
    }),
  );
}

/**
 * Puts the normalizations back that were folded into the convolutions of an imported graph, so that it computes the same as before. Convolutions that are frozen stay as they are, and so
 * does all under adapters, or with batches that are too small. The graph of a resumed run gets those that the run had.
 */
export async function putNormsBack(
  request: TrainingRequest,
  made: MadeModel,
  batchSize: number,
  context: SetupContext,
): Promise<MadeModel> {
  const { options, resumed } = request;
  const graph = graphIn(made.model);
  if (graph === undefined || graphInfo(made.prepared.info)?.inputs["image"] === undefined) return made;
  if (resumed !== undefined) {
    if (resumed.norms !== undefined) graph.putNorms(resumed.norms);
    return { ...made, norms: resumed.norms };
  }
  const norms = options.lora === undefined && options.unfoldNorms !== "never" ? chosenConvs(graph, request) : [];
  if (norms.length === 0) return made;
  const had = `--init ${options.init}: ${norms.length === 1 ? "1 convolution had its" : `${norms.length} convolutions had their`} normalization folded in`;
  if (batchSize < LEAST_BATCH)
    return { ...made, notes: [...made.notes, `${had}; batches of ${batchSize} are too few examples to put it back`] };
  const { group = soleProcess() } = context;
  const statistics = await broadcastJson(group, () => statisticsOf(norms, request, made, context));
  graph.putNorms(norms, new Map(statistics));
  const note = `${had}, which is put back while ${norms.length === 1 ? "it trains" : "they train"} (--unfold-norms never trains without)`;
  return { ...made, norms, notes: [...made.notes, note] };
}
