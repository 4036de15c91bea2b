/**
 * @module Inputs explained: each by each method that was asked for, with what was decided on the way.
 */
import type {
  Attribution,
  ExampleAttribution,
  Explainable,
  ExplainInput,
  ExplainOptions,
  Faithfulness,
  FaithfulnessOptions,
  MeasureName,
  MethodName,
} from "../../explain/index.js";
import { Explainer, faithfulness, hasGrid, MEASURE_NAMES, METHOD_NAMES, methodNamed } from "../../explain/index.js";
import { toNumbers } from "../../graph/index.js";
import type { Dataset } from "../../data/node.js";
import type { DeviceChoice } from "../../runtime/index.js";
import { ConfigError, DescentError, NoGradientError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { defined } from "../../util/record.js";
import type { NamedInputs, NodeTask, ScoreQuestion } from "../task-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { TrainedModel } from "../trained-model.js";
import { BACKGROUND_ROWS } from "./background-node.js";
import { backgroundInput, explainableExample } from "./explainable-node.js";
import type { View } from "../view.js";
import type { Background } from "./background-node.js";
import { isOnBackground } from "../../explain/remark.js";
import type { Remark } from "../../explain/remark.js";

/** A request for explanations; names are those of the command line. */
export interface ExplainRequest extends Omit<ExplainOptions, "method" | "onProgress" | "target"> {
  readonly methods: readonly MethodName[];
  /** The score asked about. */
  readonly question: ScoreQuestion;
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** Measures of how far each explanation can be believed; none where left out. */
  readonly measures?: readonly MeasureName[];
  /** Rows that stand for absent columns in methods that take a background. */
  readonly rows?: Background;
  /** Called after each method of each input. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** One input by one method. */
export interface Explanation {
  readonly view: View;
  /** The place of the input among those that were given. */
  readonly place: number;
  readonly method: MethodName;
  /** Attributions in the features' order, and their shape without the batch. */
  readonly values: Float64Array;
  readonly shape: readonly number[];
  readonly example: ExampleAttribution;
  /** The tokens of a generated text; `values` and `shape` then begin with them, and `example` is about their sum. */
  readonly tokens?: readonly ExampleAttribution[];
  readonly settings: Attribution["settings"];
  readonly remarks: readonly Remark[];
  /** Results by measure; empty if none was requested, or if the method gives parts that cannot be measured. */
  readonly faithfulness: Faithfulness;
}

/** An input that a method could not explain, with the reason. */
export interface Unexplained {
  readonly view: View;
  readonly method: MethodName;
  readonly reason: string;
}

/** Parses a comma-separated list of methods; `all` is every method. ConfigError for an unknown name. */
export function methodsNamed(text: string): readonly MethodName[] {
  if (text === "all") return METHOD_NAMES;
  return text.split(",").map((name) => methodNamed(name.trim()).name as MethodName);
}

/** ConfigError for an option that none of the methods takes, so that it would change nothing. */
export function expectTaken(option: string, need: "parts" | "background", methods: readonly MethodName[], of?: string): void {
  const takes = (name: string): boolean => methodNamed(name).needs.includes(need);
  if (methods.length === 0 || [...methods, ...(of === undefined ? [] : [of])].some(takes)) return;
  const others = METHOD_NAMES.filter(takes).join(", ");
  throw new ConfigError(
    `${option}: expected a method that takes it, got ${methods.join(", ")}; take one of ${others}, or leave it out`,
  );
}

/** Tells whether a model is a tree ensemble whose file says how many training rows reached each leaf. */
const knowsRows = ({ trees, features: { standsFor } }: Explainable): boolean =>
  standsFor === undefined && trees?.().leafCover.every((cover) => cover > 0) === true;

/** The default method for a kind of input: one that samples for a model without gradients, TreeSHAP for trees on columns, Grad-CAM where there is a grid. */
export function defaultMethod(kind: View["input"]["kind"], model: Explainable): MethodName {
  if (model.forward === undefined) {
    if (kind === "features" && knowsRows(model)) return "tree-shap-path";
    return kind === "image" ? "rise" : "kernel-shap";
  }
  return kind === "image" && hasGrid(model) ? "grad-cam" : "integrated-gradients";
}

/** The largest number of points on a path when several methods or tokens are compared; the remaining gap is reported. */
const MOST_STEPS = 128;

/**
 * Samples where all methods are compared on an image: some 3,000 answers and 400 gradients in place of ten times as many, two minutes of ResNet-18 at 224²
 * on two cores.
 */
const COMPARED: Partial<Record<MethodName, ExplainOptions>> = {
  "expected-gradients": { samples: 40 },
  "gradient-shap": { samples: 40 },
  rise: { samples: 300 },
  lime: { samples: 300 },
  "exact-shapley": { superpixels: 8 },
  "kernel-shap": { samples: 384 },
  "permutation-shap": { samples: 3 },
  "partition-shap": { samples: 192 },
};
const COMPARED_POINTS = 12;
const FEWER: Remark = {
  en: "All methods are compared, so those that sample take fewer samples than alone; --samples takes more.",
  zh: "所有方法一起比较，所以采样的方法比单独使用时取更少的样本；--samples 可以取更多。",
};

/** A gap of a hundredth changes no picture of a matrix, and its tokens are many. */
const MATRIX: ExplainOptions = { tolerance: 0.01, maxSteps: 64 };

/** Leaves out settings that a method does not take: several methods share one list. */
function takenBy(method: MethodName, options: Omit<ExplainOptions, "method">): Omit<ExplainOptions, "method"> {
  const { samples, steps, tolerance, of, maxSteps = MOST_STEPS, ...rest } = options;
  const { defaults } = methodNamed(method);
  return {
    ...rest,
    ...(samples === undefined || defaults.samples === undefined ? {} : { samples }),
    ...(of === undefined || defaults.of === undefined ? {} : { of }),
    ...(defaults.maxSteps === undefined ? {} : { maxSteps, ...(tolerance !== undefined && { tolerance }) }),
    ...(steps === undefined || defaults.steps === undefined ? {} : { steps }),
  };
}

/** The attribution of one example, or of the tokens of one text together. */
function summaryOf(view: View, { values, examples }: Attribution): Pick<Explanation, "values" | "shape" | "example" | "tokens"> {
  const numbers = toNumbers(values);
  const [first] = examples as readonly [ExampleAttribution];
  if (view.written === undefined) return { values: numbers, shape: values.shape.slice(1), example: first };
  const sum = (of: (one: ExampleAttribution) => number | undefined): number | undefined =>
    of(first) === undefined ? undefined : examples.reduce((total, one) => total + (of(one) ?? 0), 0);
  const [baselineScore, gap] = [sum(({ baselineScore }) => baselineScore), sum(({ gap }) => gap)];
  const example: ExampleAttribution = {
    target: first.target,
    label: view.written.tokens.join(""),
    score: sum(({ score }) => score) ?? 0,
    baselineScore,
    gap,
  };
  return { values: numbers, shape: values.shape, example, tokens: examples };
}

/** A score that is no number: nothing explains it. */
export class NotFiniteError extends DescentError {}

/** Refuses a score that is no number. NotFiniteError. */
function expectFinite(model: string, { name }: View, { label, score }: ExampleAttribution): void {
  if (!Number.isFinite(score))
    throw new NotFiniteError(
      `${model}: expected finite scores, got ${score} of ${label} for ${name}; leave that input out, or mend the model`,
    );
}

/** Measures one example, or the mean of several; gives nothing if attributions belong to parts that are not sets of features. */
async function measuredOf(
  explainer: Explainer,
  input: ExplainInput,
  attribution: Attribution,
  options: Pick<FaithfulnessOptions, "explain" | "samples"> & { readonly measures: readonly MeasureName[] },
): Promise<Faithfulness> {
  const [parts] = attribution.examples.map((example) => example.parts);
  const known = parts === undefined ? undefined : (parts.partOf ?? explainer.model.parts?.(input)?.partOf);
  if (options.measures.length === 0 || (parts !== undefined && known === undefined)) return {};
  const measured = await faithfulness(explainer, input, attribution, options);
  const mean = (name: MeasureName): number =>
    measured.reduce((sum, one) => sum + (one[name] ?? NaN), 0) / Math.max(1, measured.length);
  return Object.fromEntries(Object.keys(measured[0] ?? {}).map((name) => [name, mean(name as MeasureName)]));
}

/** Parses a comma-separated list of measures, `all` or `none`. ConfigError for an unknown name. */
export function measuresNamed(text: string): readonly MeasureName[] {
  if (text === "all") return MEASURE_NAMES;
  if (text === "none") return [];
  return text.split(",").map((part) => {
    const found = MEASURE_NAMES.find((name) => name === part.trim());
    if (found === undefined) throw new ConfigError(unknownName("measure", part.trim(), MEASURE_NAMES));
    return found;
  });
}

/** Notes on the origin of the background. */
const withOrigin = (remarks: readonly Remark[], { remark }: Background): Remark[] =>
  remarks.map((each) => (isOnBackground(each) ? remark : each));

/** The rows to explain: the input's, or one for each generated token. */
function encodedOf(view: View, { examples }: NamedInputs, row: number): Dataset {
  const example = view.example ?? examples.select([view.row ?? row]);
  return view.written === undefined ? example : example.select(view.written.ids.map(() => 0));
}

/** A task's view of an input. ConfigError for a task whose answers cannot be explained. */
export function viewerOf({ task }: TrainedModel): NonNullable<NodeTask["view"]> {
  const { view } = nodeTaskNamed(task.name);
  if (view === undefined) throw new ConfigError(`explain: expected a task whose answers can be explained, got ${task.name}`);
  return view;
}

/**
 * Explains inputs. With several methods, those that do not suit a model are reported; a single one is an error.
 *
 * Errors: ConfigError for a task whose answers cannot be explained, NotFiniteError for scores that are no numbers; those of `Explainer.explain`.
 */
export async function explainInputs(
  trained: TrainedModel,
  inputs: NamedInputs,
  request: ExplainRequest,
): Promise<{ readonly explanations: readonly Explanation[]; readonly unexplained: readonly Unexplained[] }> {
  const { methods, question, device, threads, measures = [], rows, onProgress, ...settings } = request;
  const viewed = viewerOf(trained);
  const background =
    rows === undefined || settings.baseline !== undefined ? undefined : await backgroundInput(trained, rows.examples);
  const explanations: Explanation[] = [];
  const unexplained: Unexplained[] = [];
  const total = inputs.names.length * Math.max(1, methods.length);
  for (const [row, name] of inputs.names.entries()) {
    const view = await viewed(trained, inputs, row, name, question);
    const target = view.written?.ids ?? view.target ?? question.target;
    const options = defined({ ...settings, target });
    const { model, input } = await explainableExample(trained, encodedOf(view, inputs, row), view, background);
    await using explainer = new Explainer(model, { device, threads });
    const usual = trained.task.explained?.method ?? defaultMethod(view.input.kind, model);
    const chosen = methods.length === 0 ? [usual] : methods;
    if (settings.mask !== undefined) expectTaken("--mask", "parts", chosen);
    const isShort = chosen.length === METHOD_NAMES.length && view.input.kind === "image";
    for (const method of chosen) {
      try {
        const asked =
          chosen.length === 1 && view.written === undefined
            ? options
            : takenBy(method, { ...(view.written && MATRIX), ...(isShort && COMPARED[method]), ...options });
        const isBehind = background !== undefined && methodNamed(method).needs.includes("background");
        const behind = isBehind ? { background: background.features, backgroundSize: BACKGROUND_ROWS } : {};
        const attribution = await explainer.explain(input, { ...asked, ...behind, method });
        const { settings } = attribution;
        const summary = summaryOf(view, attribution);
        expectFinite(trained.modelName, view, summary.example);
        const remarks = isBehind && rows !== undefined ? withOrigin(attribution.remarks, rows) : attribution.remarks;
        const points = isShort ? { samples: COMPARED_POINTS } : {};
        const measured = await measuredOf(explainer, input, attribution, { measures, explain: asked, ...points });
        explanations.push({
          view,
          place: row,
          method,
          ...summary,
          settings,
          remarks: isShort && COMPARED[method] !== undefined ? [...remarks, FEWER] : remarks,
          faithfulness: measured,
        });
      } catch (error) {
        if (chosen.length === 1 || !(error instanceof ConfigError || error instanceof NoGradientError)) throw error;
        unexplained.push({ view, method, reason: error.message });
      }
      onProgress?.(explanations.length + unexplained.length, total);
    }
  }
  return { explanations, unexplained };
}
