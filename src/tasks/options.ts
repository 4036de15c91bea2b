/**
 * @module The options that all tasks share, each declared once. Left out, an option without a default here has one that depends on the task and model, and
 * that reaches the accuracy the documentation promises. What one task takes besides stands in its own folder.
 */
import type { WeightBound } from "../optim/index.js";
import { STATE_PRECISIONS } from "../optim/state-precision.js";
import { BASE_PRECISIONS } from "../train/quantized-base.js";
import { DEVICES } from "../runtime/runtime.js";
import type { Option, OptionTable } from "../util/option.js";
import { ConfigError } from "../util/errors.js";
import { choice, flag, integer, list, number, text } from "../util/option.js";

/** Optimizers: the command line's name, and the one in `optim`'s table. */
export const OPTIMIZERS = {
  sgd: "sgd",
  rmsprop: "rmsprop",
  adagrad: "adagrad",
  adam: "adam",
  adamw: "adamW",
  lion: "lion",
  adafactor: "adafactor",
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
  device: choice(DEVICES, { help: "the device to compute on; auto picks the fastest one that works", default: "auto" }),
  threads: integer({ help: "threads of the cpu device", minimum: 1, defaultText: "all cores", env: "DESCENT_THREADS" }),
} satisfies OptionTable;

/** Options for how tables are written, where the detected settings would be wrong: for every verb that reads tables. */
export const tableOptions = {
  encoding: text({
    help: "tables: the encoding of a text file, such as windows-1252 or gb18030; utf-8,gb18030 for lines of both",
    metavar: "NAME",
    defaultText: "UTF-8, or detected",
  }),
  delimiter: text({ help: "tables: the delimiter of fields, one character or tab", metavar: "SIGN", defaultText: "detected" }),
  sheet: text({ help: "tables: the sheet of an Excel workbook", metavar: "NAME", defaultText: "the only one with rows" }),
  decimal: choice([".", ","], { help: "tables: the decimal separator", defaultText: "detected in training data" }),
  missing: list(
    text({
      help: "tables: a cell that stands for a missing value",
      metavar: "MARK",
      defaultText: "NA, null, ? and the like",
    }),
  ),
  dateOrder: choice(["dmy", "mdy", "ymd"], {
    help: "tables: the order of day, month and year in dates such as 03/12/2024",
    defaultText: "detected in training data",
  }),
} satisfies OptionTable;

/** Options of the data: for every verb that takes a data set. */
export const dataOptions = {
  data: text({
    help: "the name of a data set (fashion-mnist, …), a file, a folder, or a SQL query",
    metavar: "DATA",
    short: "d",
  }),
  labelColumn: text({ help: "the column to predict", metavar: "NAME", defaultText: "guessed from names and types" }),
  textColumn: text({
    help: "the column of texts, or several separated by commas",
    metavar: "NAME",
    defaultText: "guessed from names and types",
  }),
  ignoreColumn: list(text({ help: "a column to leave out", metavar: "NAME" })),
  ...tableOptions,
  skipBadRows: flag({ help: "skip rows and images that cannot be read, and count them" }),
  repair: flag({ help: "accept tags that break their scheme (BIO, BIOES), as conlleval does, instead of refusing them" }),
  maxMegapixels: number({ help: "refuse larger images before decoding them", above: 0, metavar: "N", defaultText: "100" }),
} satisfies OptionTable;

/** Options of the pixel scale of an imported ONNX file. */
const graphOptions = {
  preprocess: text({
    help: "for an ONNX file of an image model: imagenet, 0..1, -1..1, 0..255, caffe, or mean=…;std=…;max=…;colors=RGB|BGR;layout=NCHW|NHWC",
    metavar: "SCALE",
    defaultText: "as the file says, or a guess that is reported",
  }),
} satisfies OptionTable;

/** Options of a verb that uses an imported ONNX file. */
export const onnxOptions = {
  ...graphOptions,
  imageSize: text({
    help: "for an ONNX file of an image model of free size: SIDE or WIDTHxHEIGHT",
    metavar: "SIZE",
    defaultText: "224",
  }),
  labels: text({
    help: "for an ONNX file: names of its scores, one per line",
    metavar: "FILE",
    defaultText: "its metadata, or labels.txt beside it",
  }),
  input: list(
    text({
      help: "for an ONNX file: a value for an input beside the image, text or row: NAME=NUMBER, or NAME=NUMBER,NUMBER,…",
      metavar: "NAME=VALUE",
    }),
  ),
  tokenizer: text({
    help: "for an ONNX file of a text model: its tokenizer.json",
    metavar: "FILE",
    defaultText: "the one beside it",
  }),
} satisfies OptionTable;

/** Makes the option of lengths that a file leaves free. */
export const shapeOption = (of = "", defaultText?: string): Option<readonly string[]> =>
  list(
    text({
      help: `${of}the length of a free dimension (batch=8), or the shape of an input (x=8x3x224x224)`,
      metavar: "NAME=N",
      defaultText,
    }),
  );

/** Option of a verb that uses an imported ONNX file, whose free dimensions are otherwise those of what it is given. */
export const shapeOptions = { shape: shapeOption("for an ONNX file: ", "the input's own") } satisfies OptionTable;

/** Options of fine-tuning, trainable parts and their learning rates: for every verb that trains. */
export const fineTuningOptions = {
  freeze: text({
    help: "parameters to freeze: patterns of their paths, such as 'bert.embeddings.*,bert.encoder.layer.[0-3].*'; for an ONNX file also of the nodes that read them",
    metavar: "PATTERNS",
  }),
  layerDecay: number({
    help: "learning rate of each layer as a fraction of that of the layer above",
    above: 0,
    maximum: 1,
    metavar: "FRACTION",
  }),
  lora: integer({
    help: "train low-rank adapters (LoRA) of this rank, and freeze the rest of --init",
    minimum: 1,
    metavar: "RANK",
  }),
  loraAlpha: number({ help: "scale of the adapters, as alpha / rank", minimum: 0, defaultText: "the rank" }),
  loraDropout: number({ help: "dropout before the adapters", minimum: 0, maximum: 0.99, defaultText: "0" }),
  loraTargets: text({
    help: "linear layers that get adapters: patterns of their paths, or of the ends of their paths",
    metavar: "PATTERNS",
    defaultText: "queries and values",
  }),
  base: choice(BASE_PRECISIONS, {
    help: "with --lora: the precision of the frozen linear layers; int8 and int4 are QLoRA, for large models",
    default: "float32",
  }),
} satisfies OptionTable;

/** Words in place of a number that is found by trying. */
export const TO_BE_FOUND = Infinity;

/** A number, or a word that has it found. */
const orWord = (option: Option<number | undefined>, word: string): Option<number | undefined> => ({
  ...option,
  metavar: `${option.metavar}|${word}`,
  parse: (value, where) => (value === word || value === String(TO_BE_FOUND) ? TO_BE_FOUND : option.parse(value, where)),
});

/** The bound on weights that a text names: a number, or a percentile of each tensor. ConfigError, beginning with `where`, for another text. */
export function weightBound(value: string, where: string): WeightBound {
  const [, digits = "", percent] = /^(.*?)(%?)$/.exec(value.trim()) ?? [];
  const bound = digits === "" ? NaN : Number(digits);
  if (!(bound > 0 && bound < Infinity) || (percent === "%" && bound > 100))
    throw new ConfigError(`${where}: expected a number above 0, or a percentage such as 99%, got "${value}"`);
  return percent === "%" ? { percentile: bound } : bound;
}

/** Options of training: for every verb that trains. */
export const trainingOptions = {
  model: text({
    help: "the model; descent train TASK --help lists them",
    metavar: "MODEL",
    short: "m",
    defaultText: "the task's own",
  }),
  epochs: number({ help: "number of passes over the training data", above: 0, defaultText: "the model's own" }),
  steps: integer({ help: "number of training steps, in place of --epochs", minimum: 1 }),
  batchSize: orWord(
    integer({
      help: "number of examples in a batch; auto takes the largest that fits the memory and still gains speed",
      minimum: 1,
      metavar: "N",
      defaultText: "the model's own",
    }),
    "auto",
  ),
  lr: orWord(
    number({
      help: "peak learning rate; find takes the one at which the loss falls fastest in a range test",
      above: 0,
      metavar: "RATE",
      defaultText: "the model's own",
    }),
    "find",
  ),
  optimizer: choice(namesOf(OPTIMIZERS), {
    help: `optimizer: ${namesOf(OPTIMIZERS).join(", ")}`,
    metavar: "NAME",
    defaultText: "the model's own",
  }),
  optimizerState: choice(STATE_PRECISIONS, {
    help: "precision of the optimizer's state for large parameters; int8, in blocks of 256, takes a quarter of the memory",
    default: "float32",
  }),
  schedule: choice(namesOf(SCHEDULES), {
    help: `learning rate schedule: ${namesOf(SCHEDULES).join(", ")}`,
    metavar: "NAME",
    defaultText: "the model's own",
  }),
  warmupSteps: integer({
    help: "number of steps over which the learning rate rises",
    minimum: 0,
    defaultText: "the model's own",
  }),
  weightDecay: number({ help: "decoupled weight decay", minimum: 0, defaultText: "the model's own" }),
  clipNorm: number({ help: "clip the gradient to this global norm", above: 0, defaultText: "the model's own" }),
  clipWeights: {
    ...text({
      help: "clip each weight to ±VALUE after each step; 99% takes the magnitude below which 99 % of a tensor's weights lie",
      metavar: "VALUE|PERCENT%",
      defaultText: "no bound",
    }),
    parse: (value, where) => {
      weightBound(value, where);
      return value;
    },
  },
  accumulate: integer({ help: "number of batches whose gradients are accumulated for one update", minimum: 1, default: 1 }),
  recompute: integer({
    help: "number of parts of the model, from the first, whose activations are recomputed for the gradient: less memory, up to a third more time",
    minimum: 0,
    defaultText: "0",
  }),
  memory: text({
    help: "limit on the memory of the training, such as 2GB: chooses --recompute, --optimizer-state, and how many examples are computed at a time",
    metavar: "SIZE",
    defaultText: "no limit",
  }),
  exact: flag({
    help: "give the same bits for any number of ranks (mpirun) and any --accumulate with as many examples per update; slower, and single-threaded unless --threads says otherwise",
  }),
  microBatch: integer({
    help: "with --exact: number of examples computed at a time",
    minimum: 1,
    defaultText: "an eighth of an update's",
  }),
  shardOptimizer: flag({ help: "under mpirun: keep the optimizer's state of each parameter on one rank only (ZeRO-1)" }),
  overlap: choice(["auto", "on", "off"], {
    help: "under mpirun: send gradients while those of lower layers are computed; auto times the first updates both ways",
    default: "auto",
    local: true,
  }),
  keepCheckpoints: integer({
    help: "number of checkpoints to keep, spread over the training, for descent explain --influence",
    minimum: 1,
    defaultText: "the two newest and the best",
  }),
  earlyStopping: integer({ help: "stop after N evaluations without improvement", minimum: 1, metavar: "N" }),
  fold: text({ help: "cross-validation: part K of N is the test part", metavar: "K/N" }),
  trainFraction: number({
    help: "fraction of the training part to train on, drawn by the split's seed, for learning curves",
    above: 0,
    maximum: 1,
    metavar: "SHARE",
  }),
  seed: integer({ help: "seed of all random choices; the same seed gives the same run", minimum: 0, default: 1 }),
  splitSeed: integer({ help: "seed of the split, to train with several seeds on one split", minimum: 0, defaultText: "--seed" }),
  ...deviceOptions,
  init: text({
    help: "start from these weights: a run, a checkpoint's folder (config.json, model.safetensors, tokenizer.json), safetensors, or ONNX (without --model, the file's own graph is trained)",
    metavar: "FILE",
  }),
  ...graphOptions,
  head: text({
    help: "for --init FILE.onnx: the linear layer to replace with the head",
    metavar: "NODE",
    defaultText: "the last one before an output",
  }),
  parameters: text({
    help: "for --init FILE.onnx: tensors to train besides those detected as parameters (descent inspect FILE.onnx lists them)",
    metavar: "PATTERNS",
  }),
  constants: text({ help: "for --init FILE.onnx: tensors to treat as constants", metavar: "PATTERNS" }),
  keepRounding: flag({
    help: "for --init FILE.onnx that is quantized: what is computed stays rounded while it trains; gradients go straight through",
  }),
  unfoldNorms: choice(["auto", "never"], {
    help: "for --init FILE.onnx: auto restores batch normalization that was folded into convolutions while they train",
    default: "auto",
  }),
  ...fineTuningOptions,
  profile: flag({ help: "profile some steps by layer and op, for the report and for Perfetto or Chrome", local: true }),
  check: flag({ help: "first check that the model can overfit one batch", default: true, local: true }),
  lang: choice(["en", "zh"], { help: "language of the report", default: "en", env: "DESCENT_LANG", local: true }),
} satisfies OptionTable;
