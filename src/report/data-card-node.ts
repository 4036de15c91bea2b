/** @module Adding a step to the card of a folder, as JSON and as a page. */
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { CleaningReport } from "../data/clean/findings.js";
import type { Language } from "../charts/charts.js";
import type { CardFile, CardStep, DataCard } from "../data/card.js";
import { CARD_FILES, cardSchema } from "../data/card.js";
import { contentOf, hashAll, readCard } from "../data/card-node.js";
import { nodeFileSystem, writeWhole } from "../run/run-folder-files-node.js";
import { parseWith } from "../util/schema.js";
import type { Imported } from "../data/import-node.js";
import { descentVersion } from "../util/version-node.js";
import { cardPage } from "./data-card.js";
import { defined } from "../util/record.js";

/** The part of a step that its verb knows; the rest is found out here. */
export interface NewStep extends Pick<CardStep, "verb" | "command">, Imported {
  /** The folder that it began from: its card goes on in this one. */
  readonly from?: string;
  readonly name: string;
  readonly licence?: string;
  readonly description?: string;
  readonly language?: Language;
}

/** Adds a step to a folder's card, hashes what lies in the folder, and writes both files. */
export async function addStep(folder: string, step: NewStep): Promise<DataCard> {
  const { verb, command, inputs, counts, decisions, from = folder, language, profile } = step;
  const before = await readCard(from);
  const licence = step.licence ?? before?.licence;
  const description = step.description ?? before?.description;
  const made: CardStep = {
    verb,
    command,
    at: new Date().toISOString(),
    descent: await descentVersion(),
    inputs: [...inputs],
    outputs: step.outputs === undefined ? await hashAll(folder, step.name) : [...step.outputs],
    counts: { ...counts },
    decisions: decisions.map((line) => line.slice(0, 4000)).slice(0, 1000),
  };
  const [only] = made.outputs;
  const content = profile === undefined || only === undefined ? undefined : await contentOf(folder, only.name, profile);
  const card = parseWith(
    cardSchema,
    {
      format: "descent-data-card",
      version: 1,
      name: before?.name ?? step.name,
      ...defined({ licence, description }),
      steps: [...(before?.steps ?? []), made],
      content,
    },
    CARD_FILES.json,
  );
  await writeWhole(nodeFileSystem, join(folder, CARD_FILES.json), `${JSON.stringify(card, null, 2)}\n`);
  await writeWhole(nodeFileSystem, join(folder, CARD_FILES.page), cardPage(card, language));
  return card;
}

/** Writes the findings of a cleaning beside the cleaned data, and adds the step to their card. */
export async function recordCleaning(
  data: string,
  out: string,
  report: CleaningReport,
  { command, decisions, language }: Pick<NewStep, "command" | "decisions" | "language">,
): Promise<DataCard> {
  const findings = report.findings.map((finding) => JSON.stringify(finding)).join(",\n");
  await writeWhole(nodeFileSystem, join(out, "findings.json"), `[${findings}]\n`);
  const personal = report.personal.map(
    ({ column, rows }) =>
      `personal data in column "${column}": ${Object.entries(rows)
        .map(([kind, n]) => `${kind} in ${n} rows`)
        .join(", ")}`,
  );
  return addStep(out, {
    verb: "clean",
    command,
    name: basename(resolve(out)),
    from: data,
    inputs: await inputsOf(data),
    counts: { before: report.before, after: report.after, ...report.counts },
    decisions: [...decisions, ...personal, ...report.notes],
    language,
  });
}

/** The files of DATA with their hashes; none for a known name or a query. */
export async function inputsOf(data: string): Promise<CardFile[]> {
  const info = await stat(data).catch(() => undefined);
  return info === undefined ? [] : hashAll(data, basename(resolve(data)));
}
