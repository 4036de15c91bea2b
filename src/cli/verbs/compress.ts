/** @module `descent compress RUN`. */
import { compressingOptions, smallTrainingOf } from "../../tasks/compressing/options.js";
import { integer, number, text } from "../../util/option.js";
import { printableLine } from "../../util/terminal.js";
import { formatTable } from "../../util/text.js";
import { compressingContext } from "../compressing-context.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  positionals: [{ name: "RUN", help: "the run to make smaller" }],
  options: {
    budget: text({
      help: "limits for the smaller model, relative to the run: 'accuracy -0.5pp, latency 0.5x, size 0.25x'; also parameters",
      metavar: "BUDGET",
      default: "size 0.5x, latency 1x",
    }),
    shortEpochs: number({ help: "epochs of the short trainings at the start", above: 0, metavar: "N", default: 1 }),
    try: text({
      help: "pipelines to try, such as prune50,prune50+quantize",
      metavar: "NAMES",
      defaultText: "all: quantize, rank95, prune70, prune50, prune35, distill, and these together",
    }),
    longer: integer({ help: "candidates that are then trained for --epochs", minimum: 0, metavar: "N", default: 2 }),
    ...compressingOptions,
  },
  examples: ["descent compress runs/fashion --budget 'accuracy -0.5pp, latency 0.5x, size 0.25x' --out runs/fashion-search"],
  engine: true,
  async run(context) {
    const {
      positionals: [path = ""],
      options,
      note,
      print,
    } = context;
    const { parseBudget } = await import("../../tasks/compressing/budget.js");
    const budget = parseBudget(options.budget);
    const { compressRun } = await import("../../tasks/compressing/search-node.js");
    const out = options.out ?? `${path.replace(/[/\\]+$/, "")}-search`;
    const { shortEpochs, longer } = options;
    const asked = {
      budget,
      budgetText: options.budget,
      shortEpochs,
      longer,
      pipelines: options.try?.split(",").map((name) => name.trim()),
    };
    const { points, gaps, best, isMet } = await compressRun(
      path,
      asked,
      smallTrainingOf(options),
      compressingContext(context, out),
    );
    print(
      formatTable(
        ["", "steps", "time", "size", "parameters", "metric", "before"],
        points.map(({ name, shares, metric }, i) => [
          `${i + 1}${name === best.name ? " *" : ""}`,
          name,
          `× ${shares.latency.toFixed(3)}`,
          `× ${shares.size.toFixed(3)}`,
          `× ${shares.parameters.toFixed(3)}`,
          metric.after.toPrecision(4),
          metric.before.toPrecision(4),
        ]),
      ),
    );
    for (const { name, reason } of gaps) note(`${name}: left out: ${reason}`);
    print(printableLine(`report ${out}/report.html`));
    if (!isMet) {
      const { DescentError } = await import("../../util/errors.js");
      throw new DescentError(
        `compress ${path}: expected a model within "${options.budget}", got none; the nearest is ${best.run}`,
      );
    }
    print(printableLine(`run ${best.run}`));
    return { run: best.run, best, points, gaps };
  },
});
