/**
 * @module Regression of tables: a quantity for a row.
 */
import type { Dim, Tensor, TensorData } from "../../../graph/index.js";
import { toNumbers } from "../../../graph/index.js";
import { meanSquaredError } from "../../../losses/index.js";
import { exampleWeightOption, meanOverWeights, weightTypes } from "../../shared/weighting.js";
import type { Task } from "../../task.js";
import { fittedTables } from "../fitted-models.js";
import { RegressionMeasurement } from "../regression-measurement.js";
import { applyTable, encodeExamples, forMembers, prepareTable, TABLE_NETWORKS, type TableInfo, tableTask } from "../tables.js";

/** The task that predicts a quantity from rows of a table. */
export const tabularRegression: Task<TableInfo> = {
  name: "tabular-regression",
  label: { en: "Tabular regression", zh: "表格回归" },
  summary: "predict a quantity for a row of a table",
  usage: ["--data houses.csv --label-column price --out runs/houses"],
  ...tableTask,
  reads: { tableOf: "rows", quantity: true },
  models: [...TABLE_NETWORKS, ...fittedTables("quantity")],
  options: exampleWeightOption,
  prepare: (data, options) => prepareTable(data, "regression", options),
  targets: (context, batch) => ({ target: { shape: [batch], dtype: "float32" }, ...weightTypes(context, batch) }),
  outputs: (model, features, batch, context) => {
    const { scores, ...each } = applyTable(model, features, batch, context);
    return { prediction: scores.squeeze(1), ...each };
  },
  explained: {
    kind: "table",
    // In the target's own unit, as the answer is.
    scores: (outputs, { targetMean, targetDeviation }) =>
      (outputs["prediction"] as Tensor).mul(targetDeviation).add(targetMean).unsqueeze(1),
    labels: ({ target }) => [target],
  },
  loss: ({ prediction, members }, batch) => {
    const given = members === undefined ? batch : forMembers(batch, members.shape[0] as Dim);
    const [output, target, weight] = [members?.reshape([-1]) ?? prediction, given["target"], given["weight"]] as [
      Tensor,
      Tensor,
      Tensor | undefined,
    ];
    if (weight === undefined) return meanSquaredError(output, target);
    return meanOverWeights(meanSquaredError(output, target, { reduction: "none" }), weight);
  },
  measurement: (info) => new RegressionMeasurement(info),
  answers: (outputs, info) =>
    [...toNumbers(outputs["prediction"] as TensorData)].map((x) => ({
      [info.target]: x * info.targetDeviation + info.targetMean,
    })),
  examples: (data, part, info) => encodeExamples(data, part, info, "target"),
};
