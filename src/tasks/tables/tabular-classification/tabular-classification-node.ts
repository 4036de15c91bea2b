/**
 * @module Classification of tables with files: its part of a report.
 */
import { ClassificationMeasurement } from "../../shared/classification.js";
import { judgeClasses, judgedExamples } from "../../shared/judged-node.js";
import { classCurves } from "../../shared/precision-recall-report.js";
import type { NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import type { TableInfo } from "../tables.js";
import { showRow, tableNode } from "../tables-node.js";

async function report(sources: ReportSources): Promise<TaskReport> {
  const { measurement, testRows } = sources;
  const info = sources.used.info as TableInfo;
  const judged = await judgeClasses(sources);
  return {
    primaryMetric: "accuracy",
    ...(measurement instanceof ClassificationMeasurement ? measurement.confusionOf(info.classes) : {}),
    ...(testRows === undefined ? {} : await judgedExamples(sources, judged, showRow(info, testRows))),
    sections: classCurves(judged, info.classes),
  };
}

export const tabularClassificationNode: NodeTask = { ...tableNode, report };
