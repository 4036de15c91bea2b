/**
 * @module Runs of each task that an earlier version wrote, so that a later one is held to them.
 *
 *     node dist/scripts/kept-runs.js write ROOT [NAME]       half-trained runs, written by the code of a checkout, into test/fixtures/runs, with what
 *                                                            they answer and measure, and what they come to when they go on
 *     node dist/scripts/kept-runs.js same-bits ROOT [NAME]   begins runs with that code, goes on with it and with this one, and compares every bit
 *     node dist/scripts/kept-runs.js add-processor ROOT [NAME]   goes on with the kept runs with that code, of the commit that wrote them, on another kind
 *                                                            of processor, and keeps what they come to beside what there is
 *
 * ROOT is a built checkout. Large models begin with weights of a repeating pattern, of which all but a part is frozen, so that runs pack small.
 * `qemu-x86_64 -cpu Haswell-v4 $(command -v node) …` is a processor without AVX-512.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import sharp from "sharp";
import { loadSafetensors, saveSafetensors } from "../src/data/node.js";
import type { TensorData } from "../src/graph/index.js";
import { fromNumbers } from "../src/graph/index.js";
import { channelBlock } from "../src/runtime/channel-block.js";
import { platformRuntime } from "../src/runtime/index.js";
import type * as Tasks from "../src/tasks/node.js";
import type { Behaviour } from "../test/kept-runs.js";
import { behaviour, DATA, filesIn, keep, keptRuns, lastLoss, packed, unpack } from "../test/kept-runs.js";

type Options = Omit<Tasks.TrainTaskOptions, "data" | "task">;

/** A run to keep. */
interface Case {
  readonly task: string;
  /** Its name, where a task has several. */
  readonly name?: string;
  /** A known name, or what `writeData` writes. */
  readonly data: string;
  readonly options: Options;
  /** Pattern of the frozen weights of a large model; left out, the model is small and trained as a whole. */
  readonly frozen?: string;
  readonly inputs: readonly string[];
}

/** Updates before the run is interrupted, and in all. */
const [HALF, ALL] = [4, 8];

const COMMON: Options = { device: "cpu", threads: 1, seed: 3, check: false, steps: ALL, batchSize: 8 };

const CASES: readonly Case[] = [
  {
    task: "image-classification",
    data: "digits",
    options: { model: "linear", augment: "crop,rotate,mixup" },
    inputs: [`${DATA}/digit.png`],
  },
  {
    task: "image-recognition",
    data: "digits",
    options: { model: "conv-net", loss: "arcface" },
    frozen: "*.conv.weight",
    inputs: [`${DATA}/digit.png`],
  },
  {
    task: "image-generation",
    data: "digits",
    options: { model: "dcgan-small", features: `${DATA}/classifier` },
    frozen: "discriminator.main.0.weight,generator.main.0.weight",
    inputs: [],
  },
  {
    task: "object-detection",
    data: `${DATA}/squares`,
    options: { model: "fcos-small", imageSize: "80x48", augment: "flip" },
    frozen: "backbone.*,*.conv.weight",
    inputs: [`${DATA}/squares/test/10.png`],
  },
  {
    task: "text-classification",
    data: `${DATA}/reviews.csv`,
    options: { model: "ngram-cnn" },
    frozen: "bag.ngrams.*,cnn.convs.*",
    inputs: ["a good film"],
  },
  {
    task: "token-classification",
    data: `${DATA}/people.conll`,
    options: { model: "bilstm-crf" },
    frozen: "lstm.*",
    inputs: ["Bob Lee visits New York."],
  },
  {
    task: "language-modeling",
    data: `${DATA}/verse.txt`,
    options: { model: "gpt-nano", maxLength: 16 },
    frozen: "transformer.h.*",
    inputs: ["the cat sat"],
  },
  {
    task: "semantic-role-labeling",
    data: `${DATA}/who.conllu`,
    options: { model: "bilstm-crf" },
    frozen: "lstm.*",
    inputs: ["Ann likes Rome ."],
  },
  {
    task: "sequence-to-sequence",
    data: `${DATA}/dates.tsv`,
    options: { model: "transformer-tiny", maxLength: 24 },
    frozen: "*.layers.*",
    inputs: ["3 March"],
  },
  {
    task: "tabular-classification",
    data: `${DATA}/flowers.csv`,
    options: { model: "mlp", labelColumn: "kind" },
    inputs: ["length=2", "color=red", "height=3"],
  },
  {
    task: "tabular-classification",
    name: "tabular-ensemble",
    data: `${DATA}/flowers.csv`,
    options: { model: "tabm", labelColumn: "kind" },
    inputs: ["length=2", "color=red", "height=3"],
  },
  {
    task: "tabular-regression",
    data: `${DATA}/flowers.csv`,
    options: { model: "linear", labelColumn: "height" },
    inputs: ["length=2", "color=red", "kind=rose"],
  },
  // Written by a version that took words for yes and no for `true` and `false`, and kept no schema.
  {
    task: "text-classification",
    name: "text-classification-yes-no",
    data: `${DATA}/recommended.csv`,
    options: { model: "ngram-cnn" },
    frozen: "bag.ngrams.*,cnn.convs.*",
    inputs: ["a good film"],
  },
  {
    task: "tabular-classification",
    name: "tabular-classification-yes-no",
    data: `${DATA}/spotted.csv`,
    options: { model: "linear", labelColumn: "spotted" },
    inputs: ["length=2", "color=red"],
  },
];

/** Tiny data of each kind, the same each time. */
async function writeData(folder: string): Promise<void> {
  const write = (name: string, lines: readonly string[]): void => writeFileSync(join(folder, name), `${lines.join("\n")}\n`);
  mkdirSync(folder, { recursive: true });
  const [people, verbs, cities] = [
    ["Ann", "Bob Lee", "Carla", "Dan", "Eve Moss"],
    ["visits", "likes", "leaves"],
    ["Bonn", "New York", "Rome", "Oslo"],
  ];
  const facts = people.flatMap((who) => verbs.flatMap((verb) => cities.map((where) => ({ who, verb, where }))));
  const tagged = (words: string, label: string): string[] =>
    words.split(" ").map((word, i) => `${word} ${i === 0 ? "B" : "I"}-${label}`);
  write(
    "people.conll",
    facts.flatMap(({ who, verb, where }) => [...tagged(who, "PER"), `${verb} O`, ...tagged(where, "LOC"), ". O", ""]),
  );
  const last = (words: string): string => words.split(" ").at(-1) as string;
  write(
    "who.conllu",
    facts.flatMap(({ who, verb, where }) => [
      ...[last(who), verb, last(where), "."].map((word, i) =>
        [i + 1, word, ...new Array<string>(8).fill("_"), i === 1 ? `${verb}.01` : "_", ["A0", "_", "A1", "_"][i]].join("\t"),
      ),
      "",
    ]),
  );
  const kinds = ["good", "bad", "great", "awful"];
  const reviews = ["film", "book", "play", "song"].flatMap((what) =>
    ["a", "one", "that"].flatMap((first) => kinds.map((how, k) => `${first} ${how} ${what},${k % 2 === 0 ? "pos" : "neg"}`)),
  );
  write("reviews.csv", ["text,label", ...reviews]);
  write("recommended.csv", ["text,label", ...reviews.map((line) => line.replace(/pos$/, "yes").replace(/neg$/, "no"))]);
  write("verse.txt", new Array<string>(60).fill("the cat sat on the mat and the dog sat on the log."));
  const months = ["January", "March", "June", "August"];
  const days = months.flatMap((month, m) => Array.from({ length: 20 }, (_, d) => `${d + 1} ${month}\t${m + 1}-${d + 1}`));
  write("dates.tsv", ["source\ttarget", ...days]);
  const flowers = Array.from({ length: 60 }, (_, i) => {
    const length = ((i * 7) % 40) / 10;
    return `${length},${["red", "blue", "white"][i % 3]},${(2 * length + (i % 3)).toFixed(1)},${length > 2 ? "rose" : "lily"}`;
  });
  write("flowers.csv", ["length,color,height,kind", ...flowers]);
  const spotted = Array.from(
    { length: 60 },
    (_, i) => `${((i * 7) % 40) / 10},${["red", "blue"][i % 2]},${i % 3 === 0 ? "T" : "F"}`,
  );
  write("spotted.csv", ["length,color,spotted", ...spotted]);
  const grey = Uint8Array.from({ length: 64 }, (_, i) => (i % 8 === 3 || i % 8 === 4 ? 240 : 10));
  await sharp(grey, { raw: { width: 8, height: 8, channels: 1 } })
    .png()
    .toFile(join(folder, "digit.png"));
  for (let i = 0; i < 12; i++) await writeScene(join(folder, "squares", i < 8 ? "train" : i < 10 ? "val" : "test"), i);
}

/** A red and a blue square, and where they are, as Pascal VOC says it. */
async function writeScene(folder: string, i: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const boxes = ["red", "blue"].map((label, k) => {
    const [side, x, y] = [24 + ((i * 5) % 16), k * 80 + ((i * 11) % 32), (i * 13) % 48];
    return { label, x, y, side };
  });
  const square = (side: number, background: string) => ({ width: side, height: side, channels: 3 as const, background });
  await sharp({ create: { width: 160, height: 96, channels: 3, background: "#b0b0a8" } })
    .composite(boxes.map(({ label, x, y, side }) => ({ input: { create: square(side, label) }, left: x, top: y })))
    .png()
    .toFile(join(folder, `${i}.png`));
  const objects = boxes.map(
    ({ label, x, y, side }) =>
      `<object><name>${label}</name><bndbox><xmin>${x + 1}</xmin><ymin>${y + 1}</ymin><xmax>${x + side}</xmax><ymax>${y + side}</ymax></bndbox></object>`,
  );
  const size = "<size><width>160</width><height>96</height><depth>3</depth></size>";
  writeFileSync(join(folder, `${i}.xml`), `<annotation><filename>${i}.png</filename>${size}${objects.join("")}</annotation>`);
}

/** Weights that pack small: one short pattern over and over, scaled as an initializer would; norms of ones. */
function patterned(tensor: TensorData, path: string): TensorData {
  const { shape, data } = tensor;
  const fanIn = data.length / (shape[0] ?? 1);
  const isOne = shape.length < 2 && /(weight|running_var)$/.test(path);
  const value = (i: number): number => (isOne ? 1 : shape.length < 2 ? 0 : Math.cos((i % 97) * 2.4) * Math.sqrt(2 / fanIn));
  return fromNumbers(
    tensor.dtype,
    shape,
    Float64Array.from({ length: data.length }, (_, i) => value(i)),
  );
}

const nameOf = ({ name, task }: Case): string => name ?? task;

const tasksOf = async (root: string): Promise<typeof Tasks> =>
  (await import(pathToFileURL(resolve(root, "dist/src/tasks/node.js")).href)) as typeof Tasks;

/** Trains with a checkout's code; until HALF where it is told so, or on from there. */
async function train(root: string, which: Case, folder: string, how: "begin" | "go on"): Promise<void> {
  const { trainTask } = await tasksOf(root);
  const [data, run] = [join(folder, "data"), join(folder, "run")];
  const inFolder = (text: string): string => text.replace(`${DATA}/`, `${data}/`);
  if (how === "go on") {
    await trainTask({ task: "", data: "" }, { out: run, resume: run });
    return;
  }
  const { features, ...options } = { ...COMMON, ...which.options };
  const given = {
    task: which.task,
    data: inFolder(which.data),
    ...options,
    ...(features === undefined ? {} : { features: inFolder(features) }),
  };
  await writeData(data);
  if (features !== undefined)
    await trainTask({ ...COMMON, task: "image-classification", data: "digits", model: "linear" }, { out: inFolder(features) });
  const init = join(data, "weights.safetensors");
  if (which.frozen !== undefined) {
    const probe = join(folder, "probe");
    await trainTask({ ...given, steps: 1 }, { out: probe });
    const { tensors } = await loadSafetensors(join(probe, "checkpoints", "step-1", "model.safetensors"));
    await saveSafetensors(
      init,
      [...tensors].map(([path, tensor]) => [path, patterned(tensor, path)] as const),
    );
    rmSync(probe, { recursive: true });
  }
  const interrupt = new AbortController();
  await trainTask(
    { ...given, ...(which.frozen === undefined ? {} : { init, freeze: which.frozen }) },
    { out: run, signal: interrupt.signal, onStep: ({ step }) => (step === HALF ? interrupt.abort() : undefined) },
  );
}

/** In a process of its own: two copies of the engine would meet in this one. */
const inProcess = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });

const scratch = (): string => mkdtempSync(join(tmpdir(), "descent-kept-"));

/** Removes what a packed run does not need: data that its task does not read, files for people. */
function prune(folder: string, { task, data, options, inputs }: Case): void {
  const read = [data, options.features ?? "", ...inputs].map((name) => name.replace(`${DATA}/`, "").split("/")[0]);
  for (const name of readdirSync(join(folder, "data")))
    if (!read.includes(name) || name === "classifier") rmSync(join(folder, "data", name), { recursive: true });
  for (const name of filesIn(join(folder, "run")))
    if (/run\.lock$|events\.out|samples\//.test(name)) rmSync(join(folder, "run", name));
  const config = join(folder, "run", "config.json");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(`"${join(folder, "data")}/`, `"${DATA}/`));
  if (!existsSync(config)) throw new Error(`${task}: expected a run, got none`);
}

function write(root: string, which: Case): void {
  const folder = scratch();
  inProcess("begin", root, nameOf(which), folder);
  const say = (of: string): Behaviour => JSON.parse(inProcess("say", root, nameOf(which), of)) as Behaviour;
  const half = say(folder);
  const on = scratch();
  cpSync(folder, on, { recursive: true });
  const config = join(on, "run", "config.json");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(folder, on));
  inProcess("go-on", root, nameOf(which), on);
  const whole = { ...say(on), trainLoss: lastLoss(join(on, "run")) };
  prune(folder, which);
  const commit = execFileSync("git", ["-C", root, "rev-parse", "HEAD"], { encoding: "utf8" }).trim();
  const bytes = keep({
    task: which.task,
    ...(which.name === undefined ? {} : { name: which.name }),
    commit,
    inputs: which.inputs,
    half,
    whole,
    files: packed(folder),
  });
  console.log(`${nameOf(which)}: ${bytes} bytes; loss ${whole.trainLoss}`);
  for (const each of [folder, on]) rmSync(each, { recursive: true });
}

/** Keeps what a run comes to on this processor, as the code that wrote it has it. */
async function addProcessor(root: string, which: Case): Promise<void> {
  const run = keptRuns().find((each) => (each.name ?? each.task) === nameOf(which));
  const commit = execFileSync("git", ["-C", root, "rev-parse", "HEAD"], { encoding: "utf8" }).trim();
  if (run?.commit !== commit) throw new Error(`${nameOf(which)}: expected a checkout of ${run?.commit}, got ${commit}`);
  const folder = scratch();
  unpack(run, folder);
  const tasks = await tasksOf(root);
  const path = join(folder, "run");
  await tasks.trainTask({ task: "", data: "" }, { out: path, resume: path });
  const ending = { ...(await behaviour(tasks, path, run.inputs, join(folder, "data"))), trainLoss: lastLoss(path) };
  const block = await channelBlock(await platformRuntime());
  keep({ ...run, wholeByBlock: { ...run.wholeByBlock, [block]: ending } });
  console.log(`${nameOf(which)}: kept for blocks of ${block} channels; loss ${ending.trainLoss}`);
  rmSync(folder, { recursive: true });
}

/** Files of a checkpoint whose every bit must be equal. */
const weightsIn = (folder: string): string[] =>
  filesIn(join(folder, "run", "checkpoints")).filter((name) => name.startsWith(`step-${ALL}/`) && name.endsWith(".safetensors"));

function compareBits(root: string, which: Case): boolean {
  const [there, here] = [scratch(), scratch()];
  inProcess("begin", root, nameOf(which), there);
  cpSync(there, here, { recursive: true });
  const config = join(here, "run", "config.json");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(there, here));
  inProcess("go-on", root, nameOf(which), there);
  inProcess("go-on", ".", nameOf(which), here);
  const bytes = (folder: string, name: string): Buffer => readFileSync(join(folder, "run", "checkpoints", name));
  const names = weightsIn(there);
  const different = names.filter((name) => !bytes(there, name).equals(bytes(here, name)));
  const answers = [there, here].map((folder) => inProcess("say", folder === there ? root : ".", nameOf(which), folder));
  const isSame = names.length > 0 && different.length === 0 && answers[0] === answers[1];
  console.log(
    `${nameOf(which)}: ${isSame ? "the same bits" : `different: ${[...different, ...(answers[0] === answers[1] ? [] : ["answers"])].join(", ")}`}`,
  );
  for (const each of [there, here]) rmSync(each, { recursive: true });
  return isSame;
}

const [verb = "", root = "", name, folder = ""] = process.argv.slice(2);
const which = CASES.filter((each) => name === undefined || nameOf(each) === name);
if (which.length === 0) throw new Error(`expected a run of ${CASES.map(nameOf).join(", ")}, got ${name}`);
const [first] = which as [Case, ...Case[]];
if (verb === "write") for (const each of which) write(resolve(root), each);
else if (verb === "same-bits") process.exitCode = which.map((each) => compareBits(resolve(root), each)).every(Boolean) ? 0 : 1;
else if (verb === "add-processor") for (const each of which) await addProcessor(resolve(root), each);
else if (verb === "begin" || verb === "go-on") await train(root, first, folder, verb === "begin" ? "begin" : "go on");
else if (verb === "say")
  console.log(JSON.stringify(await behaviour(await tasksOf(root), join(folder, "run"), first.inputs, join(folder, "data"))));
else throw new Error("expected: write, same-bits or add-processor, ROOT [NAME]");
