/**
 * @module `descent explain MODEL INPUT…`: explanations of predictions, in pictures and attributions, with measures of their faithfulness.
 */

import { basename } from "node:path";
import { ConfigError } from "../../util/errors.js";
import type { Explanation, ExplainRequest, Unexplained } from "../../tasks/explaining/explain-node.js";
import { choice, flag, integer, list, text, valuesOf } from "../../util/option.js";
import { dataOptions, deviceOptions, onnxOptions, shapeOptions, tableOptions } from "../../tasks/options.js";
import { recognitionExplainOptions } from "../../tasks/images/image-recognition/options.js";
import { detectionExplainOptions } from "../../tasks/images/object-detection/options.js";
import { writtenExplainOptions } from "../../tasks/texts/options.js";
import { rolesExplainOptions } from "../../tasks/texts/semantic-roles/options.js";
import type { ScoreQuestion, NamedInputs } from "../../tasks/task-node.js";
import { tokenExplainOptions } from "../../tasks/texts/token-classification/options.js";
import type { TaskTables } from "../task-options.js";
import type { MeasureName } from "../../explain/index.js";
import { distinctRemarks } from "../../explain/remark.js";
import type { TrainedModel } from "../../tasks/trained-model.js";
import type { DrawingPlace } from "../drawing.js";
import { drawingPlace, expectOneInput, writeDrawings } from "../drawing.js";
import type { Reporter } from "../explain-data.js";
import { expectOwn, ofTask } from "../task-options.js";
import { useOptionsOf } from "../use-profile.js";
import { firstLines, linesLeftOut } from "../first-lines.js";
import { defineVerb } from "../verb.js";

const TOP = 6;

const TASK_TABLES: TaskTables = [
  ["token-classification", tokenExplainOptions],
  ["semantic-role-labeling", rolesExplainOptions],
  ["language-modeling, sequence-to-sequence", writtenExplainOptions],
  ["object-detection", detectionExplainOptions],
  ["image-recognition", recognitionExplainOptions],
];

/** The strongest parts of an explanation, as one cell. */
const topText = (parts: readonly { readonly label: unknown; readonly value: number }[]): string =>
  [...parts]
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, TOP)
    .map(({ label, value }) => `${String(label)} ${value < 0 ? "−" : "+"}${Number(Math.abs(value).toPrecision(3))}`)
    .join("  ");

const number = (value: number | undefined): string => (value === undefined ? "" : String(Number(value.toPrecision(4))));

/** Makes the `--json` output of one explanation. */
const asJson = ({ view, method, example, faithfulness, settings, remarks, values, shape }: Explanation): object => ({
  input: view.name,
  method,
  ...example,
  faithfulness,
  settings,
  remarks: remarks.map(({ en }) => en),
  shape,
  values: [...values],
});

const questionOf = (run: string, given: Omit<ScoreQuestion, "run">): ScoreQuestion => {
  const { target, token, box, side, predicate, tokens, against, gallery } = given;
  return { run, target, token, box, side, predicate, tokens, against, gallery };
};

export const verb = defineVerb({
  engine: true,
  positionals: [
    { name: "MODEL", help: "a run folder, one of its checkpoints, a folder in Hugging Face's form, or an ONNX file" },
    {
      name: "INPUT",
      help: "images, texts, tables, or column=value pairs, as `descent predict` takes them; none with --data",
      many: true,
      optional: true,
    },
  ],
  options: {
    method: text({ help: "methods, separated by commas, or all", metavar: "NAME", defaultText: "one that suits the input" }),
    of: text({ help: "smooth-grad, var-grad: the gradient method to smooth", metavar: "NAME", defaultText: "saliency" }),
    target: list(
      text({
        help: "the score to explain: a label or its index; for a word's tag, WORD:LABEL; for a language model, the next token; the page shows several by choice",
        metavar: "LABEL",
        defaultText: "the answer",
      }),
    ),
    ...ofTask("semantic-role-labeling", rolesExplainOptions),
    ...ofTask("token-classification, semantic-role-labeling", tokenExplainOptions),
    ...ofTask("language-modeling, sequence-to-sequence", writtenExplainOptions),
    ...ofTask("object-detection", detectionExplainOptions),
    ...ofTask("image-recognition", recognitionExplainOptions),
    at: text({
      help: "the layer for methods that need one: a module's path, or a node's name",
      metavar: "LAYER",
      defaultText: "found in the graph",
    }),
    measure: text({
      help: "measures of faithfulness: all, none, or completeness, sensitivity-n, infidelity, max-sensitivity, insertion, deletion",
      metavar: "NAME",
      default: "insertion,deletion",
    }),
    mask: text({
      help: "images: a picture of the model's input size with one colour for each region that lime, SHAP and ablation switch on and off",
      metavar: "FILE",
      defaultText: "superpixels",
    }),
    baseline: choice(["zero", "mean", "blurred", "uniform"], { help: "the values that stand for absent features" }),
    data: text({
      help: "explain the whole model over a data set: what its scores depend on, and the slices where it is worst",
      metavar: "DATA",
      short: "d",
    }),
    labelColumn: dataOptions.labelColumn,
    textColumn: dataOptions.textColumn,
    ...tableOptions,
    skipBadRows: dataOptions.skipBadRows,
    examples: integer({
      help: "with --data or --influence: number of examples to use, drawn by the seed",
      minimum: 1,
      defaultText: "256 rows or texts, 512 images; 10000 training examples",
    }),
    influence: integer({
      help: "find the N training examples that raised a score most, and the N that lowered it most",
      minimum: 1,
      metavar: "N",
    }),
    plant: flag({ help: "score the methods and measures on twins of the run, trained on its data with planted evidence" }),
    seeds: integer({ help: "with --plant: number of twins, each with its own seed", minimum: 1, default: 1 }),
    background: text({
      help: "tables: rows whose values stand for absent columns, for methods that take a background",
      metavar: "FILE",
      defaultText: "a sample of the run's training rows",
    }),
    samples: integer({
      help: "number of samples of sampling methods",
      minimum: 1,
      metavar: "N",
      defaultText: "the method's own",
    }),
    seed: integer({ help: "seed of all random choices", minimum: 0, default: 1 }),
    draw: text({
      help: "a folder for pictures and a page, or one .png, .svg or .html file",
      metavar: "PLACE",
      default: "explanations",
    }),
    lang: choice(["en", "zh"], { help: "language of pictures and pages", default: "en", env: "DESCENT_LANG", local: true }),
    ...onnxOptions,
    ...shapeOptions,
    ...deviceOptions,
  },
  examples: [
    "descent explain runs/fashion shoe.png",
    "descent explain runs/reviews 'Clean rooms, slow service.' --method integrated-gradients,partition-shap",
    "descent explain their-model.onnx their-photo.jpg --method all --draw why.html",
    "descent explain path/to/bert-classifier 'A warm and funny film.'",
    "descent explain runs/churn --data customers.csv",
    "descent explain runs/fashion shoe.png --influence 8",
    "descent explain runs/fashion --plant --seeds 3",
  ],
  async run({ positionals: [path = "", ...inputs], options, given, signal, print, note, progress }) {
    const place = drawingPlace(options.draw);
    if (inputs.length === 0 && options.data === undefined && !options.plant)
      throw new ConfigError("explain: expected an INPUT, or a data set with --data, got neither");
    if (inputs.length > 0 && options.data !== undefined)
      throw new ConfigError(`--data ${options.data}: expected no INPUT beside it, got ${inputs[0]}; leave one of them out`);
    const { openModel } = await import("../../tasks/use/open-node.js");
    const { columnsOf, readInputs } = await import("../../tasks/use/examples-node.js");
    const { columnsInHand } = await import("../../tasks/tables/tables-node.js");
    const { expectTaken, measuresNamed, methodsNamed, viewerOf } = await import("../../tasks/explaining/explain-node.js");
    const { readMask } = await import("../../tasks/explaining/mask-node.js");
    const methods = options.method === undefined ? [] : methodsNamed(options.method);
    if (options.background !== undefined) expectTaken(`--background ${options.background}`, "background", methods, options.of);
    const mask = options.mask === undefined ? undefined : await readMask(options.mask);
    const measures = measuresNamed(options.measure);
    const reading = { ...valuesOf(options, tableOptions), skipBadRows: options.skipBadRows, signal };
    const { data, labelColumn } = options;
    const columns = () => (data === undefined ? columnsInHand(inputs, reading) : columnsOf({ ...reading, data, labelColumn }));
    const opened = await openModel(path, { ...useOptionsOf(options), columns, byPlace: true });
    await using model = opened.model;
    expectOwn(model.task.name, model.task.explained?.options, TASK_TABLES, options);
    viewerOf(model);
    if (mask !== undefined && model.task.explained?.kind !== "image")
      throw new ConfigError(`--mask ${options.mask}: expected a model of images, got one of ${model.task.name}`);
    for (const remark of opened.remarks) note(remark);
    const [target] = options.target;
    const asked = { ...options, target, methods, ...place, language: options.lang, signal };
    const isWhole = options.plant || options.influence !== undefined || inputs.length === 0;
    if (isWhole && options.target.length > 1)
      throw new ConfigError(`--target: expected one without an INPUT or with --influence, got ${options.target.length}`);
    const needsRun = options.plant ? "--plant" : options.influence !== undefined ? "--influence" : undefined;
    if (opened.config === undefined && needsRun !== undefined)
      throw new ConfigError(`${needsRun}: expected a run, which keeps what it was trained on, got ${path}`);
    const reporter = { print, note, progress };
    if (options.plant) {
      const { explainPlanted } = await import("../explain-plant.js");
      return await explainPlanted(path, asked, reporter);
    }
    if (inputs.length === 0 && options.data !== undefined) {
      const { explainData } = await import("../explain-data.js");
      const trainedWith = opened.config ?? { options: {} };
      return await explainData(model, path, { ...asked, data: options.data, trainedWith }, reporter);
    }
    const read = await readInputs(model, inputs, reading);
    if (read.badRows > 0) note(`${read.badRows} inputs that cannot be read were left out`, true);
    expectOneInput(place, read.names.length);
    for (const remark of read.notes ?? []) note(remark);
    if (options.influence !== undefined) {
      const { explainInfluence } = await import("../explain-influence.js");
      return await explainInfluence(model, path, read, { ...asked, count: options.influence }, reporter);
    }
    const { plantedOf, trusted } = await import("../../tasks/explaining/planted-node.js");
    const judged = given.has("measure") ? { measures, remarks: [] } : trusted(measures, await plantedOf(path));
    for (const remark of judged.remarks) note(remark);
    const questions = [target, ...options.target.slice(1)].map((one) => questionOf(path, { ...options, target: one }));
    return await explainEach(model, path, read, { ...asked, measures: judged.measures, mask, questions }, reporter);
  },
});

/** The questions about single inputs. */
interface EachOptions
  extends
    Omit<Drawing, "path" | "explanations" | "unexplained">,
    Omit<ExplainRequest, "question" | "rows" | "background" | "onProgress"> {
  readonly measures: readonly MeasureName[];
  /** Asked of each input in turn. */
  readonly questions: readonly ScoreQuestion[];
  readonly background: string | undefined;
  readonly seed: number;
}

/** Explains inputs one by one, draws them, and returns what `--json` prints. */
async function explainEach(
  model: TrainedModel,
  path: string,
  read: NamedInputs,
  options: EachOptions,
  { print, note, progress }: Reporter,
): Promise<object> {
  const { explainInputs } = await import("../../tasks/explaining/explain-node.js");
  const { backgroundOf } = await import("../../tasks/explaining/background-node.js");
  const { contributions } = await import("../../tasks/explaining/summary.js");
  const { methods, measures, questions, seed, device, at, mask, baseline, of, samples, threads, ...drawing } = options;
  const behind = await backgroundOf(model, path, options.background, seed);
  const settings = { methods, measures, seed, device, rows: behind, at, mask, baseline, of, samples, threads };
  const bar = progress({
    label: "explain",
    total: questions.length * read.names.length * Math.max(1, methods.length),
    unit: "explanations",
  });
  const explanations: Explanation[] = [];
  const unexplained: Unexplained[] = [];
  for (const question of questions) {
    const before = explanations.length + unexplained.length;
    const onProgress = (done: number): void => bar.update(before + done);
    const found = await explainInputs(model, read, { ...settings, question, onProgress });
    explanations.push(...found.explanations);
    unexplained.push(...found.unexplained);
  }
  bar.finish();
  const [first] = unexplained;
  if (explanations.length === 0 && first !== undefined)
    throw new ConfigError(
      `--method: expected one that the model can have, got ${unexplained.map(({ method }) => method).join(", ")}; ${first.reason}`,
    );
  for (const { view, method, reason } of unexplained) note(`${view.name}, ${method}: left out: ${reason}`);
  for (const { en } of distinctRemarks(explanations.flatMap(({ remarks }) => remarks))) note(en);
  const rows = explanations.map((one) => [
    basename(one.view.name).slice(0, 40),
    one.method,
    one.example.label,
    number(one.example.score),
    number(one.example.gap),
    ...measures.map((name) => number(one.faithfulness[name])),
    one.view.input.kind === "image" ? "" : topText(contributions(one)),
  ]);
  print(firstLines(["input", "method", "target", "score", "gap", ...measures, "strongest"], rows));
  for (const text of linesLeftOut(rows.length, "--json gives them all")) note(text);
  const files = await drawn({ path, ...drawing, explanations, unexplained });
  note(files.length === 1 ? `picture in ${files[0]}` : `${files.length} files in ${drawing.place}`);
  return {
    explanations: explanations.map(asJson),
    unexplained: unexplained.map(({ view, method, reason }) => ({ input: view.name, method, reason })),
    files,
  };
}

interface Drawing extends DrawingPlace {
  readonly path: string;
  readonly language: "en" | "zh";
  readonly explanations: readonly Explanation[];
  readonly unexplained: readonly Unexplained[];
}

/** Names for files, of the inputs' names, each another one. */
function fileNames(names: readonly string[]): readonly string[] {
  // Some file systems take names for the same that differ in their letters' case.
  const taken = new Set<string>();
  return names.map((name, i) => {
    const plain = basename(name)
      .replace(/\.\w{1,5}$/, "")
      .replaceAll(/[^\p{L}\p{N}_-]+/gu, "-")
      .replaceAll(/^-+|-+$/g, "")
      .slice(0, 40);
    const base = plain === "" ? `input-${i + 1}` : plain;
    let own = base;
    for (let k = 2; taken.has(own.toLowerCase()); k++) own = `${base}-${k}`;
    taken.add(own.toLowerCase());
    return own;
  });
}

/** Writes the pictures and the page; the files, by name. */
async function drawn({ path, language, explanations, unexplained, ...drawing }: Drawing): Promise<string[]> {
  const { explanationSvg } = await import("../../tasks/explaining/picture-node.js");
  const { byInput, pageOf } = await import("../../tasks/explaining/page-node.js");
  const inputs = byInput(explanations);
  const names = fileNames(inputs.map(([first]) => first?.view.name ?? ""));
  return writeDrawings(drawing, {
    page: () => pageOf(path, explanations, unexplained, language),
    picture: () => {
      expectOneInput(drawing, inputs.length);
      return explanationSvg(explanations, language);
    },
    pictures: () =>
      Promise.all(inputs.map(async (some, i) => [names[i] as string, await explanationSvg(some, language)] as const)),
  });
}
