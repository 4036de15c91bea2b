/**
 * @module `descent explain RUN --plant`: methods and measures scored on twins of a run with planted evidence.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PlantedScores } from "../tasks/explaining/planted-scores.js";
import type { PlantRequest } from "../tasks/training/planted-twin-node.js";
import { makeFolders } from "../util/folders-node.js";
import { formatTable } from "../util/text.js";
import type { DrawingPlace } from "./drawing.js";
import type { Reporter } from "./explain-data.js";

export interface PlantOptions extends Omit<PlantRequest, "note" | "onProgress">, DrawingPlace {
  readonly language: "en" | "zh";
}

const number = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(2));

/** The tables of what was found, for a terminal. */
export function plantedTables({ methods, measures }: PlantedScores): string {
  const judged = measures.map(({ name }) => name);
  const byMethod = methods.map(({ name, first, mass, measures: own }) => [
    name,
    `${(100 * first).toFixed(0)} %`,
    number(mass),
    ...judged.map((measure) => number(own[measure])),
  ]);
  const byMeasure = measures.map(({ name, agreement, isEvidence }) => [name, number(agreement), isEvidence ? "yes" : "no"]);
  return `${formatTable(["method", "first", "share", ...judged], byMethod)}\n${formatTable(["measure", "agrees with the truth", "shown as evidence"], byMeasure)}`;
}

/** Scores on twins, keeps the scores with the run, draws them, and returns what `--json` prints. */
export async function explainPlanted(path: string, options: PlantOptions, { print, note, progress }: Reporter): Promise<object> {
  const { plantedMethods, scoreOnTwins } = await import("../tasks/training/planted-twin-node.js");
  const { PLANTED_FILE } = await import("../tasks/explaining/planted-scores.js");
  const { plantedChart, plantedPage } = await import("../tasks/explaining/planted-page.js");
  const { svgToPng } = await import("../tasks/explaining/picture-node.js");
  const { splitRunPath } = await import("../run/node.js");
  const methods = options.methods.length === 0 ? plantedMethods() : options.methods;
  const bar = progress({ label: "score", total: options.seeds * methods.length, unit: "methods" });
  const found = await scoreOnTwins(path, { ...options, methods, note, onProgress: (done) => bar.update(done) });
  bar.finish();
  note(`with the evidence: ${found.of} ${number(found.withEvidence)}; without it: ${number(found.withoutEvidence)}`);
  if (found.seeds > 1) note(`the methods' ranking over ${found.seeds} seeds agrees to ${number(found.reproducibility)}`);
  print(plantedTables(found));
  const { run } = splitRunPath(path);
  await writeFile(join(run, PLANTED_FILE), `${JSON.stringify(found, undefined, 2)}\n`);
  const { place, extension, language } = options;
  if (extension === "") makeFolders(place);
  const file = extension === "" ? join(place, "methods.html") : place;
  const svg = (): string => plantedChart(found, { language });
  await writeFile(
    file,
    extension === ".svg" ? svg() : extension === ".png" ? await svgToPng(svg()) : plantedPage(path, found, language),
  );
  note(`kept in ${join(run, PLANTED_FILE)}; picture in ${file}`);
  return { ...found, files: [file] };
}
