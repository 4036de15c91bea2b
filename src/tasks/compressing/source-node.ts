/**
 * @module The run to make smaller: its model as a file, and its training data.
 */
import { isAbsolute } from "node:path";
import { eachActivation } from "../../compress/activations.js";
import type { Dataset } from "../../data/node.js";
import { loadOnnx } from "../../data/node.js";
import type { ModelProto } from "../../onnx/index.js";
import { decodeModel } from "../../onnx/index.js";
import type { RunConfig, RunSummary } from "../../run/run-folder.js";
import { RUN_FILES } from "../../run/run-folder.js";
import { openRun, splitRunPath } from "../../run/run-folder-node.js";
import { ConfigError, DescentError, SessionError } from "../../util/errors.js";
import { batchOf } from "./before-after-node.js";
import type { TrainedModel, UseOptions } from "../trained-model.js";
import type { ExamplesOptions } from "../use/examples-node.js";
import { loadExamples } from "../use/examples-node.js";
import { isGguf } from "../use/gguf-node.js";
import type { OnnxUseOptions } from "../use/open-node.js";
import { openModel } from "../use/open-node.js";
import { descentVersion } from "../../util/version-node.js";
import { TracedModel } from "../use/trained-node.js";

/** A run before compression. Owned: dispose of its model. */
export interface CompressionSource {
  /** As the user named it. */
  readonly path: string;
  readonly model: TrainedModel;
  readonly config: RunConfig;
  readonly summary: RunSummary | undefined;
  /** The model as a file: from the task's columns to its outputs. */
  readonly file: ModelProto;
  /** Notes for the user on what was decided as it was opened. */
  readonly remarks?: readonly string[];
}

/**
 * Opens a run, with or without checkpoints, a GGUF file, an ONNX file of others that is a task's, or a folder in Hugging Face's form.
 *
 * Errors: those of `openModel`; ConfigError for a model that reads no inputs; UnsupportedOpError for an ONNX file with ops that Descent does not have.
 */
export async function openSource(path: string, options: UseOptions & OnnxUseOptions = {}): Promise<CompressionSource> {
  const { model, config, remarks } = await openModel(path, options);
  if (model.task.name === "image-generation") {
    await model.dispose();
    throw new ConfigError(
      `${path}: expected a model that answers inputs, got one of image-generation, which makes pictures from random numbers; train a smaller one (--model)`,
    );
  }
  const isFile = config === undefined || isGguf(path);
  const file = await fileOf(model, path);
  return {
    path,
    model,
    config: config ?? (await configOf(model)),
    summary: isFile ? undefined : await summaryIn(path),
    file,
    remarks,
  };
}

const fixedBatch = (path: string, cause: unknown): ConfigError =>
  new ConfigError(
    `${path}: expected a file with a free batch axis, got one of a fixed batch size; export it with that axis free`,
    { cause },
  );

/** The model as a file for any number of examples. ConfigError for one that is made for a fixed number. */
async function fileOf(model: TrainedModel, path: string): Promise<ModelProto> {
  try {
    return model instanceof TracedModel ? model.toFile() : decodeModel(model.toOnnx(), path);
  } catch (cause) {
    if (!(cause instanceof DescentError) || !path.endsWith(".onnx")) throw cause;
    const { declaredInputs } = await loadOnnx(path);
    if ([...declaredInputs.values()].some(({ shape }) => typeof shape?.[0] === "number")) throw fixedBatch(path, cause);
    throw cause;
  }
}

/** ConfigError for a file whose nodes have the number of examples in them, which shows where it runs. */
async function expectAnyBatch({ path, file, model }: CompressionSource, rows: Dataset): Promise<void> {
  const batch = await batchOf(model, rows, Math.min(2, rows.length));
  try {
    await eachActivation(file, file.graph.outputs.map(({ name }) => name), [batch], () => undefined); // prettier-ignore
  } catch (cause) {
    if (!(cause instanceof SessionError)) throw cause;
    throw fixedBatch(path, cause);
  }
}

/** The configuration that a run of a file has. */
const configOf = async ({ task, modelName, info }: TrainedModel): Promise<RunConfig> => ({
  descent: await descentVersion(),
  task: task.name,
  options: {},
  model: modelName,
  info,
});

async function summaryIn(path: string): Promise<RunSummary | undefined> {
  const folder = await openRun(splitRunPath(path).run);
  return (await folder.has(RUN_FILES.summary)) ? folder.summary() : undefined;
}

/** Data for making a model smaller, and other data for judging the result. */
export interface CompressionData {
  /** The name or path of the data. */
  readonly name: string;
  /** Rows that models may be fitted to: the training part, encoded, with targets. */
  readonly calibration: Dataset;
  readonly test: Dataset;
  readonly notes: readonly string[];
}

/**
 * Loads the training and the test part of a run's data, or of other data. For data without parts both are all rows, and a note says so.
 *
 * Errors: ConfigError where no data are known; DataError for data of another form.
 */
export async function loadCompressionData(
  source: CompressionSource,
  { data: given, ...options }: Partial<ExamplesOptions> = {},
): Promise<CompressionData> {
  const { path, model, config } = source;
  const trainedOn = config.options["data"];
  const data = given ?? (typeof trainedOn === "string" ? trainedOn : undefined);
  if (data === undefined) throw new ConfigError(`${path}: expected --data, since the run does not name its own, got none`);
  const asked: ExamplesOptions = { ...options, data };
  const test = await loadExamples(model, config, asked);
  const calibration = await loadExamples(model, config, { ...asked, part: "train" });
  if (calibration.examples.length === 0 || test.examples.length === 0)
    throw new ConfigError(`--data ${data}: expected examples to calibrate and to measure on, got none`);
  if (path.endsWith(".onnx")) await expectAnyBatch(source, calibration.examples);
  return { name: data, calibration: calibration.examples, test: test.examples, notes: test.notes };
}

/** Shortens a path for messages and published files: folders of this machine are left out. */
export const shownPath = (path: string): string => (isAbsolute(path) ? (path.split(/[/\\]/).at(-1) ?? path) : path);
