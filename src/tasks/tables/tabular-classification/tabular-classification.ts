/**
 * @module Classification of tables: a class for a row.
 */
import {
  classAnswers,
  ClassificationMeasurement,
  classificationLoss,
  explainedClasses,
  labelTypes,
} from "../../shared/classification.js";
import { classWeightOption, exampleWeightOption, weightTypes } from "../../shared/weighting.js";
import type { Task } from "../../task.js";
import { fittedTables } from "../fitted-models.js";
import { applyTable, encodeExamples, prepareTable, TABLE_NETWORKS, type TableInfo, tableTask } from "../tables.js";

/** The task that sorts rows of a table into classes. */
export const tabularClassification: Task<TableInfo> = {
  name: "tabular-classification",
  label: { en: "Tabular classification", zh: "表格分类" },
  summary: "predict a class for a row of a table",
  usage: ["--data customers.csv --label-column churned --out runs/churn"],
  ...tableTask,
  models: [...TABLE_NETWORKS, ...fittedTables("classes")],
  options: { ...classWeightOption, ...exampleWeightOption },
  prepare: (data, options) => prepareTable(data, "classification", options),
  targets: (context, batch) => ({ ...labelTypes(context, batch), ...weightTypes(context, batch) }),
  outputs: (model, features, batch) => ({ logits: applyTable(model, features, batch) }),
  loss: classificationLoss,
  explained: explainedClasses("table"),
  measurement: (info) => new ClassificationMeasurement(info.classes.length, info),
  answers: (outputs, info) => classAnswers(outputs, info.classes),
  examples: (data, part, info) => encodeExamples(data, part, info, "label"),
};
