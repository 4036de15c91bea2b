/**
 * @module Regression of tables: a quantity for a row.
 */
import type { Tensor, TensorData } from "../../../graph/index.js";
import { toNumbers } from "../../../graph/index.js";
import { meanSquaredError } from "../../../losses/index.js";
import { exampleWeightOption, meanOverWeights, weightTypes } from "../../shared/weighting.js";
import type { Task } from "../../task.js";
import { fittedTables } from "../fitted-models.js";
import { RegressionMeasurement } from "../regression-measurement.js";
import { applyTable, encodeExamples, prepareTable, TABLE_NETWORKS, type TableInfo, tableTask } from "../tables.js";

/** The task that predicts a quantity from rows of a table. */
export const tabularRegression: Task<TableInfo> = {
  name: "tabular-regression",
  label: { en: "Tabular regression", zh: "表格回归" },
  summary: "predict a quantity for a row of a table",
  usage: ["--data houses.csv --label-column price --out runs/houses"],
  ...tableTask,
  models: [...TABLE_NETWORKS, ...fittedTables("quantity")],
  options: exampleWeightOption,
  prepare: (data, options) => prepareTable(data, "regression", options),
  targets: (context, batch) => ({ target: { shape: [batch], dtype: "float32" }, ...weightTypes(context, batch) }),
  outputs: (model, features, batch) => ({ prediction: applyTable(model, features, batch).squeeze(1) }),
  explained: {
    kind: "table",
    // In the target's own unit, as the answer is.
    scores: (outputs, { targetMean, targetDeviation }) =>
      (outputs["prediction"] as Tensor).mul(targetDeviation).add(targetMean).unsqueeze(1),
    labels: ({ target }) => [target],
  },
  loss: ({ prediction }, { target, weight }) =>
    weight === undefined
      ? meanSquaredError(prediction as Tensor, target as Tensor)
      : meanOverWeights(meanSquaredError(prediction as Tensor, target as Tensor, { reduction: "none" }), weight),
  measurement: (info) => new RegressionMeasurement(info),
  answers: (outputs, info) =>
    [...toNumbers(outputs["prediction"] as TensorData)].map((x) => ({
      [info.target]: x * info.targetDeviation + info.targetMean,
    })),
  examples: (data, part, info) => encodeExamples(data, part, info, "target"),
};
