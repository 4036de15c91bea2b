/**
 * @module The options that all tasks share, each declared once. Left out, an option without a default here has one that depends on the task and model, and
 * that reaches the accuracy the documentation promises. What one task takes besides stands in its own folder.
 */
import { DEVICES } from "../runtime/runtime.js";
import type { OptionTable, OptionValues } from "../util/option.js";
import { choice, flag, integer, list, number, text } from "../util/option.js";

/** Optimizers: the command line's name, and the one in `optim`'s table. */
export const OPTIMIZERS = {
  sgd: "sgd",
  rmsprop: "rmsprop",
  adagrad: "adagrad",
  adam: "adam",
  adamw: "adamW",
  lion: "lion",
} as const;

/** Schedules: the command line's name, and the one in `optim`'s table. */
export const SCHEDULES = {
  constant: "constant",
  step: "step",
  "multi-step": "multiStep",
  exponential: "exponential",
  cosine: "cosine",
  linear: "linear",
  polynomial: "polynomial",
  "inverse-square-root": "inverseSquareRoot",
  "one-cycle": "oneCycle",
  "reduce-on-plateau": "reduceOnPlateau",
} as const;

const namesOf = <K extends string>(names: Readonly<Record<K, string>>): readonly K[] => Object.keys(names) as K[];

export type OptimizerChoice = keyof typeof OPTIMIZERS;
export type ScheduleChoice = keyof typeof SCHEDULES;

/** Options of the device: for every verb that runs a model. */
export const deviceOptions = {
  device: choice(DEVICES, { help: "what computes; auto takes the best that starts, and says which", default: "auto" }),
  threads: integer({ help: "threads of the cpu device", minimum: 1, defaultText: "all cores", env: "DESCENT_THREADS" }),
} satisfies OptionTable;

/** Options for how tables are written, where the detected settings would be wrong: for every verb that reads tables. */
export const tableOptions = {
  encoding: text({
    help: "tables: the encoding of a text file, such as windows-1252, gb18030 or shift_jis",
    placeholder: "NAME",
    defaultText: "UTF-8, or what the bytes look like",
  }),
  delimiter: text({
    help: "tables: what separates fields, one character or tab",
    placeholder: "SIGN",
    defaultText: "seen in the file",
  }),
  decimal: choice([".", ","], { help: "tables: the sign before decimals", defaultText: "seen in training data" }),
  missing: list(
    text({
      help: "tables: a cell that means no value",
      placeholder: "MARK",
      defaultText: "NA, null, ? and the like",
    }),
  ),
  dateOrder: choice(["dmy", "mdy", "ymd"], {
    help: "tables: the order of day, month and year in dates such as 03/12/2024",
    defaultText: "seen in training data",
  }),
} satisfies OptionTable;

/** Picks the options of tables from all options of a verb. */
export const tableOptionsOf = ({
  encoding,
  delimiter,
  decimal,
  missing,
  dateOrder,
}: OptionValues<typeof tableOptions>): OptionValues<typeof tableOptions> => ({
  encoding,
  delimiter,
  decimal,
  missing,
  dateOrder,
});

/** Options of the data: for every verb that takes a data set. */
export const dataOptions = {
  data: text({ help: "a known name (fashion-mnist, …), a file, a folder, or a SQL query", placeholder: "DATA", short: "d" }),
  labelColumn: text({ help: "the column to predict", placeholder: "NAME", defaultText: "guessed from names and types" }),
  textColumn: text({
    help: "the column of texts, or several with commas between them",
    placeholder: "NAME",
    defaultText: "guessed from names and types",
  }),
  ignoreColumn: list(text({ help: "a column to leave out", placeholder: "NAME" })),
  ...tableOptions,
  skipBadRows: flag({ help: "leave out rows and images that cannot be read, and count them" }),
  repair: flag({ help: "read tags that break their scheme (BIO, BIOES) with patience, in place of refusing them" }),
  maxMegapixels: number({ help: "refuse larger images before they are decoded", above: 0, placeholder: "N", defaultText: "100" }),
} satisfies OptionTable;

/** Options of the pixel scale of somebody else's ONNX file. */
export const graphOptions = {
  preprocess: text({
    help: "of an ONNX file for images: imagenet, 0..1, -1..1, 0..255, caffe, or mean=…;std=…;max=…;colors=RGB|BGR;layout=NCHW|NHWC",
    placeholder: "SCALE",
    defaultText: "what the file says, or a guess that is said",
  }),
} satisfies OptionTable;

/** Options of a verb that uses somebody else's ONNX file. */
export const onnxOptions = {
  ...graphOptions,
  imageSize: text({
    help: "of an ONNX file for images that leaves it free: SIDE or WIDTHxHEIGHT",
    placeholder: "SIZE",
    defaultText: "224",
  }),
  labels: text({
    help: "of an ONNX file: names of its scores, one a line",
    placeholder: "FILE",
    defaultText: "its metadata, or labels.txt beside it",
  }),
  tokenizer: text({
    help: "of an ONNX file for texts: its tokenizer.json",
    placeholder: "FILE",
    defaultText: "the one beside it",
  }),
} satisfies OptionTable;

/** Options of fine-tuning, trainable parts and their learning rates: for every verb that trains. */
export const fineTuningOptions = {
  freeze: text({
    help: "parameters that are not changed: patterns of their paths, such as 'bert.embeddings.*,bert.encoder.layer.[0-3].*'",
    placeholder: "PATTERNS",
  }),
  layerDecay: number({
    help: "each layer learns at this fraction of the rate of the one above it",
    above: 0,
    maximum: 1,
    placeholder: "FRACTION",
  }),
  lora: integer({
    help: "learn low-rank adapters of this rank, and leave the rest of --init as it is",
    minimum: 1,
    placeholder: "RANK",
  }),
  loraAlpha: number({ help: "adapters count alpha / rank", minimum: 0, defaultText: "the rank" }),
  loraDropout: number({ help: "dropout before adapters", minimum: 0, maximum: 0.99, defaultText: "0" }),
  loraTargets: text({
    help: "linear layers that get adapters: patterns of their paths, or of the ends of these",
    placeholder: "PATTERNS",
    defaultText: "queries and values",
  }),
} satisfies OptionTable;

/** Options of training: for every verb that trains. */
export const trainingOptions = {
  model: text({
    help: "which model; --help after the task lists them",
    placeholder: "MODEL",
    short: "m",
    defaultText: "the task's own",
  }),
  epochs: number({ help: "how many times to go through the data", above: 0, defaultText: "the model's own" }),
  steps: integer({ help: "how many steps to make, in place of --epochs", minimum: 1 }),
  batchSize: integer({ help: "examples in a step", minimum: 1, placeholder: "N", defaultText: "the model's own" }),
  lr: number({ help: "learning rate, at its peak", above: 0, placeholder: "RATE", defaultText: "the model's own" }),
  optimizer: choice(namesOf(OPTIMIZERS), {
    help: `how gradients become updates: ${namesOf(OPTIMIZERS).join(", ")}`,
    placeholder: "NAME",
    defaultText: "the model's own",
  }),
  schedule: choice(namesOf(SCHEDULES), {
    help: `how the learning rate moves: ${namesOf(SCHEDULES).join(", ")}`,
    placeholder: "NAME",
    defaultText: "the model's own",
  }),
  warmupSteps: integer({ help: "steps over which the learning rate rises", minimum: 0, defaultText: "the model's own" }),
  weightDecay: number({ help: "decoupled weight decay", minimum: 0, defaultText: "the model's own" }),
  clipNorm: number({ help: "largest norm of the whole gradient", above: 0, defaultText: "the model's own" }),
  accumulate: integer({ help: "batches whose gradients make one update", minimum: 1, default: 1 }),
  earlyStopping: integer({ help: "stop after so many evaluations without a better one", minimum: 1, placeholder: "N" }),
  fold: text({ help: "cross-validation: part K of N is the test part", placeholder: "K/N" }),
  seed: integer({ help: "names every random choice; the same seed gives the same run", minimum: 0, default: 1 }),
  ...deviceOptions,
  init: text({
    help: "start from these weights: a run, a checkpoint's folder (config.json, model.safetensors, tokenizer.json), safetensors, or ONNX (without --model, the file's own graph is trained)",
    placeholder: "FILE",
  }),
  ...graphOptions,
  head: text({
    help: "of --init FILE.onnx: the linear layer that becomes the head",
    placeholder: "NODE",
    defaultText: "the last one before an output",
  }),
  parameters: text({
    help: "of --init FILE.onnx: tensors that are trained beside those taken for parameters (descent inspect FILE.onnx lists them)",
    placeholder: "PATTERNS",
  }),
  constants: text({ help: "of --init FILE.onnx: tensors that are not parameters", placeholder: "PATTERNS" }),
  ...fineTuningOptions,
  check: flag({ help: "first check that the model can overfit one batch", default: true, local: true }),
  lang: choice(["en", "zh"], { help: "language of the report", default: "en", env: "DESCENT_LANG", local: true }),
} satisfies OptionTable;
