/**
 * @module Regression of tables with files: its part of a report.
 */
import { judgedExamples, judgeQuantities } from "../../shared/judged-node.js";
import type { NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import { RegressionMeasurement } from "../regression-measurement.js";
import type { TableInfo } from "../tables.js";
import { showRow, tableNode } from "../tables-node.js";

async function report(sources: ReportSources): Promise<TaskReport> {
  const { measurement, testRows } = sources;
  const info = sources.used.info as TableInfo;
  const judged = await judgeQuantities(sources);
  return {
    primaryMetric: "r2",
    ...(measurement instanceof RegressionMeasurement
      ? { regression: { target: info.target, truth: measurement.truth, prediction: measurement.prediction } }
      : {}),
    ...(testRows === undefined ? {} : await judgedExamples(sources, judged, showRow(info, testRows))),
  };
}

export const tabularRegressionNode: NodeTask = { ...tableNode, report };
