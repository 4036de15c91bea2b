/**
 * @module Explanations that travel: a trained model as one ONNX file whose outputs are its answer and the attribution of it.
 */
import type { AttributionGraphOptions, MethodName, Settings } from "../../explain/index.js";
import { attributionGraph, methodNamed, settingsFor } from "../../explain/index.js";
import type { Dim, Tensor } from "../../graph/index.js";
import { formatShape, Graph, input, symbol } from "../../graph/index.js";
import { exportGraph } from "../../onnx/index.js";
import { foldNorms, lowerGraph, padChannelsByConvolution, resolveForUse } from "../../ops/index.js";
import { ConfigError, DescentError } from "../../util/errors.js";
import type { TaskContext, TaskInfo } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import { fileMetadata } from "../use/file-metadata.js";
import { explainedGraph, pathsOf, valuesOf } from "./explainable-node.js";

/** A request for a file; names are those of the command line. */
export interface ExportRequest extends Partial<Settings> {
  readonly method: MethodName;
  readonly at?: string;
  /** Texts: tokens that every batch then has, where the method needs to know; left out, any number if it can be, else the run's own length. */
  readonly maxLength?: number;
}

/** A file, and what was decided on the way. */
export interface ExportedExplanation {
  readonly bytes: Uint8Array;
  /** Shape of the attribution, `[N, 1, 28, 28]`. */
  readonly shape: string;
  readonly remarks: readonly string[];
}

/** The name of the output beside the answer, and of the input beside the model's own. */
export const [ATTRIBUTION, TARGET] = ["attribution", "target"];

/** Refuses methods that an exported graph, which gets inputs alone, cannot compute. */
function refuseOthers(method: MethodName): void {
  const { kind, needs } = methodNamed(method);
  const remedy = "take integrated-gradients, grad-cam, or another gradient method";
  if (kind === "sampling")
    throw new ConfigError(`--explain ${method}: expected a gradient method, which is a graph, got a sampling method; ${remedy}`);
  if (needs.includes("background"))
    throw new ConfigError(
      `--explain ${method}: expected a method that needs no background data, for which the file has no input; ${remedy}`,
    );
}

function tracedFile(trained: TrainedModel, request: ExportRequest, length: Dim | undefined): ExportedExplanation {
  const { task, info, modelName } = trained;
  const { method, maxLength: _, ...options } = request;
  const context: TaskContext<TaskInfo> = { info, use: "eval", options: {}, length };
  const { columns, features, model } = explainedGraph(trained, context, symbol("N"));
  const answers = resolveForUse(task.outputs(trained.model, features, columns, context));
  const target = input(TARGET, [symbol("N")], "int32");
  const others = Object.fromEntries(Object.keys(model.others ?? {}).map((name) => [name, columns[name] as Tensor]));
  const asked: AttributionGraphOptions = { ...options, method, baseline: "zero" };
  const sums = attributionGraph(model, { x: features, target, others }, asked).attribution;
  // A token's part is that of its vector.
  const attribution = model.features.kind === "tokens" && sums.rank === 3 ? sums.sum(2) : sums;
  const outputs = { ...answers, [ATTRIBUTION]: resolveForUse({ attribution }).attribution };
  const row = methodNamed(method);
  const isRefined = row.kind === "gradient" && row.refines === true;
  const settings = settingsFor(row, options);
  const used = Object.keys(row.defaults).filter((key) => key !== "maxSteps" && key !== "tolerance") as (keyof Settings)[];
  const described = {
    method,
    settings: Object.fromEntries(used.map((key) => [key, settings[key]])),
    baseline: row.needs.includes("baseline") ? "zero: all features 0, as the model sees them" : undefined,
    at: options.at,
    of: model.features.kind,
    labels: model.labels,
    target: "int32 [N]: the place of a label; -1 for the answer",
  };
  const inputs = [...Object.values(columns).filter((t) => new Graph(answers).inputs.includes(t)), target];
  const values = valuesOf(trained);
  // Folded and in blocks as the library has them: a unit near its kink falls to the same side in both.
  const folded = padChannelsByConvolution(foldNorms(new Graph(outputs), (t) => values.has(t)));
  const bytes = exportGraph(lowerGraph(folded, "onnx"), {
    inputs,
    names: pathsOf(trained),
    values,
    graphName: modelName,
    metadata: new Map([...fileMetadata(trained), ["descent.explanation", JSON.stringify(described)]]),
  });
  return {
    bytes,
    shape: formatShape(attribution.shape),
    remarks: [
      ...(isRefined ? [`${settings.steps} points of the path: a file does not look at its gap; --steps takes more.`] : []),
      ...(described.baseline === undefined ? [] : ["Baseline: all features 0."]),
    ],
  };
}

/**
 * The file of a trained model and an explanation of its answers, with N free: the model's own inputs and `target` int32 [N] in, its outputs and
 * `attribution` out: [N, C, H, W] or [N, 1, H, W] of images, [N, F] of rows, [N, T] of texts.
 *
 * Texts have any length where gradients do not need to know it, else a fixed one, which is said.
 * Errors: ConfigError for a task whose answers cannot be explained, for methods that sample or need data; those of `attributionGraph`.
 */
export function exportExplained(trained: TrainedModel, request: ExportRequest): ExportedExplanation {
  refuseOthers(request.method);
  const { maxLength } = request;
  if (trained.task.buckets === undefined) {
    if (maxLength !== undefined) throw new ConfigError(`--max-length: expected a run of texts, got one of ${trained.task.name}`);
    return tracedFile(trained, request, undefined);
  }
  const own = trained.info["maxLength"];
  if (maxLength !== undefined && typeof own === "number" && maxLength > own)
    throw new ConfigError(`--max-length: expected at most the ${own} tokens that the model takes, got ${maxLength}`);
  if (maxLength !== undefined) return tracedFile(trained, request, maxLength);
  try {
    return tracedFile(trained, request, symbol("T"));
  } catch (error) {
    if (!(error instanceof DescentError) || typeof own !== "number") throw error;
    const fixed = tracedFile(trained, request, own);
    const said = `Texts: exactly ${own} tokens, padded, since this model's gradients need to know the length; --max-length takes fewer.`;
    return { ...fixed, remarks: [said, ...fixed.remarks] };
  }
}
