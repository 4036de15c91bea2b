/**
 * @module Image recognition with files: the threshold of "unknown", names from a gallery, and its part of a report.
 */
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import * as z from "zod";
import { nearest, openSetRates, thresholdAt } from "../../../metrics/index.js";
import type { PixelImage } from "../../../charts/image.js";
import { splitRunPath } from "../../../run/run-folder-node.js";
import { exists } from "../../../util/regular-file-node.js";
import { ConfigError } from "../../../util/errors.js";
import { parseJsonWith } from "../../../util/schema.js";
import { galleryOf, nearestEntries, readGallery } from "./gallery-node.js";
import { readImageInputs } from "../image-inputs-node.js";
import type { RecognitionInfo } from "./image-recognition.js";
import { viewOfLikeness } from "./likeness-view-node.js";
import { RecognitionMeasurement } from "./measurement.js";
import { picturesOf } from "../pictures-node.js";
import { likenessSection, neighboursSection } from "./report.js";
import type { AnswerOptions, Finished, Measured, NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import type { Answer } from "../../task.js";
import type { TrainedModel } from "../../trained-model.js";

/** The file that a run of image recognition keeps besides the model. */
const RECOGNITION_FILE = "recognition.json";
const recognitionSchema = z.object({
  /** Likeness below which the answer is "unknown". */
  threshold: z.number(),
  /** The fraction of unknown images that got a name at this threshold, where it was chosen. */
  falseAcceptRate: z.number(),
  chosenOn: z.string(),
});
type Recognition = z.infer<typeof recognitionSchema>;

const FALSE_ACCEPT_RATE = 0.05;

/** The threshold of a run; undefined where it has none. */
async function recognitionOf(run: string): Promise<Recognition | undefined> {
  const path = join(splitRunPath(run).run, RECOGNITION_FILE);
  return (await exists(path)) ? parseJsonWith(recognitionSchema, await readFile(path, "utf8"), path) : undefined;
}

/** Chooses the threshold on validation, at the false-accept rate that was asked for. */
async function finish({ used, writer, prepared, options }: Finished): Promise<void> {
  const measurement = (await used.measure(prepared.validation)) as RecognitionMeasurement;
  const { hasUnknown } = measurement;
  const set = hasUnknown ? measurement.openSet() : measurement.withoutOwnClass();
  const chosenOn = hasUnknown
    ? "validation: examples of classes held out of training, against the trained ones"
    : "validation: each example against all classes but its own, since no class was held out for it";
  const threshold = thresholdAt(options.falseAcceptRate ?? FALSE_ACCEPT_RATE, set);
  const chosen: Recognition = { threshold, falseAcceptRate: openSetRates(set, threshold).falseAcceptRate, chosenOn };
  await writer.write(RECOGNITION_FILE, `${JSON.stringify(chosen, undefined, 2)}\n`);
}

/** Measures the threshold on examples, where some of them are unknown. */
async function measure({ run, measurement }: Measured): Promise<Record<string, number>> {
  const kept = await recognitionOf(run);
  if (kept === undefined || !(measurement instanceof RecognitionMeasurement)) return {};
  return measurement.hasUnknown ? { ...openSetRates(measurement.openSet(), kept.threshold) } : {};
}

/** The name of each image's nearest enrolled one, or "unknown". */
async function namedAnswers(model: TrainedModel, answers: readonly Answer[], options: AnswerOptions): Promise<Answer[]> {
  const path = options.gallery ?? galleryOf(options.run);
  if (!(await exists(path)))
    throw new ConfigError(
      `predict: expected a gallery, got none at ${path}; enroll images first: descent enroll ${options.run} FOLDER --gallery ${path}`,
    );
  const gallery = await readGallery(path, model);
  const threshold = options.threshold ?? (await recognitionOf(options.run))?.threshold ?? 0;
  const queries = answers.map(({ embedding }) => embedding as readonly number[]);
  return nearestEntries(gallery, queries).map(({ name, likeness, source }) => ({
    name: likeness < threshold ? "unknown" : name,
    likeness,
    nearest: source,
  }));
}

const QUERIES = 12;
const NEIGHBOURS = 6;

/** Queries to show: wrong ones first, then one of each class, those never trained on before the others. */
function chooseQueries(labels: ArrayLike<number>, isRight: readonly boolean[]): number[] {
  const all = Array.from(labels, (label, i) => ({ i, label }));
  const seen = new Set<number>();
  const wrong = all.filter(({ i }) => isRight[i] !== true).slice(0, QUERIES / 2);
  const varied = [...all]
    .sort((a, b) => b.label - a.label)
    .filter(({ i, label }) => isRight[i] === true && !seen.has(label) && seen.add(label));
  return [...wrong, ...varied].slice(0, QUERIES).map(({ i }) => i);
}

async function report({ used, measurement, test, writer }: ReportSources): Promise<TaskReport> {
  const primaryMetric = "recallAt1";
  if (!(measurement instanceof RecognitionMeasurement)) return { primaryMetric };
  const info = used.info as RecognitionInfo;
  const { gallery, queries } = measurement.parts();
  const size = info.embeddingSize;
  const found = Array.from(queries.labels, (_, i) =>
    nearest(queries.vectors.subarray(i * size, (i + 1) * size), gallery, NEIGHBOURS),
  );
  const isRight = found.map((matches, i) => gallery.labels[matches[0]?.entry ?? 0] === queries.labels[i]);
  const chosen = chooseQueries(queries.labels, isRight);
  const rows = [
    ...new Set(
      chosen.flatMap((i) => [queries.rows[i] as number, ...(found[i] ?? []).map(({ entry }) => gallery.rows[entry] as number)]),
    ),
  ];
  const pictures = await picturesOf(info, used.task, test, rows);
  const shown = chosen.map((i) => ({
    label: queries.labels[i] as number,
    image: pictures.get(queries.rows[i] as number) as PixelImage,
    neighbours: (found[i] ?? []).map(({ entry, likeness }) => ({
      label: gallery.labels[entry] as number,
      likeness,
      image: pictures.get(gallery.rows[entry] as number) as PixelImage,
    })),
  }));
  const kept = await recognitionOf(writer.path);
  return {
    primaryMetric,
    sections: [
      await neighboursSection(shown, info),
      ...(measurement.hasUnknown ? [likenessSection(measurement.openSet(), kept)] : []),
    ],
  };
}

export const imageRecognitionNode: NodeTask = {
  readInputs: readImageInputs,
  view: viewOfLikeness,
  finish,
  measure,
  present: { answers: namedAnswers },
  report,
};
