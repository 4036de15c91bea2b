/**
 * @module The run that a training resumes.
 */
import { join } from "node:path";
import { checkRepeated } from "../../data/node.js";
import type { RunConfig } from "../../run/run-folder.js";
import type { Checkpoint, RunWriter } from "../../run/run-folder-node.js";
import { openRun, resumeRun, splitRunPath } from "../../run/run-folder-node.js";
import { ConfigError } from "../../util/errors.js";
import { graphInfo } from "../graph-use.js";
import type { TaskInfo } from "../task.js";
import { graphFile } from "../use/trained-node.js";
import { taskNamed } from "../table.js";
import type { Resumed } from "./read-data-node.js";
import type { TrainTaskOptions } from "./training-options.js";
import { currentOptions } from "./training-options.js";

/** The start of a training: options alone, or a run to resume, whose own configuration then counts. */
export interface Opened {
  readonly options: TrainTaskOptions;
  readonly writer?: RunWriter;
  /** The folder of a run to resume. */
  readonly path?: string;
  readonly checkpoint?: Checkpoint;
  readonly config?: RunConfig;
  readonly resumed?: Resumed;
}

/** The length of a training as it is asked for anew, in one of two units; nothing where it is not. */
export const longerTraining = ({ epochs, steps }: TrainTaskOptions): Pick<TrainTaskOptions, "epochs" | "steps"> =>
  epochs === undefined && steps === undefined ? {} : { epochs, steps };

/** Opens the run to resume, if any. ConfigError where other data, or another task, are given besides. */
export async function openFolder(options: TrainTaskOptions, context: { readonly resume?: string }): Promise<Opened> {
  if (context.resume === undefined) return { options };
  const config = await (await openRun(splitRunPath(context.resume).run)).config();
  const { task } = config;
  if (options.task !== "" && options.task !== task)
    throw new ConfigError(`--resume ${context.resume}: expected ${task}, got ${options.task}`);
  const { data } = config.options;
  if (options.data !== "" && options.data !== data)
    throw new ConfigError(
      `--resume ${context.resume}: expected the run's own data, got --data as well; with other data start from its weights: --init ${context.resume}`,
    );
  const place = join(splitRunPath(context.resume).run, "config.json");
  checkRepeated(data, options.data, place, `descent train --resume ${context.resume} --data`);
  const { writer, checkpoint } = await resumeRun(context.resume);
  const resumed: Resumed =
    graphInfo(config["info"] as TaskInfo) === undefined ? config : { ...config, graph: await graphFile(writer.folder) };
  // What this command wrote itself when the run began.
  const own = currentOptions(taskNamed(task), config.options) as unknown as TrainTaskOptions;
  return {
    options: { ...own, ...longerTraining(options), task, threads: options.threads, overlap: options.overlap },
    writer,
    path: writer.path,
    checkpoint,
    config,
    resumed,
  };
}
