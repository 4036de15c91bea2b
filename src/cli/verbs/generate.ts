/** @module `descent generate MODEL PROMPT`. */
import { buffer } from "node:stream/consumers";
import * as z from "zod";
import type { ChatMessage } from "../../text/index.js";
import { ConfigError } from "../../util/errors.js";
import { fileReason } from "../../util/file-reason.js";
import { readRegularFile } from "../../util/regular-file-node.js";
import { parseJsonWith } from "../../util/schema.js";
import { flag, integer, list, number, text } from "../../util/option.js";
import { deviceOptions } from "../../tasks/options.js";
import { defineVerb } from "../verb.js";

const messagesSchema = z.array(z.object({ role: z.string(), content: z.string() })).min(1);

/** A prompt as it stands, or from standard input. DataError for bytes that are not UTF-8. */
async function readPrompt(given: string): Promise<string> {
  if (given !== "-") return given;
  const { decodeUtf8 } = await import("../../data/text/lines.js");
  return decodeUtf8(await buffer(process.stdin), "standard input");
}

/** A conversation: a .json file of messages, or one message of a user. */
async function readMessages(given: string, system: string | undefined): Promise<ChatMessage[]> {
  const before = system === undefined ? [] : [{ role: "system", content: system }];
  if (!given.endsWith(".json")) return [...before, { role: "user", content: await readPrompt(given) }];
  const content = await readRegularFile(given).catch((cause: unknown) => {
    throw new ConfigError(`${given}: expected a file of messages that can be read, got ${fileReason(cause)}`, { cause });
  });
  return [...before, ...parseJsonWith(messagesSchema, content.toString("utf8"), given)];
}

export const verb = defineVerb({
  positionals: [
    {
      name: "MODEL",
      help: "a run of language-modeling or sequence-to-sequence, a GGUF file, or a folder with config.json and model.safetensors",
    },
    { name: "PROMPT", help: "the text to continue (or the source text); - reads standard input" },
  ],
  options: {
    mapped: flag({
      help: "map the float32 weights of a checkpoint folder into memory from their file; the default if they would take more than half of the free memory",
    }),
    maxTokens: integer({ help: "largest number of tokens to generate", minimum: 1, default: 256 }),
    temperature: number({
      help: "sampling temperature; 0 always takes the likeliest token, as sequence-to-sequence does",
      minimum: 0,
      defaultText: "0.8, or 0",
    }),
    topK: integer({ help: "sample from the K likeliest tokens", minimum: 1, metavar: "K" }),
    topP: number({ help: "sample from the likeliest tokens that together reach this probability", above: 0, maximum: 1 }),
    repetitionPenalty: number({ help: "values above 1 make tokens that have occurred less likely", above: 0 }),
    beams: integer({ help: "beam search with this many beams, in place of sampling", minimum: 1 }),
    stop: list(text({ help: "stop before this text" })),
    chat: flag({ help: "PROMPT is a message, or a .json file of messages, for the model's chat template" }),
    system: text({ help: "with --chat: a system message before the others" }),
    seed: integer({ help: "seed of the random numbers", minimum: 0, default: 1 }),
    ...deviceOptions,
  },
  examples: [
    'descent generate runs/shakespeare "ROMEO:" --temperature 0.7',
    'descent generate path/to/checkpoint "What is a neural network?" --chat --max-tokens 100',
    'descent generate runs/dates "3 March 2021" --beams 4',
  ],
  engine: true,
  async run({ positionals: [path = "", given = ""], options, signal, print, write, note }) {
    if (options.system !== undefined && !options.chat) throw new ConfigError("--system: expected --chat as well, got none");
    const drawing = (["temperature", "topK", "topP"] as const).find((name) => options[name] !== undefined);
    if (options.beams !== undefined && drawing !== undefined)
      throw new ConfigError(
        `--beams: expected no sampling option beside it, got --${drawing}`.replace(/[A-Z]/, (c) => `-${c.toLowerCase()}`),
      );
    const { TextGenerator } = await import("../../tasks/use/text-generator-node.js");
    const mapped = options.mapped ? true : ("auto" as const);
    await using generator = await TextGenerator.open(path, { device: options.device, threads: options.threads, mapped });
    if (generator.isMapped) note("weights stay in the file, mapped into memory");
    const asked = options.chat
      ? generator.conversation(await readMessages(given, options.system), { where: path })
      : await readPrompt(given);
    const { ids, left } = await generator.prompt(asked, options.chat ? "conversation" : "text");
    if (left > 0) note(`the prompt has ${ids.length + left} tokens; the model reads the last ${ids.length}`);
    const { maxTokens, topK, topP, repetitionPenalty, beams, stop, seed } = options;
    const common = { maxTokens, stop, signal, repetitionPenalty };
    if (beams !== undefined) {
      const found = await generator.beams(ids, { ...common, beams });
      for (const [i, each] of found.entries()) print(i === 0 ? each.text : `(${each.score.toFixed(3)}) ${each.text}`);
      return { model: path, prompt: asked, texts: found };
    }
    const begun = performance.now();
    const pieces = generator.generate(ids, {
      ...common,
      seed,
      temperature: options.temperature ?? (generator.translates ? 0 : 0.8),
      topK,
      topP,
    });
    let whole = "";
    let next = await pieces.next();
    for (; next.done !== true; next = await pieces.next()) {
      whole += next.value;
      write(next.value);
    }
    write("\n");
    const { tokens } = next.value;
    const tokensPerSecond = (tokens / (performance.now() - begun)) * 1000;
    note(`${tokens} tokens, ${tokensPerSecond.toFixed(0)} a second`);
    return { model: path, prompt: asked, text: whole, tokens, tokensPerSecond };
  },
});
