/**
 * @module `report.html` of a task's run: what every run has, and what its task adds.
 */
import { dirname } from "node:path";
import { readCard } from "../../data/card-node.js";
import { heldOutInChinese } from "../../data/hold-out.js";
import { isQuery } from "../../data/readers/query-node.js";
import type { ReportData } from "../../report/data.js";
import { DescentError } from "../../util/errors.js";
import { renderReport } from "../../report/report.js";
import { explainRows } from "../explaining/test-rows-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { ReportSources } from "../task-node.js";

/** Names the data card, where the data lie in a folder with one. */
async function cardFacts(name: string, data: unknown): Promise<NonNullable<ReportData["facts"]>> {
  if (typeof data !== "string" || isQuery(data)) return [];
  try {
    const card = (await readCard(data)) ?? (await readCard(dirname(data)));
    if (card === undefined) return [];
    const last = card.steps.at(-1);
    const value = [
      card.name,
      card.licence ?? "",
      `${card.steps.length} × ${card.steps.map(({ verb }) => verb).join(" → ")}`,
      last?.at.slice(0, 10) ?? "",
    ];
    return [{ label: { en: "data card", zh: "数据卡" }, value: value.filter((part) => part !== "").join(" · ") }];
  } catch (error) {
    // A card that cannot be read says nothing of the run.
    if (error instanceof DescentError) return [{ label: { en: "data card", zh: "数据卡" }, value: `${name}: ${error.message}` }];
    throw error;
  }
}

/** Renders and writes the report of a finished run. */
export async function writeReport(sources: Omit<ReportSources, "explain">): Promise<void> {
  const { writer, used, summary, config, language, notes } = sources;
  const bestStep = await writer.folder.pointer("best");
  const own = await nodeTaskNamed(used.task.name).report({
    ...sources,
    explain: (rows, targets) => explainRows(used, rows, targets),
  });
  const page = await renderReport({
    task: used.task.label,
    summary,
    language,
    command: config.command ?? "",
    descent: config.descent,
    createdAt: new Date().toISOString(),
    history: await writer.folder.metrics(),
    bestStep,
    notes: notes.map((note) => ({ en: note, zh: heldOutInChinese(note) ?? note })),
    facts: await cardFacts(summary.data, config.options["data"]),
    ...own,
    sections: [...(own.sections ?? []), ...(sources.sections ?? [])],
  });
  await writer.write("report.html", page);
}
