/**
 * @module Inputs explained: each by each method that was asked for, with what was decided on the way.
 */
import type { Attribution, ExampleAttribution, ExplainOptions, MethodName } from "../../explain/index.js";
import { Explainer, METHOD_NAMES, methodNamed } from "../../explain/index.js";
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import type { DeviceChoice } from "../../runtime/index.js";
import { ConfigError, NoGradientError } from "../../util/errors.js";
import type { NamedInputs } from "../task-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { TrainedModel } from "../trained-model.js";
import { explainableExample } from "./explainable-node.js";
import type { View } from "../view.js";

/** A request for explanations; names are those of the command line. */
export interface ExplainRequest extends Omit<ExplainOptions, "method" | "onProgress"> {
  readonly methods: readonly MethodName[];
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** Told of each method of each input. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** One input by one method. */
export interface Explanation {
  readonly view: View;
  readonly method: MethodName;
  /** Attributions in the features' order, and their shape without the batch. */
  readonly values: Float64Array;
  readonly shape: readonly number[];
  readonly example: ExampleAttribution;
  readonly settings: Attribution["settings"];
  readonly remarks: readonly string[];
}

/** An input that a method could not explain, and why. */
export interface Unexplained {
  readonly view: View;
  readonly method: MethodName;
  readonly reason: string;
}

/** The methods of a list of names, parted by commas; `all` is every one that there is. ConfigError for a name that there is not. */
export function methodsNamed(text: string): readonly MethodName[] {
  if (text === "all") return METHOD_NAMES;
  return text.split(",").map((name) => methodNamed(name.trim()).name as MethodName);
}

/** The method that suits what is explained, where none is asked for. */
export const usualMethod = (kind: View["input"]["kind"]): MethodName => (kind === "image" ? "grad-cam" : "integrated-gradients");

/** The options without settings that a method does not take: one list is for all of several. */
function takenBy(method: MethodName, options: Omit<ExplainOptions, "method">): Omit<ExplainOptions, "method"> {
  const { samples, steps, ...rest } = options;
  const { defaults } = methodNamed(method);
  return {
    ...rest,
    ...(samples === undefined || defaults.samples === undefined ? {} : { samples }),
    ...(steps === undefined || defaults.steps === undefined ? {} : { steps }),
  };
}

const one = ({ shape, data }: TensorData): { values: Float64Array; shape: readonly number[] } => ({
  values: toNumbers({ dtype: "float32", shape, data }),
  shape: shape.slice(1),
});

/**
 * Explains inputs. With several methods, those that a model cannot have are told of; a single one is an error.
 *
 * Errors: ConfigError for a task whose answers cannot be explained; those of `Explainer.explain`.
 */
export async function explainInputs(
  trained: TrainedModel,
  inputs: NamedInputs,
  request: ExplainRequest,
): Promise<{ readonly explanations: readonly Explanation[]; readonly unexplained: readonly Unexplained[] }> {
  const { methods, device, threads, onProgress, ...options } = request;
  const side = nodeTaskNamed(trained.task.name);
  if (side.view === undefined)
    throw new ConfigError(`explain: expected a task whose answers can be explained, got ${trained.task.name}`);
  const explanations: Explanation[] = [];
  const unexplained: Unexplained[] = [];
  const total = inputs.names.length * Math.max(1, methods.length);
  for (const [row, name] of inputs.names.entries()) {
    const view = await side.view(trained, inputs, row, name);
    const { model, input } = await explainableExample(trained, inputs.examples.select([row]), view);
    await using explainer = new Explainer(model, { ...(device && { device }), ...(threads && { threads }) });
    const chosen = methods.length === 0 ? [usualMethod(view.input.kind)] : methods;
    for (const method of chosen) {
      try {
        const asked = chosen.length === 1 ? options : takenBy(method, options);
        const { values, examples, settings, remarks } = await explainer.explain(input, { ...asked, method });
        explanations.push({ view, method, ...one(values), example: examples[0] as ExampleAttribution, settings, remarks });
      } catch (error) {
        if (chosen.length === 1 || !(error instanceof ConfigError || error instanceof NoGradientError)) throw error;
        unexplained.push({ view, method, reason: error.message });
      }
      onProgress?.(explanations.length + unexplained.length, total);
    }
  }
  return { explanations, unexplained };
}
