/**
 * @module The table of verbs: name, one line for `descent --help`, and the file, which is loaded when the verb is called.
 */
import type { Verb } from "./verb.js";

export interface VerbRow {
  readonly name: string;
  readonly summary: string;
  // A verb's own option types are forgotten here; that type-checks because `run` is a method, whose parameters are bivariant.
  readonly load: () => Promise<{ readonly verb: Verb }>;
}

/** In the order of `descent --help`. */
export const VERBS: readonly VerbRow[] = [
  {
    name: "demo",
    summary: "train on real data, evaluate, explain and write a report, without any setup",
    load: () => import("./verbs/demo.js"),
  },
  { name: "train", summary: "train a model for a task", load: () => import("./verbs/train.js") },
  {
    name: "sweep",
    summary: "search hyperparameters over several seeds, and tell whether the best setting is better or lucky",
    load: () => import("./verbs/sweep.js"),
  },
  { name: "eval", summary: "evaluate a run on data", load: () => import("./verbs/eval.js") },
  { name: "predict", summary: "make predictions for inputs", load: () => import("./verbs/predict.js") },
  {
    name: "explain",
    summary: "explain predictions: pictures, attributions, and measures of their faithfulness",
    load: () => import("./verbs/explain.js"),
  },
  {
    name: "export",
    summary: "export a run's model as an ONNX file, with explanations of its predictions on request",
    load: () => import("./verbs/export.js"),
  },
  {
    name: "generate",
    summary: "generate text with a language model or translate with a sequence-to-sequence model",
    load: () => import("./verbs/generate.js"),
  },
  {
    name: "enroll",
    summary: "image-recognition: enroll people or things from example images",
    load: () => import("./verbs/enroll.js"),
  },
  {
    name: "quantize",
    summary: "make a model smaller and faster by storing weights and activations in fewer bits",
    load: () => import("./verbs/quantize.js"),
  },
  {
    name: "compare",
    summary: "compare large, small and traditional models on the same data",
    load: () => import("./verbs/compare.js"),
  },
  {
    name: "data",
    summary: "prepare data: import, inspect, clean, find wrong labels, split",
    load: () => import("./verbs/data.js"),
  },
  {
    name: "inspect",
    summary: "show the contents of an ONNX file, a checkpoint or a run",
    load: () => import("./verbs/inspect.js"),
  },
  {
    name: "cost",
    summary: "estimate the cost of a model: parameters, FLOPs, memory, time, energy",
    load: () => import("./verbs/cost.js"),
  },
  {
    name: "plan",
    summary: "plan a training: time, devices, memory, energy, CO₂, money, optimal sizes, learning curves",
    load: () => import("./verbs/plan.js"),
  },
  {
    name: "distill",
    summary: "train a smaller model on the outputs of a larger one",
    load: () => import("./verbs/distill.js"),
  },
  {
    name: "prune",
    summary: "remove channels, heads, neurons or layers from a run's model, and fine-tune what is left",
    load: () => import("./verbs/prune.js"),
  },
  {
    name: "compress",
    summary: "search for a smaller model within a budget: distillation, pruning, quantization",
    load: () => import("./verbs/compress.js"),
  },
  {
    name: "serve",
    summary: "serve models over HTTP: predictions, explanations, and the APIs of OpenAI and KServe",
    load: () => import("./verbs/serve.js"),
  },
  {
    name: "label",
    summary: "label texts and images on a page, alone or as a team, with a model that learns from them",
    load: () => import("./verbs/label.js"),
  },
  { name: "bench", summary: "benchmark Descent against its peers", load: () => import("./verbs/bench.js") },
  {
    name: "trim",
    summary: "remove the engine's binaries for other platforms from node_modules",
    load: () => import("./verbs/trim.js"),
  },
  { name: "help", summary: "show help for descent or one of its verbs", load: () => import("./verbs/help.js") },
  { name: "version", summary: "show the versions of descent, Node and the engine", load: () => import("./verbs/version.js") },
];
