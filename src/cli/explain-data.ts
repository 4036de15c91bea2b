/**
 * @module `descent explain RUN --data DATA`: a whole model over a data set, and the slices where it is worst.
 */
import type { TableReading } from "../data/node.js";
import type { MethodName } from "../explain/index.js";
import type { RunConfig } from "../run/run-folder.js";
import type { Progress, ProgressOptions } from "../run/progress.js";
import type { GlobalExplanation, GlobalRequest, GlobalTarget } from "../tasks/explaining/global-node.js";
import type { FoundSlices } from "../tasks/explaining/slices-node.js";
import type { TrainedModel } from "../tasks/trained-model.js";
import { ConfigError } from "../util/errors.js";
import { formatSignificant, formatTable } from "../util/text.js";
import type { DrawingPlace } from "./drawing.js";
import { writeDrawings } from "./drawing.js";

/** The request of the command line. */
export interface DataOptions extends TableReading, DrawingPlace, Omit<GlobalRequest, "method" | "background" | "onProgress"> {
  readonly data: string;
  /** The configuration of a run; without options of others' models. */
  readonly trainedWith: Pick<RunConfig, "options">;
  readonly labelColumn: string | undefined;
  readonly textColumn: string | undefined;
  readonly skipBadRows: boolean;
  readonly methods: readonly MethodName[];
  readonly background: string | undefined;
  readonly language: "en" | "zh";
  readonly signal: AbortSignal;
}

/** Where results, notes and progress go. */
export interface Reporter {
  readonly print: (text: string) => void;
  readonly note: (text: string, always?: boolean) => void;
  readonly progress: (options: ProgressOptions) => Progress;
}

const MOST_LISTED = 8;

/** Explains a run over data, draws it, and returns what `--json` prints. */
export async function explainData(model: TrainedModel, path: string, options: DataOptions, reporter: Reporter): Promise<object> {
  const { explainGlobally } = await import("../tasks/explaining/global-node.js");
  const { backgroundOf } = await import("../tasks/explaining/background-node.js");
  const { slicesOf } = await import("../tasks/explaining/slices-node.js");
  const { loadExamples } = await import("../tasks/use/examples-node.js");
  const { tableReading } = await import("../data/node.js");
  const { print, note, progress } = reporter;
  const { labelColumn, textColumn, data, signal, trainedWith, skipBadRows } = options;
  const reading = { data, signal, ...tableReading(options), labelColumn, textColumn, skipBadRows };
  const { examples, rows, notes, leftOut } = await loadExamples(model, trainedWith, reading);
  for (const each of notes) note(each, leftOut.includes(each));
  const texts = model.task.textColumn?.(model.info);
  const names = texts === undefined ? [] : rows.texts(texts).map((text) => text ?? "");
  const background = await backgroundOf(model, path, options.background, options.seed);
  let bar: Progress | undefined;
  const [method, ...others] = options.methods;
  if (others.length > 0) throw new ConfigError("--method: expected one method with --data, got several");
  const found = await explainGlobally(model, { examples, rows, names, badRows: 0 }, path, {
    ...options,
    method,
    background,
    onProgress: (done, total) => {
      bar ??= progress({ label: "explain", total, unit: "examples" });
      bar.update(done);
    },
  });
  bar?.finish();
  for (const { en } of found.remarks) note(en);
  for (const target of found.targets) print(targetTable(target));
  const slices = await slicesOf(model, examples, rows, options.seed).catch((error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    note(`slices left out: ${error.message}`);
    return undefined;
  });
  if (slices !== undefined) print(await slicesTable(slices));
  const files = await drawn(path, found, slices, options);
  note(files.length === 1 ? `picture in ${files[0]}` : `${files.length} files in ${options.place}`);
  return { ...asJson(found), slices, files };
}

const targetTable = ({ label, count, features, map }: GlobalTarget): string =>
  map === undefined
    ? formatTable(
        [label, "mean |attribution|", "examples"],
        features
          .slice(0, MOST_LISTED)
          .map(({ name, meanAbsolute, points }) => [name, formatSignificant(meanAbsolute), String(points.length)]),
      )
    : `${label}: ${count} images`;

async function slicesTable({ slices, of }: FoundSlices): Promise<string> {
  const { sliceText } = await import("../explain/index.js");
  const { errorText } = await import("../tasks/explaining/global-page.js");
  const rows = slices.map((slice) => [
    `${slice.isSignificant ? "* " : "  "}${sliceText(slice)}`,
    errorText(slice.heldOut.error, of),
    errorText(slice.heldOut.rest, of),
    String(slice.heldOut.count),
    formatSignificant(slice.adjustedP),
  ]);
  return formatTable(["  worst slices (* beyond chance)", "error there", "elsewhere", "held out", "p, corrected"], rows);
}

/** Makes the `--json` output: every value, images as numbers. */
const asJson = ({ targets, remarks, ...rest }: GlobalExplanation): object => ({
  ...rest,
  remarks: remarks.map(({ en }) => en),
  targets: targets.map(({ map, ...target }) => ({
    ...target,
    ...(map === undefined ? {} : { width: map.image.width, height: map.image.height, attribution: [...map.attribution] }),
  })),
});

const fileName = (text: string): string => text.replaceAll(/[^\p{L}\p{N}_-]+/gu, "-").slice(0, 40) || "score";

/** Writes the pictures and the page; the files, by name. */
async function drawn(
  path: string,
  found: GlobalExplanation,
  slices: FoundSlices | undefined,
  { language, data, ...drawing }: DataOptions,
): Promise<string[]> {
  const { dependenceOf, dependent, globalPage, importanceChart, mapChart, swarmChart } =
    await import("../tasks/explaining/global-page.js");
  const { stacked } = await import("../tasks/explaining/picture-node.js");
  const { methodTitle } = await import("../report/explanation-words.js");
  const chartsOf = async (target: GlobalTarget): Promise<[string, string][]> => {
    if (target.map !== undefined) return [["map", await mapChart(target, methodTitle(found.method), language)]];
    const dependence = found.kind === "table" ? dependent(target) : [];
    return [
      ["importance", importanceChart(target, { language })],
      ["beeswarm", swarmChart(target, { language })],
      ...dependence.map((feature): [string, string] => [
        `dependence-${fileName(feature.name)}`,
        dependenceOf(target, feature, { language }),
      ]),
    ];
  };
  return writeDrawings(drawing, {
    page: () => globalPage(path, data, found, slices, language),
    picture: async () => {
      const parts = await Promise.all(
        found.targets.map(async (target) => (await chartsOf(target)).slice(0, 2).map(([, svg]) => [target.label, svg] as const)),
      );
      const all = parts.flat();
      return stacked(
        all.map(([, each]) => each),
        all.map(([label]) => label),
        `${path}: ${data}`,
      );
    },
    pictures: async () => {
      const made = await Promise.all(
        found.targets.map(async (target) =>
          (await chartsOf(target)).map(([name, svg]) => [`${fileName(target.label)}-${name}`, svg] as const),
        ),
      );
      return made.flat();
    },
  });
}
