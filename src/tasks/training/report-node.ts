/**
 * @module `report.html` of a task's run: what every run has, and what its task adds.
 */
import { renderReport } from "../../report/report.js";
import { explainRows } from "../explaining/test-rows-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { ReportSources } from "../task-node.js";

/** Renders and writes the report of a finished run. */
export async function writeReport(sources: Omit<ReportSources, "explain">): Promise<void> {
  const { writer, used, summary, config, language, notes } = sources;
  const bestStep = await writer.folder.pointer("best");
  const page = await renderReport({
    task: used.task.label,
    summary,
    language,
    command: config.command ?? "",
    descent: config.descent,
    createdAt: new Date().toISOString(),
    history: await writer.folder.metrics(),
    ...(bestStep === undefined ? {} : { bestStep }),
    notes,
    ...(await nodeTaskNamed(used.task.name).report({
      ...sources,
      explain: (rows, targets) => explainRows(used, rows, targets),
    })),
  });
  await writer.write("report.html", page);
}
