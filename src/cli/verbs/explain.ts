/**
 * @module `descent explain MODEL INPUT…`: explanations of predictions, in pictures and attributions, with measures of their faithfulness.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { ConfigError } from "../../util/errors.js";
import { formatTable } from "../../util/text.js";
import { checkWritable } from "../../run/run-folder-files-node.js";
import type { Explanation, Unexplained } from "../../tasks/explaining/explain-node.js";
import { choice, integer, text } from "../../util/option.js";
import { deviceOptions, onnxOptions } from "../../tasks/options.js";
import { recognitionExplainOptions } from "../../tasks/images/image-recognition/options.js";
import { detectionExplainOptions } from "../../tasks/images/object-detection/options.js";
import { writtenExplainOptions } from "../../tasks/texts/options.js";
import { rolesExplainOptions } from "../../tasks/texts/semantic-roles/options.js";
import type { ScoreQuestion } from "../../tasks/task-node.js";
import { tokenExplainOptions } from "../../tasks/texts/token-classification/options.js";
import type { TaskTables } from "../task-options.js";
import { expectOwn, ofTask } from "../task-options.js";
import { defineVerb } from "../verb.js";

const FORMATS = [".png", ".svg", ".html"];
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
  remarks,
  shape,
  values: [...values],
});

/** The options that say which score is asked about. */
interface QuestionOptions {
  readonly target: string | undefined;
  readonly token: number | undefined;
  readonly box: number | undefined;
  readonly side: string | undefined;
  readonly predicate: string | undefined;
  readonly tokens: number | undefined;
  readonly against: string | undefined;
  readonly gallery: string | undefined;
}

const questionOf = (run: string, given: QuestionOptions): ScoreQuestion => {
  const { target, token, box, side, predicate, tokens, against, gallery } = given;
  const asked = Object.entries({ target, token, box, side, predicate, tokens, against, gallery });
  return { run, ...Object.fromEntries(asked.filter(([, value]) => value !== undefined)) };
};

export const verb = defineVerb({
  engine: true,
  positionals: [
    { name: "MODEL", help: "a run folder, or an ONNX file" },
    { name: "INPUT", help: "images, texts, tables, or column=value pairs, as `descent predict` takes them", many: true },
  ],
  options: {
    method: text({ help: "methods, separated by commas, or all", placeholder: "NAME", defaultText: "one that suits the input" }),
    target: text({
      help: "the score to explain: a label, or its index; of a word's tag, WORD:LABEL; of a language model, the next token",
      placeholder: "LABEL",
      defaultText: "the answer",
    }),
    ...ofTask("semantic-role-labeling", rolesExplainOptions),
    ...ofTask("token-classification, semantic-role-labeling", tokenExplainOptions),
    ...ofTask("language-modeling, sequence-to-sequence", writtenExplainOptions),
    ...ofTask("object-detection", detectionExplainOptions),
    ...ofTask("image-recognition", recognitionExplainOptions),
    at: text({
      help: "the layer for methods that need one: a module's path, or a node's name",
      placeholder: "LAYER",
      defaultText: "found in the graph",
    }),
    measure: text({
      help: "measures of faithfulness: all, none, or completeness, sensitivity-n, infidelity, max-sensitivity, insertion, deletion",
      placeholder: "NAME",
      default: "insertion,deletion",
    }),
    baseline: choice(["zero", "mean", "blurred", "uniform"], { help: "the values of absent features" }),
    background: text({
      help: "for tables: rows that stand for absent columns, in methods that take a background",
      placeholder: "FILE",
      defaultText: "a sample of the run's training rows",
    }),
    samples: integer({
      help: "number of samples of sampling methods",
      minimum: 1,
      placeholder: "N",
      defaultText: "the method's own",
    }),
    seed: integer({ help: "seed of all random choices", minimum: 0, default: 1 }),
    draw: text({
      help: "a folder for pictures and a page, or one .png, .svg or .html file",
      placeholder: "PLACE",
      default: "explanations",
    }),
    lang: choice(["en", "zh"], { help: "language of pictures and pages", default: "en", env: "DESCENT_LANG", local: true }),
    ...onnxOptions,
    ...deviceOptions,
  },
  examples: [
    "descent explain runs/fashion shoe.png",
    "descent explain runs/reviews 'Clean rooms, slow service.' --method integrated-gradients,partition-shap",
    "descent explain their-model.onnx their-photo.jpg --method all --draw why.html",
  ],
  async run({ positionals: [path = "", ...inputs], options, print, note, progress }) {
    const extension = extname(options.draw).toLowerCase();
    const isFile = FORMATS.includes(extension);
    if (extension !== "" && !isFile)
      throw new ConfigError(`--draw: expected a folder, or a ${FORMATS.join(", ")} file, got ${options.draw}`);
    checkWritable(dirname(options.draw), `--draw ${options.draw}`);
    const { openModel } = await import("../../tasks/use/open-node.js");
    const { readInputs } = await import("../../tasks/use/examples-node.js");
    const { explainInputs, measuresNamed, methodsNamed } = await import("../../tasks/explaining/explain-node.js");
    const { backgroundOf } = await import("../../tasks/explaining/background-node.js");
    const { contributions } = await import("../../tasks/explaining/summary.js");
    const methods = options.method === undefined ? [] : methodsNamed(options.method);
    const measures = measuresNamed(options.measure);
    const { device, threads, preprocess, imageSize, labels, tokenizer } = options;
    const opened = await openModel(path, { device, threads, preprocess, imageSize, labels, tokenizer });
    await using model = opened.model;
    expectOwn(model.task.name, model.task.explained?.options, TASK_TABLES, options);
    for (const remark of opened.remarks) note(remark);
    const read = await readInputs(model, inputs, {});
    for (const remark of read.notes ?? []) note(remark);
    const behind = await backgroundOf(model, path, options.background, options.seed);
    const bar = progress({ label: "explain", total: read.names.length * Math.max(1, methods.length), unit: "explanations" });
    const { explanations, unexplained } = await explainInputs(model, read, {
      methods,
      measures,
      question: questionOf(path, options),
      ...(behind === undefined ? {} : { rows: behind }),
      ...(options.at === undefined ? {} : { at: options.at }),
      ...(options.baseline === undefined ? {} : { baseline: options.baseline }),
      ...(options.samples === undefined ? {} : { samples: options.samples }),
      seed: options.seed,
      ...(options.device === undefined ? {} : { device: options.device }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      onProgress: (done) => bar.update(done),
    });
    bar.finish();
    for (const { view, method, reason } of unexplained) note(`${view.name}, ${method}: left out: ${reason}`);
    for (const remark of new Set(explanations.flatMap(({ remarks }) => remarks))) note(remark);
    const rows = explanations.map((one) => [
      basename(one.view.name).slice(0, 40),
      one.method,
      one.example.label,
      number(one.example.score),
      number(one.example.gap),
      ...measures.map((name) => number(one.faithfulness[name])),
      one.view.input.kind === "image" ? "" : topText(contributions(one)),
    ]);
    print(formatTable(["input", "method", "target", "score", "gap", ...measures, "strongest"], rows));
    const files = await drawn({ path, place: options.draw, extension, language: options.lang, explanations, unexplained });
    note(files.length === 1 ? `picture in ${files[0]}` : `${files.length} files in ${options.draw}`);
    return {
      explanations: explanations.map(asJson),
      unexplained: unexplained.map(({ view, method, reason }) => ({ input: view.name, method, reason })),
      files,
    };
  },
});

interface Drawing {
  readonly path: string;
  readonly place: string;
  readonly extension: string;
  readonly language: "en" | "zh";
  readonly explanations: readonly Explanation[];
  readonly unexplained: readonly Unexplained[];
}

/** A name for a file, of an input's name. */
const fileName = (name: string, i: number): string => {
  const plain = basename(name, extname(name))
    .replaceAll(/[^\p{L}\p{N}_-]+/gu, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  return plain === "" ? `input-${i + 1}` : plain;
};

/** Writes the pictures and the page; the files, by name. */
async function drawn({ path, place, extension, language, explanations, unexplained }: Drawing): Promise<string[]> {
  const { explanationSvg, svgToPng } = await import("../../tasks/explaining/picture-node.js");
  const { pageOf } = await import("../../tasks/explaining/page-node.js");
  const views = [...new Set(explanations.map(({ view }) => view))];
  const of = (view: Explanation["view"]): Explanation[] => explanations.filter((one) => one.view === view);
  if (extension === ".html") {
    await writeFile(place, await pageOf(path, explanations, unexplained, language));
    return [place];
  }
  if (extension !== "") {
    if (views.length > 1)
      throw new ConfigError(
        `--draw ${place}: expected one input for one picture, got ${views.length}; name a folder, or a .html file`,
      );
    const svg = await explanationSvg(explanations, language);
    await writeFile(place, extension === ".svg" ? svg : await svgToPng(svg));
    return [place];
  }
  await mkdir(place, { recursive: true });
  const files: string[] = [];
  for (const [i, view] of views.entries()) {
    const svg = await explanationSvg(of(view), language);
    const file = join(place, `${fileName(view.name, i)}.png`);
    await writeFile(file, await svgToPng(svg));
    files.push(file);
  }
  const page = join(place, "index.html");
  await writeFile(page, await pageOf(path, explanations, unexplained, language));
  return [...files, page];
}
