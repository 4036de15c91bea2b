/**
 * @module `descent prune`: reads a run, prunes it and writes a smaller run.
 */
import type { Bilingual } from "../../charts/charts.js";
import { textTable } from "../../report/compression.js";
import { checkPlace } from "../../run/run-folder-node.js";
import { formatInteger } from "../../util/text.js";
import type { ExamplesOptions } from "../use/examples-node.js";
import { ConfigError } from "../../util/errors.js";
import type { Budget } from "./budget.js";
import { parseBudget } from "./budget.js";
import type { Pruned } from "./prune-node.js";
import type { PruneOptions } from "./prune-options.js";
import { prune } from "./prune-node.js";
import { judgeOf } from "./judge-node.js";
import { loadCompressionData, openSource } from "./source-node.js";
import type { SmallTraining } from "./options.js";
import type { TrainingControl } from "./train-smaller-node.js";
import type { CompressedSummary, WriteOptions } from "./write-node.js";
import { writeCompressed } from "./write-node.js";
import { defined } from "../../util/record.js";
import type { OnnxUseOptions } from "../use/open-node.js";

/** The surroundings of a verb that makes a run smaller: options, output, interruption. */
export interface CompressingContext extends TrainingControl, WriteOptions {
  readonly data?: Partial<ExamplesOptions>;
  /** Facts that an ONNX file of others does not state itself. */
  readonly onnx?: OnnxUseOptions;
}

/** The one metric of a budget. ConfigError for savings, or several parts. */
function rankBudgetOf(given: string): NonNullable<Budget["metric"]> {
  const { metric, most } = parseBudget(given, "--rank-budget");
  if (metric === undefined || Object.keys(most).length > 0)
    throw new ConfigError(`--rank-budget: expected a limit on the loss of a metric, such as 'accuracy -0.5pp', got "${given}"`);
  return metric;
}

/** Opens a run, prunes it, and writes the smaller one. Errors: those of `prune` and of the run's data. */
export async function pruneRun(
  path: string,
  options: PruneOptions,
  training: SmallTraining,
  context: CompressingContext,
): Promise<CompressedSummary> {
  const limit = options.rankBudget === undefined ? undefined : rankBudgetOf(options.rankBudget);
  checkPlace(context.out, context.overwrite === true);
  const source = await openSource(path, { ...training, ...context.onnx });
  await using model = source.model;
  for (const remark of source.remarks ?? []) context.note(remark);
  const data = await loadCompressionData(source, context.data);
  for (const text of data.notes) context.note(text);
  const { task, modelName, info, weights } = model;
  const base = { task, modelName, info, weights, model: model.model };
  const judge = limit && judgeOf(source, data, limit, "--rank-budget");
  const pruned = await prune({
    base,
    config: source.config,
    rows: data.calibration,
    options,
    training,
    control: context,
    note: context.note,
    judge,
  });
  return await writeCompressed(
    {
      source,
      data,
      file: pruned.smaller.toFile(pruned.weights),
      step: { verb: "prune", options: { ...options, ...training } },
      parameters: pruned.smaller.parameterCount,
      facts: factsOf(pruned),
      sections: () => [{ title: { en: "What was cut", zh: "剪掉的部分" }, html: widthsTable(pruned) }],
    },
    context,
  );
}

/** The figures of pruning in `summary.json`. */
export const factsOf = ({ groups, macs, layers, ranks, sparse }: Pruned): Readonly<Record<string, unknown>> => ({
  multiplyAdds: macs,
  widths: groups,
  ...(layers.length === 0 ? {} : { layers }),
  ...defined({ ranks, sparse }),
});

/** Widths of layers before and after. */
export function widthsTable({ groups, macs, layers, ranks = [] }: Pruned): string {
  const rows = groups
    .filter(({ before, after }) => before !== after)
    .map(({ path, before, after }): Bilingual[] => [path, formatInteger(before), formatInteger(after)]);
  const gone = layers.map((path): Bilingual[] => [path, { en: "a layer", zh: "一层" }, { en: "cut out", zh: "整层剪掉" }]);
  const thinner = ranks.map(({ path, before, after }): Bilingual[] => [
    path,
    { en: `rank ${before}`, zh: `秩 ${before}` },
    { en: `rank ${after}`, zh: `秩 ${after}` },
  ]);
  const work: Bilingual[] = [
    { en: "multiply-adds of one example", zh: "单个样本的乘加次数" },
    formatInteger(Math.round(macs.before)),
    formatInteger(Math.round(macs.after)),
  ];
  return textTable(
    [
      { en: "first weight of the group", zh: "该组的首个权重" },
      { en: "before", zh: "剪枝前" },
      { en: "after", zh: "剪枝后" },
    ],
    [work, ...gone, ...rows, ...thinner],
  );
}
