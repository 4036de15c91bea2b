/**
 * @module Classification of tables: a class for a row.
 */
import type { Dim } from "../../../graph/index.js";
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
import { applyTable, encodeExamples, forMembers, prepareTable, TABLE_NETWORKS, type TableInfo, tableTask } from "../tables.js";

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
  outputs: (model, features, batch, context) => {
    const { scores, ...each } = applyTable(model, features, batch, context);
    return { logits: scores, ...each };
  },
  loss: (outputs, batch, context) => {
    const { members } = outputs;
    if (members === undefined) return classificationLoss(outputs, batch, context);
    const [count, , classes] = members.shape as readonly [Dim, Dim, Dim];
    return classificationLoss({ logits: members.reshape([-1, classes]) }, forMembers(batch, count), context);
  },
  explained: explainedClasses("table"),
  measurement: (info) => new ClassificationMeasurement(info.classes.length, info),
  answers: (outputs, info) => classAnswers(outputs, info.classes),
  examples: (data, part, info) => encodeExamples(data, part, info, "label"),
};
