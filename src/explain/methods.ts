/**
 * @module The one table of methods: tests, documents and the command line are driven by it. A row's key is the method's name and its file's, or that of
 * its family.
 */
import { formatShape } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import type { Features } from "./explainable.js";
import { imageAxes } from "./explainable.js";
import type { GradientMethod, Method, Settings } from "./method.js";
import { fgsm, pgd, smallestChange } from "./methods/adversarial.js";
import { attentionRollout, gradientRollout } from "./methods/attention-rollout.js";
import { deepLift, deepShap } from "./methods/deep-lift.js";
import { exactShapley } from "./methods/exact-shapley.js";
import { expectedGradients, gradientShap } from "./methods/expected-gradients.js";
import { gradCam, gradCamPlusPlus, layerCam } from "./methods/grad-cam.js";
import { guidedBackpropagation, guidedGradCam } from "./methods/guided-backpropagation.js";
import { inputXGradient } from "./methods/input-x-gradient.js";
import { integratedGradients } from "./methods/integrated-gradients.js";
import { kernelShap } from "./methods/kernel-shap.js";
import { lime } from "./methods/lime.js";
import { linearShap } from "./methods/linear-shap.js";
import { lrp } from "./methods/lrp.js";
import { featureAblation, occlusion } from "./methods/occlusion.js";
import { partitionShap } from "./methods/partition-shap.js";
import { permutationShap } from "./methods/permutation-shap.js";
import { rise } from "./methods/rise.js";
import { saliency } from "./methods/saliency.js";
import { scoreCam } from "./methods/score-cam.js";
import { smoothGrad, varGrad } from "./methods/smooth-grad.js";
import { treeShap, treeShapPath } from "./methods/tree-shap.js";

/** Methods that explain an answer, by name. */
export const METHODS = {
  saliency,
  "input-x-gradient": inputXGradient,
  "smooth-grad": smoothGrad,
  "var-grad": varGrad,
  "integrated-gradients": integratedGradients,
  "expected-gradients": expectedGradients,
  "gradient-shap": gradientShap,
  "deep-lift": deepLift,
  "deep-shap": deepShap,
  lrp,
  "guided-backpropagation": guidedBackpropagation,
  "grad-cam": gradCam,
  "grad-cam-plus-plus": gradCamPlusPlus,
  "layer-cam": layerCam,
  "guided-grad-cam": guidedGradCam,
  "score-cam": scoreCam,
  "attention-rollout": attentionRollout,
  "gradient-rollout": gradientRollout,
  occlusion,
  "feature-ablation": featureAblation,
  rise,
  lime,
  "exact-shapley": exactShapley,
  "kernel-shap": kernelShap,
  "permutation-shap": permutationShap,
  "partition-shap": partitionShap,
  "linear-shap": linearShap,
  "tree-shap": treeShap,
  "tree-shap-path": treeShapPath,
  fgsm,
  pgd,
  "smallest-change": smallestChange,
} as const satisfies Readonly<Record<string, Method>>;

/** Methods by name. */
export type MethodName = keyof typeof METHODS;

/** Every method's name, in the table's order. */
export const METHOD_NAMES = Object.keys(METHODS) as readonly MethodName[];

/** The row of a name. Errors: ConfigError, with the nearest name. */
export function methodNamed(name: string): Method {
  if (!Object.hasOwn(METHODS, name)) throw new ConfigError(unknownName("method", name, METHOD_NAMES));
  // own key: asked for before.
  return METHODS[name as MethodName];
}

/** Values for settings that a method's row has no default for; the method never reads them. */
const ANY: Settings = {
  samples: 1,
  steps: 1,
  maxSteps: 1,
  tolerance: 0,
  rule: "gauss-legendre",
  noise: 0,
  of: "",
  seed: 0,
  relevance: "epsilon",
  epsilon: 1e-6,
  gamma: 0.25,
  alpha: 2,
  window: 0,
  stride: 0,
  superpixels: 50,
  cells: 7,
  probability: 0.5,
  kernelWidth: 0.25,
  ridge: 1,
  bootstrap: 0,
  radius: 0,
  stepSize: 0,
  signed: false,
};

/** Settings that every method takes, since parts and seeds are chosen before it begins. */
const COMMON: ReadonlySet<keyof Settings> = new Set(["seed"]);

/**
 * A method's settings, from its row and what the user says. Errors: ConfigError for one that the method does not take, or that is not a number of its kind.
 */
export function settingsFor(method: Method, given: Partial<Settings>): Settings {
  const { of = method.defaults.of } = given;
  const below = of === undefined ? {} : methodNamed(of).defaults;
  const taken = { ...below, ...method.defaults };
  const named = (Object.keys(ANY) as (keyof Settings)[]).filter((key) => given[key] !== undefined);
  for (const key of named) {
    const value = given[key];
    if (taken[key] === undefined && !COMMON.has(key)) {
      const names = Object.keys(taken).join(", ");
      throw new ConfigError(
        `${method.name}: expected settings among ${names === "" ? "none" : names}, got ${key}; leave it out, or take a method that has it`,
      );
    }
    if (
      typeof value === "number" &&
      !(Number.isFinite(value) && value >= 0 && (!COUNTS.has(key) || (Number.isInteger(value) && value > 0)))
    )
      throw new ConfigError(
        `${method.name}: ${key}: expected ${COUNTS.has(key) ? "a whole number of at least 1" : "a number of at least 0"}, got ${value}`,
      );
  }
  return { ...ANY, ...taken, ...Object.fromEntries(named.map((key) => [key, given[key]])) };
}

const COUNTS: ReadonlySet<keyof Settings> = new Set(["samples", "steps", "maxSteps", "superpixels", "cells"]);

/** The method that another one smooths. Errors: ConfigError for one that is not a gradient method. */
export function smoothedBy({ of }: Settings): GradientMethod | undefined {
  if (of === "") return undefined;
  const method = methodNamed(of);
  if (method.kind === "gradient" && method.defaults.of === undefined) return method;
  throw new ConfigError(`of: expected a gradient method to smooth, got "${of}"`);
}

const OF_IMAGES: ReadonlySet<string> = new Set(["image", "layer"]);
const ASK_MORE: ReadonlySet<string> = new Set([...OF_IMAGES, "attention", "trees"]);

/** Refuses a method of images for a model of something else. Errors: ConfigError, with methods that promise a sum and that the model can have. */
export function expectFeatures({ name, needs }: Method, smoothed: Method | undefined, features: Features): void {
  const asked = [...needs, ...(smoothed?.needs ?? [])];
  if (!asked.some((need) => OF_IMAGES.has(need)) || imageAxes(features) !== undefined) return;
  const others = Object.values<Method>(METHODS).filter(
    (one) => one.sumsTo !== undefined && !one.needs.some((n) => ASK_MORE.has(n)),
  );
  const what = asked.includes("layer") ? "an image, over which a layer has a grid" : "an image";
  throw new ConfigError(
    `${name}: expected ${what}, got ${formatShape(features.shape)} of kind "${features.kind}"; take one of ${others.map((one) => one.name).join(", ")}`,
  );
}
