/**
 * @module The scores on planted evidence that a run keeps, where its explanations are shown.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MeasureName } from "../../explain/index.js";
import { splitRunPath } from "../../run/run-folder-node.js";
import type { PlantedScores } from "./planted-scores.js";
import { parsePlanted, PLANTED_FILE } from "./planted-scores.js";

/** The scores of a run; undefined of files, and of runs that were not scored (`descent explain RUN --plant`). */
export async function plantedOf(path: string): Promise<PlantedScores | undefined> {
  const file = join(splitRunPath(path).run, PLANTED_FILE);
  if (path.endsWith(".onnx") || !existsSync(file)) return undefined;
  return parsePlanted(await readFile(file, "utf8"), file);
}

/** The measures that rank methods rightly on planted evidence, and sentences on how far each agrees. Those that were not scored stay. */
export function trusted(
  measures: readonly MeasureName[],
  scores: PlantedScores | undefined,
): { readonly measures: readonly MeasureName[]; readonly remarks: readonly string[] } {
  const agreementOf = (name: MeasureName) => scores?.measures.find((one) => one.name === name);
  const kept = measures.filter((name) => agreementOf(name)?.isEvidence !== false);
  const remarks = measures.flatMap((name) => {
    const found = agreementOf(name);
    if (found === undefined) return [];
    const agreement = found.agreement.toFixed(2);
    return [
      found.isEvidence
        ? `${name}: its ranking of ${found.methods} methods agrees with planted evidence to ${agreement}.`
        : `${name}: left out, since its ranking of ${found.methods} methods agrees with planted evidence to ${agreement} only; --measure ${name} shows it.`,
    ];
  });
  return { measures: kept, remarks };
}
