/** @module `descent demo`: the main job with nothing to set up. */
import { printableLine } from "../../util/terminal.js";
import { formatTable } from "../../util/text.js";
import { choice, integer, text } from "../../util/option.js";
import { defineVerb } from "../verb.js";
import { metricsTable } from "../metrics-table.js";

export const verb = defineVerb({
  positionals: [],
  options: {
    out: text({ help: "the run folder to make", metavar: "RUN", default: "runs/demo" }),
    seed: integer({ help: "seed of all random choices", minimum: 0, default: 1 }),
    lang: choice(["en", "zh"], { help: "language of the report", default: "en", env: "DESCENT_LANG" }),
  },
  examples: ["descent demo"],
  engine: true,
  async run({ options, signal, note, progress, print, command, hold }) {
    const { trainTask } = await import("../../tasks/training/train-task-node.js");
    note("1,797 handwritten digits of 8×8 pixels (UCI, CC BY 4.0): a network learns to read them.");
    const result = await trainTask(
      { task: "image-classification", data: "digits", model: "mlp", seed: options.seed, lang: options.lang },
      { out: options.out, overwrite: true, signal, hold, note, progress, command },
    );
    if (result.summary === undefined) return { run: result.path, interrupted: true };
    const { summary } = result;
    print(metricsTable(summary.metrics));
    print(
      formatTable(
        ["cost", ""],
        [
          ["parameters", String(summary.parameters)],
          ["FLOPs per step", String(summary.flopsPerStep)],
          ["steps", String(summary.steps)],
          ["ms per step (median)", summary.stepMs.toFixed(2)],
          ["training", `${summary.trainSeconds.toFixed(1)} s`],
          ["peak memory", `${Math.round(summary.peakMemoryMiB)} MiB`],
        ],
      ),
    );
    print(printableLine(`What it looked at, its mistakes and its curves: ${result.path}/report.html`));
    return { run: result.path, ended: result.ended, ...summary };
  },
});
