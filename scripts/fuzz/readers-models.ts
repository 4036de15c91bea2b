/**
 * @module Readers of what models are made of: graphs, weights, tokenizers, templates, configurations, run folders, images.
 */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { loadOnnx, readSafetensors, SafetensorsReader } from "../../src/data/node.js";
import { encodeModel } from "../../src/onnx/encode.js";
import { importOnnx } from "../../src/onnx/index.js";
import { readGguf } from "../../src/models/gguf.js";
import { ggufModel } from "../../src/models/gguf-model.js";
import { openRun } from "../../src/run/run-folder-reader-node.js";
import { parseMetricsLog } from "../../src/run/index.js";
import type { Tokenizer } from "../../src/text/index.js";
import { ChatTemplate } from "../../src/text/index.js";
import { loadChatTemplate, loadTokenizer } from "../../src/text/node.js";
import { tokenizerFrom as webTokenizerFrom } from "../../src/text/web.js";
import { loadAdapters, loadPretrained } from "../../src/train/node.js";
import { decodeImage, endsWhole } from "../../src/vision/node.js";
import { COMPUTED_GRAPHS } from "../../test/cases/opset-graphs.cases.js";
import { LAYERS_BY_OPSET } from "../../test/cases/opset-layers.cases.js";
import { OPS_BY_OPSET } from "../../test/cases/opset-ops.cases.js";
import { modelOf, node } from "../../test/onnx/file.js";
import type { Mutate } from "./mutate.js";
import { anyBytes, anyJson, anyJsonLines, anyTokens, bytesOf, textOf } from "./mutate.js";
import { anyGguf, anyPng, anyProtobuf, anySafetensors } from "./mutate-binary.js";
import type { FuzzReader, Scratch } from "./reader.js";
import { QUICK, SLOW } from "./reader.js";

const FIXTURES = "test/fixtures";
const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(join(FIXTURES, path)));
const golden = (name: string): unknown => JSON.parse(readFileSync(join("test/golden", name), "utf8"));

const FUNCTIONS = modelOf({
  opset: 18,
  inputs: [[2, "N"]],
  nodes: [node("f", ["x0"], ["t"], { a: 2 }, "own"), node("f", ["t"], ["y"], {}, "own")],
  functions: [
    {
      name: "f",
      domain: "own",
      inputs: ["x"],
      outputs: ["y"],
      attributes: ["a"],
      attributeDefaults: [{ name: "a", type: "int", value: 1 }],
      nodes: [
        node("Relu", ["x"], ["z"]),
        node("Concat", ["z", "x"], ["y"], { axis: { name: "axis", type: "reference", value: "a" } }),
      ],
      opsets: new Map([["", 18]]),
    },
  ],
});

const graphs = (): Uint8Array[] => [
  ...Object.values({ ...OPS_BY_OPSET, ...LAYERS_BY_OPSET, ...COMPUTED_GRAPHS }).map((file) => encodeModel(modelOf(file))),
  encodeModel(FUNCTIONS),
];

const TEXTS = ["aaaa b hello wörld 中文 \u0301é 🤗🤗", "", `${"a".repeat(60)}!`, " \n\t ", "\u0000\uFEFF", "ab".repeat(30)];
async function encoded(tokenizer: Tokenizer): Promise<void> {
  const [first] = await tokenizer.encodeBatch(TEXTS);
  await tokenizer.decode(first?.ids ?? []);
}
const tokenizers = (): Uint8Array[] =>
  (golden("tokenizers.json") as { tokenizers: { tokenizer: object }[] }).tokenizers.map(({ tokenizer }) =>
    bytesOf(JSON.stringify(tokenizer)),
  );

/** Parts of tokenizers that seldom come by change alone. */
const STEPS: readonly string[] = [
  '{"type":"Split","pattern":{"Regex":"PATTERN"},"behavior":"Isolated","invert":false}',
  '{"type":"Split","pattern":{"String":"a"},"behavior":"MergedWithNext","invert":true}',
  '{"type":"Replace","pattern":{"Regex":"PATTERN"},"content":"x"}',
  '{"type":"Precompiled","precompiled_charsmap":"AAQAAAAAAAA="}',
  '{"type":"FixedLength","length":3}', '{"type":"Digits","individual_digits":true}', '{"type":"UnicodeScripts"}', '{"type":"Nmt"}',
  '{"type":"Strip","strip_left":true,"strip_right":true}', '{"type":"Prepend","prepend":"▁"}', '{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}',
  '{"type":"Strip","content":"a","start":1,"stop":1}', '{"type":"CTC","pad_token":"a","word_delimiter_token":"b","cleanup":true}', '{"type":"ByteFallback"}', '{"type":"Fuse"}',
  '{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}', '{"type":"CharDelimiterSplit","delimiter":"a"}', '{"type":"BPEDecoder","suffix":"</w>"}',
]; // prettier-ignore
const PATTERN_PIECES = ["a", "\\\\p{L}", "\\\\s", "[^\\\\s]", "(a|b)", "(?:ab)?", "+", "*", "?", "{1,3}", "{2}", "|", "$", "^", "(?!b)", "(?=a)", "(?<=a)", "(", ")", "[a-c]", ".", "++", "(?i:A)", "\\\\1", "\\\\b"]; // prettier-ignore

const anyTokenizer: Mutate = (bytes, random) => {
  if (random.integer(3) > 0) return anyJson(bytes, random);
  const json = JSON.parse(textOf(bytes)) as Record<string, unknown>;
  const step = STEPS[random.integer(STEPS.length)] as string;
  const pattern = Array.from({ length: 1 + random.integer(6) }, () => PATTERN_PIECES[random.integer(PATTERN_PIECES.length)]).join(
    "",
  );
  const place = (["normalizer", "pre_tokenizer", "decoder", "post_processor"] as const)[random.integer(4)] as string;
  json[place] = JSON.parse(step.replace("PATTERN", pattern));
  return random.integer(2) === 0 ? bytesOf(JSON.stringify(json)) : anyJson(bytesOf(JSON.stringify(json)), random);
};

const MESSAGES = [
  { role: "user", content: "Hi" },
  { role: "assistant", content: "Yes?" },
  { role: "user", content: "é🤗" },
];
const templates = (): Uint8Array[] =>
  Object.values((golden("chat-templates.json") as { templates: Record<string, string> }).templates).map(bytesOf);
const JINJA = ["{%", "%}", "{{", "}}", "range(9999999)", "range(1000)", "for x in messages", "endfor", "if", "endif", "|tojson", "|join", "*", "**", "~", "+", "namespace(x=1)", "set ns.x = [ns.x, ns.x]", "macro f(a)", "endmacro", "f(1)", "messages", "[::-1]", "|indent(999999999)", "|replace('a','aaaa')", "loop", "recursive", "-%}", "is defined", "not", "'a'", "{#"]; // prettier-ignore

/** A checkpoint with another `config.json`, index or header of weights. */
function checkpoint(name: string, file: string): Pick<FuzzReader, "valid" | "read"> {
  const source = join(FIXTURES, "language-models", name);
  const parts = ["config.json", "model.safetensors", "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]; // prettier-ignore
  return {
    valid: () => [new Uint8Array(readFileSync(join(source, file)))],
    read: async (bytes, scratch) => {
      const folder = join(scratch.folder, "model");
      if (!existsSync(folder)) {
        mkdirSync(folder);
        for (const part of parts) if (existsSync(join(source, part))) copyFileSync(join(source, part), join(folder, part));
      }
      scratch.write(join("model", file), bytes);
      await loadPretrained(folder);
    },
  };
}

const RUN_CONFIG = {
  descent: "0.1.0",
  task: "text-classification",
  options: { data: "a.csv", seed: 1 },
  info: { classes: ["a", "b"] },
};
const SUMMARY = { task: "t", model: "m", data: "d", seed: 1, device: "cpu", parameters: 1, flopsPerStep: 1, steps: 1, stepMs: 1, trainSeconds: 1, peakMemoryMiB: 1, metrics: { test: { accuracy: 1 } } }; // prettier-ignore
const WEIGHTS = bytesOf("weights");
const MANIFEST = {
  version: 1,
  step: 1,
  createdAt: "2026-01-01",
  files: { "a.bin": { sizeBytes: WEIGHTS.length, sha256: createHash("sha256").update(WEIGHTS).digest("hex") } },
  logBytes: { metrics: 0, events: 0 },
};
const metrics = bytesOf(
  '{"step":1,"split":"train","epoch":0.5,"metrics":{"loss":1.5}}\n{"step":2,"split":"test","metrics":{"loss":"NaN"}}\n',
);

async function readRun(scratch: Scratch, read: (run: Awaited<ReturnType<typeof openRun>>) => Promise<unknown>): Promise<void> {
  if (!existsSync(join(scratch.folder, "config.json"))) scratch.write("config.json", JSON.stringify(RUN_CONFIG));
  await read(await openRun(scratch.folder));
}
const json =
  (value: unknown): (() => Uint8Array[]) =>
  () => [bytesOf(JSON.stringify(value))];

const picture = (format: "png" | "jpeg" | "webp" | "gif" | "tiff"): (() => Promise<Uint8Array[]>) => {
  const data = Uint8Array.from({ length: 24 * 16 * 3 }, (_, i) => (i * 37) % 256);
  return () =>
    Promise.all(
      [3, 1].map(async (channels) => {
        const image = sharp(data.subarray(0, 24 * 16 * channels), {
          raw: { width: 24, height: 16, channels: channels as 1 | 3 },
        });
        return new Uint8Array(
          await image
            .withExif({ IFD0: { Copyright: "a" } })
            .toFormat(format)
            .toBuffer(),
        );
      }),
    );
};
function bmp(): Uint8Array[] {
  return [24, 8, 32].map((bits) => {
    const row = Math.ceil((6 * bits) / 32) * 4;
    const table = bits === 8 ? 1024 : 0;
    const bytes = Buffer.alloc(54 + table + row * 4, 100);
    bytes.write("BM");
    bytes.writeUInt32LE(bytes.length, 2);
    bytes.writeUInt32LE(54 + table, 10);
    [40, 6, 4].forEach((n, i) => bytes.writeInt32LE(n, 14 + 4 * i));
    bytes.writeUInt16LE(1, 26);
    bytes.writeUInt16LE(bits, 28);
    bytes.fill(0, 30, 54);
    return new Uint8Array(bytes);
  });
}
const image = async (bytes: Uint8Array): Promise<void> => {
  await endsWhole(bytes);
  await decodeImage(bytes, { where: "f", channels: 3, height: 8, width: 8 });
};

const LANGUAGE = { ...SLOW, structured: anyJson } as const;

export const MODEL_READERS: readonly FuzzReader[] = [
  {
    name: "onnx",
    ...QUICK,
    inputs: 80_000,
    short: 3000,
    valid: graphs,
    structured: anyProtobuf,
    kept: 8,
    read: (b) => importOnnx(b, { where: "f" }),
  },
  { name: "onnx-file", ...SLOW, valid: graphs, structured: anyProtobuf, kept: 8, read: (b, s) => loadOnnx(s.write("m.onnx", b)) },
  {
    name: "safetensors",
    ...QUICK,
    valid: () => [fixture("text-models/text-cnn.safetensors"), fixture("text-models/bilstm-crf.safetensors")],
    structured: anySafetensors,
    kept: 8,
    read: (b) => readSafetensors(b, "f"),
  },
  {
    name: "gguf",
    ...SLOW,
    valid: () => Object.values(golden("gguf.json") as Record<string, { file: string }>).flatMap(({ file }) => (file === undefined ? [] : [new Uint8Array(Buffer.from(file, "base64"))])), // prettier-ignore
    structured: anyGguf,
    kept: 8,
    read: (b) => ggufModel(readGguf(b, "f"), "f"),
  },
  {
    name: "safetensors-file",
    ...SLOW,
    valid: () => [fixture("text-models/text-cnn.safetensors")],
    structured: anySafetensors,
    kept: 8,
    read: async (b, s) => {
      await using reader = await SafetensorsReader.open(s.write("w.safetensors", b));
      for (const name of reader.names) await reader.read(name);
    },
  },
  {
    name: "tokenizer",
    ...QUICK,
    inputs: 30_000,
    valid: tokenizers,
    structured: anyTokenizer,
    read: async (b, s) => encoded(await loadTokenizer(s.write("tokenizer.json", b))),
  },
  {
    name: "tokenizer-web",
    ...QUICK,
    inputs: 30_000,
    valid: tokenizers,
    structured: anyTokenizer,
    read: async (b) => encoded(await webTokenizerFrom(textOf(b), { where: "f" })),
  },
  {
    name: "tokenizer-config",
    ...SLOW,
    valid: json({ pad_token: "[PAD]", bos_token: { content: "<s>" }, chat_template: "{{ messages[0].content }}" }),
    structured: anyJson,
    read: async (b, s) => {
      s.write("tokenizer_config.json", b);
      (await loadChatTemplate(s.folder))?.render(MESSAGES);
    },
  },
  {
    name: "chat-template",
    ...QUICK,
    inputs: 30_000,
    valid: templates,
    structured: anyTokens(/\w+|\s+|[{}%#]{2}|[^\w\s]/g, JINJA),
    read: (b) => new ChatTemplate(textOf(b), { bos_token: "<s>" }, "f").render(MESSAGES),
  },
  ...(["bert-sequence", "gpt2", "llama", "marian"] as const).map((name): FuzzReader => ({
    name: `config-${name}`,
    ...LANGUAGE,
    ...checkpoint(name, "config.json"),
  })),
  { name: "checkpoint-index", ...LANGUAGE, ...checkpoint("gpt2-untied", "model.safetensors.index.json") },
  { name: "checkpoint-weights", ...SLOW, structured: anySafetensors, kept: 8, ...checkpoint("bert-token", "model.safetensors") },
  {
    name: "adapter-config",
    ...LANGUAGE,
    valid: () => [fixture("adapters/bert-token/adapter_config.json")],
    read: async (b, s) => {
      s.write("adapter_config.json", b);
      s.write("adapter_model.safetensors", fixture("adapters/bert-token/adapter_model.safetensors"));
      await loadAdapters(s.folder, (await loadPretrained(join(FIXTURES, "language-models/bert-token"))).model);
    },
  },
  {
    name: "run-config",
    ...QUICK,
    valid: json(RUN_CONFIG),
    structured: anyJson,
    read: (b, s) => readRun(s, (run) => (s.write("config.json", b), run.config())),
  },
  {
    name: "run-summary",
    ...QUICK,
    valid: json(SUMMARY),
    structured: anyJson,
    read: (b, s) => readRun(s, (run) => (s.write("summary.json", b), run.summary())),
  },
  {
    name: "run-manifest",
    ...SLOW,
    valid: json(MANIFEST),
    structured: anyJson,
    read: (b, s) =>
      readRun(
        s,
        (run) => (
          s.write("checkpoints/step-1/a.bin", WEIGHTS),
          s.write("checkpoints/step-1/manifest.json", b),
          run.readCheckpoint(1)
        ),
      ),
  },
  {
    name: "run-metrics",
    ...QUICK,
    valid: () => [metrics],
    structured: anyJsonLines,
    read: (b) => parseMetricsLog(textOf(b), "f"),
  },
  { name: "png", ...SLOW, valid: picture("png"), structured: anyPng, kept: 16, read: image },
  ...(["jpeg", "webp", "gif", "tiff"] as const).map((name): FuzzReader => ({
    name,
    ...SLOW,
    valid: picture(name),
    structured: anyBytes(name === "jpeg" ? 4 : 12),
    kept: 4,
    read: image,
  })),
  { name: "bmp", ...QUICK, valid: bmp, structured: anyBytes(18), kept: 2, read: image },
];
