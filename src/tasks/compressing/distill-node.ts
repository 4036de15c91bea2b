/**
 * @module Distillation: a student learns from teachers' answers beside the labels and, on request, from their hidden states and attention.
 */
import { matchingLayers, tapsOf } from "../../compress/distill/hidden-states.js";
import type { Dataset } from "../../data/node.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import {
  constant,
  Graph,
  input,
  inputsOf,
  Parameter,
  rewriteTensors,
  sameShape,
  staticDim,
  Tensor as TensorClass,
} from "../../graph/index.js";
import {
  attentionDivergence,
  binaryCrossEntropyWithLogits,
  hiddenCosine,
  meanSquaredError,
  relationalAngle,
  relationalDistance,
  softTargets,
  topKSoftTargets,
  valueRelation,
} from "../../losses/index.js";
import { normalInit } from "../../nn/index.js";
import { resolveForUse } from "../../ops/index.js";
import type { RunConfig } from "../../run/run-folder.js";
import { ConfigError } from "../../util/errors.js";
import type { TaskContext, TaskInfo, Tensors } from "../task.js";
import { beforeLastLinear } from "../use/traced-graph.js";
import type { DistillOptions } from "./distill-options.js";
import type { BaseModel, SmallerModel } from "./smaller-model.js";
import { traced } from "./smaller-model.js";
import { indicesColumn, logitsColumn, valuesColumn } from "./teacher-node.js";
import type { SmallTraining } from "./options.js";
import type { SmallTrained, TrainingControl } from "./train-smaller-node.js";
import { trainSmaller } from "./train-smaller-node.js";

/** The weights of the distillation losses; a loss with weight 0 is left out. */
type DistillLosses = Pick<DistillOptions, "temperature" | "alpha" | "hidden" | "attention" | "cosine" | "relations" | "examples">;

/** Losses that need the teacher's graph, not its answers alone. */
export const needsGraph = ({ hidden, attention, cosine, relations, examples }: DistillLosses): boolean =>
  hidden + attention + cosine + relations + examples > 0;

export interface Distilling {
  readonly student: SmallerModel;
  /** A teacher whose graph runs beside the student's: for tensors inside it, or if its answers are not rows of logits. */
  readonly inside?: BaseModel;
  /** Answers computed before, row by row. */
  readonly answers?: Dataset;
  readonly teachers: number;
  readonly config: RunConfig;
  readonly rows: Dataset;
  /** Whether the rows have labels. */
  readonly labelled: boolean;
  readonly losses: DistillLosses;
  readonly training: SmallTraining;
  readonly control: TrainingControl;
}

/** Traces a model in use, with its weights as constants: its outputs for a batch, and tensors inside it. */
function frozen(base: BaseModel, batch: Tensors, context: TaskContext<TaskInfo>): Graph {
  const outputs = resolveForUse(traced(base, batch, context));
  const paths = new Map<Tensor, string>([...base.model.state()].map(([path, p]) => [p, path]));
  const map = rewriteTensors(Object.values(outputs), (node) => {
    const [first] = node.outputs;
    const path = first instanceof Parameter ? paths.get(first) : undefined;
    return path === undefined ? undefined : [constant(base.weights.get(path) as TensorData)];
  });
  return new Graph(Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, map(t)])));
}

/** The loss against answers computed before, the mean over teachers; undefined if there are none. */
function fromAnswers(
  logits: Tensor,
  batch: Tensors,
  teachers: number,
  temperature: number,
  multiLabel: boolean,
): Tensor | undefined {
  const terms: Tensor[] = [];
  for (let k = 0; k < teachers; k++) {
    const [whole, values, indices] = [logitsColumn(k), valuesColumn(k), indicesColumn(k)].map((name) => batch[name]);
    if (whole !== undefined)
      terms.push(
        multiLabel ? binaryCrossEntropyWithLogits(logits, whole.sigmoid()) : softTargets(logits, whole, { temperature }),
      );
    else if (values !== undefined && indices !== undefined)
      terms.push(topKSoftTargets(logits, { values, indices }, { temperature }));
  }
  const [first, ...rest] = terms;
  return first === undefined ? undefined : rest.reduce((sum, term) => sum.add(term), first).div(terms.length);
}

const described = (outputs: Iterable<readonly [string, Tensor]>): string =>
  [...outputs].map(([name, { shape }]) => `${name} [${shape.map(String).join(", ")}]`).join(", ");

/** The loss against a teacher that runs beside the student: logits as distributions, other outputs by squared differences. */
function fromOutputs(student: Tensors, teacher: ReadonlyMap<string, Tensor>, temperature: number): Tensor {
  const terms = Object.entries(student).flatMap(([name, t]): Tensor[] => {
    const target = teacher.get(name);
    if (target === undefined || t.dtype !== "float32" || t.rank === 0 || !sameShape(t.shape, target.shape)) return [];
    // Scores of positions are judged one by one: they are no distribution over the classes.
    const isDistribution = name === "logits" && student["boxes"] === undefined;
    return [isDistribution ? softTargets(t, target, { temperature }) : meanSquaredError(t, target)];
  });
  const [first, ...rest] = terms;
  if (first === undefined)
    throw new ConfigError(
      `distill: expected a student with outputs of the teacher's shapes, got ${described(Object.entries(student))} and ${described(teacher)}; a generator with another vocabulary learns with --sequences`,
    );
  return rest.reduce((sum, term) => sum.add(term), first);
}

/** The learned projections of a student's hidden states, by their layer. */
class Projections {
  readonly parameters = new Map<string, Parameter>();

  /** Projects a hidden state [.., D] to the teacher's width. */
  apply(layer: number, hidden: Tensor, teacher: Tensor): Tensor {
    const [from, to] = [hidden, teacher].map((t) => staticDim(t.shape.at(-1), "distill: hidden states")) as [number, number];
    const path = `projections.${layer}.weight`;
    let parameter = this.parameters.get(path);
    if (parameter === undefined) {
      parameter = new Parameter([from, to], { initializer: normalInit(1 / Math.sqrt(from)) });
      this.parameters.set(path, parameter);
    }
    return hidden.matMul(parameter);
  }
}

/** The weighted losses on tensors inside the models. ConfigError if a model has no tensors of that kind. */
function within(student: Graph, teacher: Graph, losses: DistillLosses, projections: Projections): Tensor[] {
  const [own, theirs] = [tapsOf(student), tapsOf(teacher)];
  const terms: Tensor[] = [];
  const mean = (all: readonly Tensor[], weight: number, what: string): void => {
    const [first, ...rest] = all;
    if (first === undefined) throw new ConfigError(`distill: expected models with ${what} to learn from, got none`);
    terms.push(rest.reduce((sum, t) => sum.add(t), first).mul(weight / all.length));
  };
  const paired = (of: "hidden" | "attentions" | "values"): (readonly [Tensor, Tensor])[] =>
    matchingLayers(own[of].length, theirs[of].length).flatMap((place, i) => {
      const [s, t] = [own[of][i], theirs[of][place]];
      return s === undefined || t === undefined ? [] : [[s, t] as const];
    });
  if (losses.hidden > 0)
    mean(
      paired("hidden").map(([s, t], i) => meanSquaredError(projections.apply(i, s, t), t)),
      losses.hidden,
      "hidden states of layers",
    );
  if (losses.cosine > 0)
    mean(
      paired("hidden")
        .slice(-1)
        .map(([s, t]) => hiddenCosine(s, t)),
      losses.cosine,
      "hidden states of one width",
    );
  if (losses.attention > 0)
    mean(
      paired("attentions").map(([s, t]) => attentionDivergence(s, t)),
      losses.attention,
      "attention of as many heads",
    );
  if (losses.relations > 0)
    mean(
      paired("values")
        .slice(-1)
        .map(([s, t]) => valueRelation(s, t)),
      losses.relations,
      "values of attention",
    );
  if (losses.examples > 0) {
    const [s, t] = [student, teacher].map((graph) => beforeLastLinear([...graph.outputs.values()][0] as Tensor));
    const both = s === undefined || t === undefined ? [] : [relationalDistance(s, t), relationalAngle(s, t).mul(2)];
    mean(both, losses.examples, "a linear layer before their outputs");
  }
  return terms;
}

/** Symbolic outputs and columns of a batch, as the training has them. */
function sample({ student, answers, labelled }: Distilling): [Tensors, Tensors, TaskContext<TaskInfo>] {
  const { trainingContext: context, base } = student;
  const { task } = base;
  const own = inputsOf({ ...task.inputs(context, SAMPLE), ...(labelled ? task.targets(context, SAMPLE) : {}) });
  const extra = (answers?.names ?? []).map((name): [string, Tensor] => {
    const { dtype, shape } = (answers as Dataset).tensor(name);
    return [name, input(name, [SAMPLE, ...shape.slice(1)], dtype)];
  });
  const batch = { ...own, ...Object.fromEntries(extra) };
  return [student.outputs(batch, context), batch, context];
}

const SAMPLE = 4;

/** Trains the student. Errors: ConfigError where models do not fit each other; those of `trainSmaller`. */
export async function distill(d: Distilling): Promise<SmallTrained> {
  const { student, inside, answers, losses, labelled } = d;
  const { task, info } = student.base;
  const projections = new Projections();
  const multiLabel = (info as { readonly multiLabel?: boolean }).multiLabel === true;
  const lossOf = (outputs: Tensors, batch: Tensors, context: TaskContext<TaskInfo>): Tensor => {
    const teacher = inside === undefined ? undefined : frozen(inside, batch, context);
    const { logits } = outputs;
    const kept = logits === undefined ? undefined : fromAnswers(logits, batch, d.teachers, losses.temperature, multiLabel);
    const share = labelled ? losses.alpha : 1;
    const soft = share === 0 ? undefined : (kept ?? fromOutputs(outputs, teacher?.outputs ?? new Map(), losses.temperature));
    const terms = soft === undefined ? [] : [soft.mul(share)];
    if (labelled && losses.alpha < 1) {
      const hard = task.loss(outputs, batch, context);
      terms.push((hard instanceof TensorClass ? hard : hard.loss).mul(1 - losses.alpha));
    }
    if (teacher !== undefined && needsGraph(losses)) terms.push(...within(new Graph(outputs), teacher, losses, projections));
    return terms.reduce((sum, term) => sum.add(term));
  };
  // Projections are known once the losses have been traced.
  if (needsGraph(losses)) lossOf(...sample(d));
  return await trainSmaller(student, d.config, d.rows, d.training, d.control, {
    loss: lossOf,
    targets: labelled,
    parameters: projections.parameters,
    columns: answers,
  });
}
