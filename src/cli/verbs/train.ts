/** @module `descent train TASK`. */
import { ConfigError } from "../../util/errors.js";
import { printableLine } from "../../util/terminal.js";
import { formatCount, formatInteger, formatTable } from "../../util/text.js";
import { checkTrainingOptions, trainingOptions } from "../training-options.js";
import { dataOptions } from "../../tasks/options.js";
import { configOf } from "../options.js";
import type { OptionTable } from "../../util/option.js";
import { TASKS, taskNamed } from "../../tasks/table.js";
import type { AnyTask } from "../../tasks/task.js";
import type { TrainTaskOptions } from "../../tasks/training/training-options.js";
import { input } from "../../graph/index.js";
import { metricsTable, operatingTable } from "../metrics-table.js";
import { defineVerb } from "../verb.js";

/** The models of a task; parameters and FLOPs are those of one example as in the model's paper. */
function modelTable(task: AnyTask): string {
  const rows = task.models.map(({ name, summary, usual }) => {
    const marked = name === task.defaultModel ? `${name} *` : name;
    if (usual === undefined) return [marked, summary];
    const model = usual.build();
    const { flops } = model.summary(input("input", [1, ...usual.inputShape], usual.dtype));
    return [marked, formatInteger(model.parameterCount), formatCount(flops), usual.inputShape.join("×"), summary];
  });
  const sized = rows.some((row) => row.length > 2);
  return formatTable(sized ? ["model (* default)", "parameters", "FLOPs", "for", ""] : ["model (* default)", ""], rows);
}

/** The task that is named, or that of a recipe; "" where neither names one. ConfigError where they differ. */
function taskOf(named: string | undefined, config: unknown, path: string): string {
  const given = typeof config === "object" && config !== null && "task" in config ? config.task : undefined;
  if (given === undefined) return named ?? "";
  if (typeof given !== "string")
    throw new ConfigError(`--config ${path}: task: expected the name of a task, got ${JSON.stringify(given)}`);
  if (named !== undefined && named !== given)
    throw new ConfigError(`train: expected the task of --config ${path}, ${given}, got ${named}; name none, or another file`);
  return given;
}

/** The options that all tasks share. */
const sharedOptions = { ...dataOptions, ...trainingOptions };
/** With what any task takes besides: a task refuses what is another's. */
const taskOptions: OptionTable = Object.fromEntries(TASKS.flatMap((task) => Object.entries(task.options)));
const verbOptions: OptionTable & typeof sharedOptions = { ...taskOptions, ...sharedOptions };

export const verb = defineVerb({
  positionals: [{ name: "TASK", help: "the task to train for; --help without it lists the tasks", optional: true }],
  options: verbOptions,
  examples: [
    "descent train image-classification --data fashion-mnist --model mlp --out runs/fashion",
    "descent train text-classification --data reviews.csv --out runs/reviews",
    "descent train tabular-regression --data houses.csv --label-column price",
    "descent train --config runs/fashion/config.json --seed 2 --out runs/again",
    "descent train --resume runs/fashion",
    "descent train --resume runs/fashion --epochs 20",
    "mpirun -n 4 descent train image-classification --data fashion-mnist --out runs/fashion",
  ],
  configNames: ["task"],
  engine: true,
  ranks: true,
  async more([name]) {
    if (name === undefined) {
      const tasks = formatTable(
        ["task", ""],
        TASKS.map((t) => [t.name, t.summary]),
      );
      return {
        text: `${tasks}\n\n\`descent train TASK --help\` lists the models of a task, and its own options.`,
        listed: { title: "Options of all tasks", options: sharedOptions },
      };
    }
    const task = taskNamed(name);
    return {
      text: `${modelTable(task)}\n\n\`descent train --help\` lists the options that all tasks share.`,
      listed: { title: `Options of ${task.name}`, options: task.options },
      examples: (task.usage ?? []).map((example) => `descent train ${task.name} ${example}`),
    };
  },
  async run(context) {
    const { options, given, positionals, signal, print } = context;
    checkTrainingOptions({ options, given }, "train");
    const task = taskOf(positionals[0], context.config, options.config ?? "");
    if (options.resume === undefined) {
      if (task === "") throw new ConfigError("train: expected a task, got none; see descent train --help");
      taskNamed(task);
      if (options.data === undefined)
        throw new ConfigError(`train ${task}: expected --data, got none; give a known name, a file, a folder or a query`);
    }
    const { broadcastJson, joinGroup } = await import("../../parallel/index.js");
    const group = await joinGroup();
    const { checkRepeated } = await import("../../data/node.js");
    if (given.get("data") === "config") checkRepeated(options.data, undefined, `--config ${options.config}`, "add --data");
    const { trainTask } = await import("../../tasks/training/train-task-node.js");
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[:T]/g, "-");
    // The clock of one rank says where the run is, and rank 0 what it was told.
    const out = await broadcastJson(group, () =>
      Promise.resolve(options.out ?? `runs/${task}-${options.model ?? "default"}-${stamp}`),
    );
    const { resume } = options;
    // The options that describe a run, and with them the local ones that it is told; the frame's own are not the task's.
    const chosen = configOf(verbOptions, options) as Omit<TrainTaskOptions, "task" | "data">;
    const result = await trainTask(
      {
        ...chosen,
        task,
        data: options.data ?? "",
        check: options.check,
        lang: options.lang,
        profile: options.profile,
        overlap: options.overlap,
      },
      {
        out,
        overwrite: options.overwrite,
        resume,
        group,
        command: context.command,
        signal,
        hold: context.hold,
        note: context.note,
        progress: context.progress,
      },
    );
    if (group.rank > 0) return undefined;
    if (result.summary === undefined) {
      context.note(`interrupted; resume with: descent train --resume ${result.path}`);
      return { run: result.path, interrupted: true };
    }
    print(metricsTable(result.summary.metrics));
    if (result.summary.operatingPoints !== undefined) print(`\n${operatingTable(result.summary.operatingPoints)}\n`);
    print(printableLine(`run ${result.path}`));
    print(printableLine(`report ${result.path}/report.html`));
    return { run: result.path, ended: result.ended, ...result.summary };
  },
});
