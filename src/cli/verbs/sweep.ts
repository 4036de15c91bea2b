/** @module `descent sweep RECIPE`. */
import { basename } from "node:path";
import { choice, integer, text } from "../../util/option.js";
import { printableLine } from "../../util/terminal.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  positionals: [{ name: "RECIPE", help: "a YAML file with the task, its options and the search space (docs/sweeps.md)" }],
  options: {
    out: text({
      help: "folder of the sweep; the same command continues what is in it",
      metavar: "FOLDER",
      short: "o",
      defaultText: "sweeps/RECIPE",
    }),
    parallel: integer({ help: "number of trainings at once", minimum: 1, defaultText: "as many as there are cores" }),
    lang: choice(["en", "zh"], { help: "language that the page opens in", default: "en", env: "DESCENT_LANG" }),
  },
  examples: [
    "descent sweep recipe.yaml",
    "descent sweep recipe.yaml --out sweeps/titanic --parallel 1",
    "mpirun -n 4 descent sweep recipe.yaml",
  ],
  engine: true,
  ranks: true,
  async run({ positionals, options, signal, note, print, progress }) {
    const path = positionals[0] as string;
    const { broadcastJson, joinGroup } = await import("../../parallel/index.js");
    const group = await joinGroup();
    const { readFileSync } = await import("node:fs");
    const { ConfigError } = await import("../../util/errors.js");
    const { fileReason } = await import("../../util/file-reason.js");
    const { parseRecipe } = await import("../../sweep/recipe.js");
    const { SWEEP_FILES, sweep } = await import("../../sweep/sweep-node.js");
    const { finding, formatResult, shownFigure } = await import("../../sweep/result.js");
    const read = (): string => {
      try {
        return readFileSync(path, "utf8");
      } catch (cause) {
        throw new ConfigError(`${path}: expected a readable recipe, got an error: ${fileReason(cause)}`, { cause });
      }
    };
    // One recipe for all ranks, whatever file of this name other hosts have.
    const recipe = parseRecipe(await broadcastJson(group, () => Promise.resolve(read())), path);
    const out = options.out ?? `sweeps/${basename(path).replace(/\.ya?ml$/i, "")}`;
    const shown = progress({ label: "sweep", unit: "trainings" });
    const result = await sweep(recipe, {
      out,
      parallel: options.parallel,
      group,
      language: options.lang,
      signal,
      note,
      onOutcome: ({ job, scores, remark }, trainings) => {
        shown.update(trainings, trainings, {});
        if (remark !== undefined) note(`trial ${job.trial + 1}: ${remark}`);
        else {
          const after = job.epochs === undefined ? "" : `, ${job.epochs} epochs`;
          shown.log(`trial ${job.trial + 1}${after}: ${scores.map(shownFigure).join(", ")}`);
        }
      },
    });
    shown.finish();
    if (group.rank > 0) return undefined;
    print(formatResult(result));
    print(finding(result).en);
    print(printableLine(`best: ${result.command}`));
    print(printableLine(`page ${out}/${SWEEP_FILES.page}`));
    return { out, ...result };
  },
});
