/**
 * @module Rows of a test part explained together, for reports: by the method that suits the task, with how far it can be believed.
 */
import type { Dataset } from "../../data/node.js";
import type { Attribution, ExplainOptions, FaithfulnessOptions, MethodName } from "../../explain/index.js";
import { Explainer, faithfulness } from "../../explain/index.js";
import { ConfigError, NoGradientError } from "../../util/errors.js";
import type { ExplainedRows } from "../task-node.js";
import type { TrainedModel } from "../trained-model.js";
import { defaultMethod } from "./explain-node.js";
import { explainableRows } from "./explainable-node.js";

/** A report is made after every training: a few points of a path and of a curve say enough. */
const PATH: ExplainOptions = { steps: 16, maxSteps: 32 };
const CURVES: FaithfulnessOptions = { measures: ["insertion", "deletion"], samples: 8 };

/** Number of answers to sample for each example of a model without gradients. */
const ANSWERS = 256;

/** Explains rows: by Grad-CAM if an image's model has convolutions, otherwise by Integrated Gradients; an opaque model by sampling. `targets` [N]: scores. */
export async function explainRows(trained: TrainedModel, rows: Dataset, targets: Int32Array): Promise<ExplainedRows> {
  const opaque = await trained.explainable?.(rows);
  const { model, input } = opaque ?? (await explainableRows(trained, rows));
  await using explainer = new Explainer(model);
  const by = (method: MethodName, options: ExplainOptions): Promise<Attribution> =>
    explainer.explain(input, { ...options, method, target: [...targets] });
  const byAnswers = (): Promise<Attribution> => {
    const method = defaultMethod(model.features.kind === "image" ? "image" : "features", { ...model, forward: undefined });
    return by(method, method === "tree-shap-path" ? {} : { samples: ANSWERS });
  };
  // Answers that are counts, such as votes of neighbours, have no gradient.
  const alongPath = (): Promise<Attribution> =>
    by("integrated-gradients", PATH).catch((error: unknown) => {
      if (!(error instanceof NoGradientError)) throw error;
      return byAnswers();
    });
  const attribution =
    opaque !== undefined
      ? await byAnswers()
      : model.features.kind === "image"
        ? await by("grad-cam", {}).catch((error: unknown) => {
            if (!(error instanceof ConfigError || error instanceof NoGradientError)) throw error;
            return alongPath();
          })
        : await alongPath();
  return {
    method: attribution.method,
    features: input.features,
    attribution: attribution.values,
    bases: attribution.examples.map(({ baselineScore, gap }) => (gap === undefined ? undefined : baselineScore)),
    faithfulness: await faithfulness(explainer, input, attribution, CURVES),
  };
}
