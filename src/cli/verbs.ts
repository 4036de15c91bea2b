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
    summary: "train on real data, evaluate, explain, report: nothing to set up",
    load: () => import("./verbs/demo.js"),
  },
  { name: "train", summary: "train a model for a task", load: () => import("./verbs/train.js") },
  { name: "eval", summary: "measure a run on data", load: () => import("./verbs/eval.js") },
  { name: "predict", summary: "answer for inputs", load: () => import("./verbs/predict.js") },
  {
    name: "explain",
    summary: "why a model answered as it did: pictures, numbers, and how far to believe them",
    load: () => import("./verbs/explain.js"),
  },
  {
    name: "generate",
    summary: "write text with a language model",
    load: () => import("./verbs/generate.js"),
  },
  {
    name: "enroll",
    summary: "image-recognition: who is known, by example images",
    load: () => import("./verbs/enroll.js"),
  },
  {
    name: "inspect",
    summary: "what an ONNX file, a checkpoint or a run is",
    load: () => import("./verbs/inspect.js"),
  },
  { name: "cost", summary: "what a model costs: parameters, FLOPs, memory, time, energy", load: () => import("./verbs/cost.js") },
  { name: "bench", summary: "measure Descent against its peers", load: () => import("./verbs/bench.js") },
  { name: "help", summary: "how to use descent, or one of its verbs", load: () => import("./verbs/help.js") },
  { name: "version", summary: "the versions of descent, Node and the engine", load: () => import("./verbs/version.js") },
];
