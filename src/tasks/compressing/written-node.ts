/**
 * @module Sequence-level distillation: texts that generating teachers write, as data that a student reads in its own tokens, whatever its vocabulary.
 *
 * Source: Kim and Rush 2016, arXiv:1606.07947, section 3.2: the teacher's likeliest sequences, by beam search, in the place of the targets. Decoders have no
 * sources: they go on from the beginnings of training texts, by sampling.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../data/registry-node.js";
import type { Dataset } from "../../data/node.js";
import { nodeFileSystem, writeWhole } from "../../run/run-folder-files-node.js";
import { ConfigError } from "../../util/errors.js";
import { makeFolders } from "../../util/folders-node.js";
import { Random } from "../../util/random.js";
import type { TrainedModel } from "../trained-model.js";
import { loadExamples } from "../use/examples-node.js";
import { TextGenerator } from "../use/text-generator-node.js";
import type { CompressionSource } from "./source-node.js";
import type { TrainingControl } from "./train-smaller-node.js";

/** The request for texts. */
export interface WritingOptions {
  readonly count: number;
  readonly seed: number;
  /** The folder for texts, in place of the user's cache. */
  readonly folder?: string;
  readonly note: (text: string) => void;
  readonly control: TrainingControl;
}

const BEAMS = 4;
/** Characters of a training text that a decoder goes on from. */
const BEGINNING = 32;

/** Beginnings of training texts, at words, for decoders; sources for translators, evenly. */
function promptsFor(texts: readonly string[], translates: boolean, { count, seed }: WritingOptions): string[] {
  if (translates)
    return Array.from(
      { length: Math.min(count, texts.length) },
      (_, i) => texts[Math.floor((i * texts.length) / Math.min(count, texts.length))] as string,
    );
  const random = new Random(seed, "beginnings");
  return Array.from({ length: count }, () => {
    const text = texts[random.integer(texts.length)] as string;
    const at = random.integer(Math.max(1, text.length - BEGINNING));
    return text
      .slice(at)
      .replace(/^\S*\s+(?=\S)/, "")
      .slice(0, BEGINNING);
  }).filter((text) => text.trim() !== "");
}

/** One text of a teacher for a prompt. */
async function written(
  teacher: TextGenerator,
  text: string,
  most: number,
  i: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { ids } = await teacher.prompt(text);
  if (teacher.translates) {
    const [best] = await teacher.beams(ids, { beams: BEAMS, maxTokens: most });
    return best?.text ?? "";
  }
  let all = text;
  for await (const piece of teacher.generate(ids, { maxTokens: most, temperature: 1, seed: i, signal })) all += piece;
  return all;
}

/** The column of a task's texts as they were read. */
function textsOf(rows: Dataset, { task }: TrainedModel): readonly string[] {
  const name = ["source", "text"].find((column) => rows.has(column));
  const values = name === undefined ? [] : rows.texts(name).filter((text) => text !== null);
  if (values.length === 0) throw new ConfigError(`--sequences: expected a task whose models generate texts, got ${task.name}`);
  return values;
}

/**
 * Lets teachers write, each its share, and returns the file of it: pairs of source and target, or texts. What was written before for the same teachers,
 * prompts and seed is taken from the cache.
 *
 * Errors: ConfigError for a teacher that writes nothing.
 */
export async function writtenTexts(
  teachers: readonly CompressionSource[],
  read: Dataset,
  options: WritingOptions,
): Promise<string> {
  const { count, seed, folder = join(cacheFolder(), "teachers"), note, control } = options;
  const [first] = teachers;
  if (first === undefined) throw new ConfigError("--sequences: expected teachers that can be run, got stored outputs");
  const texts = textsOf(read, first.model);
  const hash = createHash("sha256").update(JSON.stringify([count, seed, texts]));
  for (const { model } of teachers) hash.update(model.toOnnx());
  const isPaired = read.has("source");
  const path = join(folder, `${hash.digest("hex").slice(0, 32)}.${isPaired ? "jsonl" : "txt"}`);
  if (existsSync(path)) {
    note(`texts that the teachers wrote were kept in ${path}`);
    return path;
  }
  const lines: string[] = [];
  const line = control.progress?.({ label: "teachers write", total: count, unit: "texts" });
  for (const [k, source] of teachers.entries()) {
    await using teacher = await TextGenerator.open(source.path);
    const most = (source.model.info as { readonly maxLength?: number }).maxLength ?? 128;
    const prompts = promptsFor(texts, teacher.translates, options);
    for (const [i, prompt] of prompts.entries()) {
      if (i % teachers.length !== k) continue;
      control.signal?.throwIfAborted();
      const text = await written(teacher, prompt, most, seed + i, control.signal);
      if (text.trim() !== "") lines.push(isPaired ? JSON.stringify({ source: prompt, target: text }) : `${text}\n`);
      line?.update(lines.length);
    }
  }
  line?.finish();
  if (lines.length === 0) throw new ConfigError("--sequences: expected teachers that generate some text, got only empty texts");
  makeFolders(folder);
  await writeWhole(nodeFileSystem, path, new TextEncoder().encode(`${lines.join("\n")}\n`));
  return path;
}

/** The teachers' texts for the training part of data, as rows of the model that learns. Errors: those of `writtenTexts`. */
export async function writtenRows(
  student: CompressionSource,
  teachers: readonly CompressionSource[],
  data: string,
  options: WritingOptions,
): Promise<Dataset> {
  const { rows } = await loadExamples(student.model, student.config, { data, part: "train" });
  const path = await writtenTexts(teachers, rows, options);
  return (await loadExamples(student.model, student.config, { data: path, part: "train" })).examples;
}
