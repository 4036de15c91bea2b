/**
 * @module `descent distill`: trains a student from teachers and writes its run.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { droppingLayers, findLayers } from "../../compress/prune/layers.js";
import { Dataset } from "../../data/node.js";
import { Graph, inputsOf, symbol } from "../../graph/index.js";
import { RUN_FILES } from "../../run/run-folder.js";
import { checkPlace, splitRunPath } from "../../run/run-folder-node.js";
import { initialValues } from "../../train/step.js";
import { ConfigError } from "../../util/errors.js";
import { readInputs } from "../use/examples-node.js";
import { builtNamed, taskNamed } from "../table.js";
import type { AnyTask, TaskContext, TaskInfo, TaskOptions } from "../task.js";
import { distill, needsGraph } from "./distill-node.js";
import type { DistillOptions } from "./distill-options.js";
import { EVERY_SECOND } from "./distill-options.js";
import type { CompressingContext } from "./prune-run-node.js";
import type { BaseModel } from "./smaller-model.js";
import type { OnnxUseOptions } from "../use/open-node.js";
import { usingContext } from "../use/traced-graph.js";
import { SmallerModel, traced } from "./smaller-model.js";
import type { CompressionData, CompressionSource } from "./source-node.js";
import { loadCompressionData, openSource } from "./source-node.js";
import {
  checkClasses,
  indicesColumn,
  inOrder,
  largest,
  logitsColumn,
  storedOutputs,
  teacherLogits,
  valuesColumn,
} from "./teacher-node.js";
import type { SmallTraining } from "./options.js";
import { writtenRows } from "./written-node.js";
import { trainingContextOf } from "./train-smaller-node.js";
import type { CompressedSummary } from "./write-node.js";
import { writeCompressed } from "./write-node.js";

const classesOf = (info: TaskInfo): readonly string[] => (info as { readonly classes?: readonly string[] }).classes ?? [];

const isRun = (path: string): boolean => existsSync(join(splitRunPath(path).run, RUN_FILES.config));

const baseOf = ({ model }: CompressionSource, task = model.task): BaseModel => {
  const { modelName, info, weights } = model;
  return { task, modelName, info, weights, model: model.model };
};

/** A student, and its default training settings. */
interface Student {
  readonly base: BaseModel;
  readonly dropped: readonly string[];
  readonly usual: SmallTraining;
}

/** A new model of the task, for the teacher's info. */
function newStudent(name: string, teacher: CompressionSource, examples: number, seed: number): Student {
  const task = taskNamed(teacher.model.task.name);
  const { pretrained: _pretrained, graph: _graph, ...info } = teacher.model.info;
  const choice = builtNamed(task, name);
  const model = choice.build(info);
  const weights = initialValues({ parameters: model.state(), slots: new Map() }, seed);
  const { epochs, batchSize, lr, optimizer, schedule, weightDecay } = choice.defaults(examples, info);
  return {
    base: { task, modelName: name, info, model, weights },
    dropped: [],
    usual: { epochs, batchSize, lr, optimizer, schedule, weightDecay },
  };
}

/** Removes every second layer of the teacher, keeping the last of each pair (Sanh et al. 2019, arXiv:1910.01108, section 3). */
function halved(teacher: CompressionSource): Student {
  const base = baseOf(teacher);
  const context = usingContext(base.task, base.info);
  const layers = findLayers(new Graph(traced(base, inputsOf(base.task.inputs(context, symbol("N"))), context))).map(
    ({ path }) => path,
  );
  if (layers.length < 2)
    throw new ConfigError(
      `--student ${EVERY_SECOND}: expected a teacher of several layers in a row, got ${layers.length === 0 ? "none" : "one"}; name a model of the task`,
    );
  return { base: { ...base, modelName: `${base.modelName}-half` }, dropped: layers.filter((_, i) => i % 2 === 1), usual: {} };
}

/** Loads the rows that a student learns from: labelled ones, or inputs alone. */
async function rowsFor(source: CompressionSource, labelled: Dataset, unlabelled: string | undefined): Promise<Dataset> {
  if (unlabelled === undefined) return labelled;
  const { examples } = await readInputs(source.model, [unlabelled]);
  if (examples.length === 0) throw new ConfigError(`--unlabelled ${unlabelled}: expected inputs to learn from, got none`);
  return examples;
}

/** Gathers the teachers' answers for the rows. Errors: those of `teacherLogits`, `storedOutputs`, `inOrder`. */
async function answersOf(
  teachers: readonly (CompressionSource | string)[],
  rowsOf: (teacher: CompressionSource) => Promise<Dataset>,
  student: { readonly info: TaskInfo; readonly rows: number },
  options: DistillOptions,
  note: (text: string) => void,
): Promise<Dataset> {
  const classes = classesOf(student.info);
  const parts: Dataset[] = [];
  for (const [k, teacher] of teachers.entries()) {
    if (typeof teacher === "string") {
      parts.push(await storedOutputs(teacher, student.rows, classes.length, k));
      continue;
    }
    const { topK, cache } = options;
    const said = await teacherLogits(teacher.model, await rowsOf(teacher), { note, folder: cache });
    const logits = inOrder(said, classesOf(teacher.model.info), classes);
    if (logits.shape[0] !== student.rows)
      throw new ConfigError(
        `distill: expected one answer for each of ${student.rows} rows, got ${logits.shape[0]} of ${teacher.path}`,
      );
    if (topK === undefined) parts.push(new Dataset({ [logitsColumn(k)]: logits }));
    else {
      const { values, indices } = largest(logits, topK);
      parts.push(new Dataset({ [valuesColumn(k)]: values, [indicesColumn(k)]: indices }));
    }
  }
  return parts.reduce((all, part) => all.with(part.columns));
}

/** Teachers, stored outputs by path, and the run whose rows and info the student shares. Owned: dispose it. */
class Opened implements AsyncDisposable {
  readonly teachers: readonly (CompressionSource | string)[];
  readonly models: readonly CompressionSource[];
  readonly source: CompressionSource;
  /** Whether the student is a run of its own. */
  readonly isOwn: boolean;

  private constructor(
    teachers: readonly (CompressionSource | string)[],
    own: CompressionSource | undefined,
    source: CompressionSource,
  ) {
    this.teachers = teachers;
    this.models = teachers.filter((teacher): teacher is CompressionSource => typeof teacher !== "string");
    this.source = source;
    this.isOwn = own !== undefined;
  }

  /** Errors: ConfigError for teachers of several tasks, and for stored outputs without a run. */
  static async open(
    paths: readonly string[],
    { student }: DistillOptions,
    training: SmallTraining,
    onnx: OnnxUseOptions = {},
  ): Promise<Opened> {
    // Facts about a file are for the files among them; without one they are refused.
    const hasFile = paths.some((path) => path.endsWith(".onnx"));
    const open = (path: string): Promise<CompressionSource> =>
      openSource(path, hasFile && !path.endsWith(".onnx") ? training : { ...training, ...onnx });
    const teachers: (CompressionSource | string)[] = [];
    for (const path of paths) teachers.push(path.endsWith(".safetensors") ? path : await open(path));
    const own = isRun(student) ? await openSource(student, training) : undefined;
    const models = teachers.filter((teacher): teacher is CompressionSource => typeof teacher !== "string");
    const source = own ?? models[0];
    if (source === undefined)
      throw new ConfigError(
        `distill ${paths.join(" ")}: expected --student RUN with stored outputs, since they name no task, got ${student}`,
      );
    const stray = models.find(({ model }) => model.task.name !== source.model.task.name);
    if (stray !== undefined)
      throw new ConfigError(
        `distill: expected teachers of ${source.model.task.name}, got ${stray.path} of ${stray.model.task.name}`,
      );
    return new Opened(teachers, own, source);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { model } of new Set([...this.models, this.source])) await model.dispose();
  }
}

/** Finds the student. ConfigError for a name that is neither a run nor a model of the task. */
function studentOf({ source, isOwn }: Opened, { student }: DistillOptions, examples: number, seed: number): Student {
  if (isOwn) return { base: baseOf(source), dropped: [], usual: {} };
  return student === EVERY_SECOND ? halved(source) : newStudent(student, source, examples, seed);
}

/**
 * Tells whether training mixes examples, so that no answer for one of them fits. ConfigError where stored outputs, or several teachers, would have to be mixed.
 */
function mixesRows(context: TaskContext<TaskInfo>, task: AnyTask, teachers: readonly (CompressionSource | string)[]): boolean {
  const width = (options: TaskOptions): string => JSON.stringify(task.targets({ ...context, options }, 1));
  if (width(context.options) === width({ ...context.options, augment: "none" })) return false;
  if (teachers.length > 1 || typeof teachers[0] === "string")
    throw new ConfigError(
      `distill: expected one teacher that can be run, since ${context.options.augment} mixes images, got ${typeof teachers[0] === "string" ? "stored outputs" : `${teachers.length} teachers`}; use --augment none`,
    );
  return true;
}

/** ConfigError where texts that teachers write would not be all that is learned from. */
function checkSequences(options: DistillOptions): void {
  if (options.sequences !== undefined && (needsGraph(options) || options.unlabelled !== undefined))
    throw new ConfigError(
      "--sequences: expected no other loss and no --unlabelled beside it, since the teachers' texts are the data",
    );
}

/** The rows that a student learns from: those of the data, inputs alone, or what the teachers write. */
async function rowsToLearn(
  { source, models }: Opened,
  data: CompressionData,
  { sequences, unlabelled, cache }: DistillOptions,
  { seed = 1 }: SmallTraining,
  control: CompressingContext,
): Promise<Dataset> {
  if (sequences === undefined) return rowsFor(source, data.calibration, unlabelled);
  const { note } = control;
  return writtenRows(source, models, data.name, { count: sequences, seed, note, control, folder: cache });
}

/** Teaches a student, and writes its run. Errors: ConfigError for teachers and students of other tasks or classes. */
export async function distillRun(
  paths: readonly string[],
  options: DistillOptions,
  training: SmallTraining,
  context: CompressingContext,
): Promise<CompressedSummary> {
  checkPlace(context.out, context.overwrite === true);
  checkSequences(options);
  await using opened = await Opened.open(paths, options, training, context.onnx);
  const { source, teachers, models } = opened;
  for (const { model, path } of models) checkClasses(classesOf(model.info), classesOf(source.model.info), path);
  const data = await loadCompressionData(source, context.data);
  for (const text of [...models.flatMap(({ remarks = [] }) => remarks), ...data.notes]) context.note(text);
  const { base, dropped, usual } = studentOf(opened, options, data.calibration.length, training.seed ?? 1);
  const { sequences } = options;
  const rows = await rowsToLearn(opened, data, options, training, context);
  const fitted = trainingContextOf(base.task, base.info, source.config, data.calibration, training);
  const student = new SmallerModel(base, dropped.length === 0 ? [] : [droppingLayers(dropped)], fitted);
  // Answers that are one row of logits are cached; others are computed beside the student.
  const isClassifier =
    classesOf(base.info).length > 0 &&
    student.named.graph.outputs.get("use: logits")?.rank === 2 &&
    !mixesRows(fitted, base.task, teachers);
  const [first] = models;
  const inside =
    first !== undefined && sequences === undefined && (needsGraph(options) || !isClassifier) ? baseOf(first) : undefined;
  const rowsOf = async (teacher: CompressionSource): Promise<Dataset> => {
    if (teacher === source) return rows;
    const own = await loadCompressionData(teacher, { ...context.data, data: data.name });
    return rowsFor(teacher, own.calibration, options.unlabelled);
  };
  const answers = isClassifier
    ? await answersOf(teachers, rowsOf, { info: base.info, rows: rows.length }, options, context.note)
    : undefined;
  const trained = await distill({
    student,
    inside,
    answers,
    teachers: teachers.length,
    config: source.config,
    rows,
    labelled: options.unlabelled === undefined,
    // What teachers wrote is what is learned: the plain loss of the task.
    losses: sequences === undefined ? options : { ...options, alpha: 0 },
    training: { ...usual, ...training },
    control: context,
  });
  const facts = { student: base.modelName, multiplyAdds: { after: student.multiplyAdds() } };
  return await writeCompressed(
    {
      source,
      data,
      file: student.toFile(trained.weights),
      step: { verb: "distill", options: { ...options, ...training, teachers: paths.length } },
      parameters: student.parameterCount,
      modelName: base.modelName,
      facts: { ...facts, ...(dropped.length === 0 ? {} : { layers: dropped }) },
    },
    context,
  );
}
