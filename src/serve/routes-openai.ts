/**
 * @module OpenAI's interface: chats, completions, embeddings, models, for clients that are written for it.
 */
import { toBase64 } from "../util/base64.js";
import { defined } from "../util/record.js";
import { HttpError } from "../http/http-error.js";
import type { GenerateParams, TokenLogprob } from "./engine.js";
import type { ServedModel } from "./models.js";
import { answer, type Choice, type ChoiceRequest } from "./openai-choices.js";
import type { ChatRequest, CompletionRequest, Message } from "./openai-schemas.js";
import {
  chatAnswerSchema,
  chatSchema,
  completionAnswerSchema,
  completionSchema,
  embeddingAnswerSchema,
  embeddingSchema,
  openAiModelSchema,
  openAiModelsSchema,
} from "./openai-schemas.js";
import { addRoute, type RouteContext, type RouteScope } from "./route.js";
import { toolCallsIn, toolFormat } from "./tool-calls.js";

const STARTED = Math.floor(Date.now() / 1000);
/** Tokens of a completion where its sender says no number, as OpenAI has it. */
const USUAL_COMPLETION = 16;

const textOf = (content: Message["content"]): string =>
  typeof content === "string" ? content : (content ?? []).map((part) => part.text).join("");

/** A message as templates know it. */
function templated(message: Message): Record<string, unknown> {
  const { role, name } = message;
  const common = { role: role === "developer" ? "system" : role, content: textOf(message.content), name };
  if (message.role === "tool") return { ...common, tool_call_id: message.tool_call_id };
  if (message.role !== "assistant" || message.tool_calls === null || message.tool_calls === undefined) return common;
  const calls = message.tool_calls.map((call) => {
    let given: unknown = call.function.arguments;
    try {
      given = JSON.parse(call.function.arguments);
    } catch {
      // A template shows what was written.
    }
    return { ...call, function: { ...call.function, arguments: given } };
  });
  return { ...common, tool_calls: calls };
}

type Sampling = Pick<
  ChatRequest | CompletionRequest,
  "stop" | "temperature" | "top_p" | "top_k" | "frequency_penalty" | "presence_penalty" | "logit_bias" | "seed"
>;

/** Fills in what a sender left out by OpenAI's usual: temperature 1, a seed that nobody knows. */
function samplingOf(given: Sampling, owner: string): Omit<GenerateParams, "prompt" | "isConversation"> {
  return {
    temperature: given.temperature ?? 1,
    seed: Math.abs(given.seed ?? Math.floor(Math.random() * 2 ** 31)),
    stop: [given.stop ?? []].flat(),
    owner,
    ...defined({
      topP: given.top_p ?? undefined,
      topK: given.top_k ?? undefined,
      frequencyPenalty: given.frequency_penalty ?? undefined,
      presencePenalty: given.presence_penalty ?? undefined,
      logitBias: given.logit_bias ?? undefined,
    }),
  };
}

const told = ({ token, bytes, logprob }: Omit<TokenLogprob, "top">) => ({ token, logprob, bytes });
const chatLogprobs = (logprobs: readonly TokenLogprob[]) => ({
  content: logprobs.map(({ top, ...each }) => ({ ...told(each), top_logprobs: top.map(told) })),
  refusal: null,
});

/** The format that an answer has to follow, by the request's own words. */
function formatOf(
  { response_format: format, tools, tool_choice: choice }: Pick<ChatRequest, "response_format" | "tools" | "tool_choice">,
  form?: ServedModel["engine"],
): GenerateParams["format"] {
  const toolForm = form?.description.toolForm;
  if (
    tools !== null &&
    tools !== undefined &&
    toolForm !== undefined &&
    choice !== null &&
    choice !== undefined &&
    choice !== "auto" &&
    choice !== "none"
  ) {
    const called = typeof choice === "string" ? tools : tools.filter((tool) => tool.function.name === choice.function.name);
    if (called.length === 0) throw new HttpError(400, "tool_choice: expected one of the tools, got another");
    return toolFormat(called, toolForm);
  }
  if (format === null || format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") return { schema: true };
  return { schema: (format as { readonly json_schema: { readonly schema: unknown } }).json_schema.schema ?? true };
}

async function chat(scope: RouteScope, c: RouteContext): Promise<Response> {
  const given = await scope.body(c, chatSchema);
  scope.expectTokens(c);
  const model = scope.find(c, given.model);
  const engine = await scope.engineOf(c, model);
  const tools = given.tool_choice === "none" ? undefined : (given.tools ?? undefined);
  const messages = given.messages.map(templated);
  const prompt = await scope.call(c, model, "conversation", { messages, tools });
  const format = formatOf({ ...given, tools }, engine);
  const sampling = samplingOf(given, c.get("owner").name);
  const { logprobs: wantsLogprobs, top_logprobs: top } = given;
  const params: GenerateParams = {
    prompt,
    isConversation: true,
    ...sampling,
    maxTokens: given.max_completion_tokens ?? given.max_tokens ?? undefined,
    format,
    logprobs: wantsLogprobs === true ? (top ?? 0) : undefined,
  };
  const form = tools === undefined ? undefined : engine.description.toolForm;
  const calls = (choice: Choice) => (form === undefined ? { calls: [], rest: choice.text } : toolCallsIn(choice.text, form));
  const likely = (logprobs: readonly TokenLogprob[]) => (wantsLogprobs === true ? chatLogprobs(logprobs) : null);
  const wanted = Array.from({ length: given.n ?? 1 }, (_, index) => ({
    index,
    params: { ...params, seed: params.seed + index },
  }));
  return answer(scope, c, model, given, wanted, 1, {
    id: `chatcmpl-${c.get("requestId")}`,
    object: "chat.completion",
    chunkObject: "chat.completion.chunk",
    isHeld: form !== undefined,
    whole: (choice) => {
      const { calls: made, rest } = calls(choice);
      const content = made.length > 0 && rest === "" ? null : rest;
      return {
        index: choice.index,
        message: { role: "assistant", content, refusal: null, tool_calls: made.length > 0 ? made : undefined },
        logprobs: likely(choice.logprobs),
        finish_reason: made.length > 0 ? "tool_calls" : choice.finish,
      };
    },
    first: (index) => ({ index, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null }),
    piece: (index, text, logprobs) => ({ index, delta: { content: text }, logprobs: likely(logprobs), finish_reason: null }),
    last: (choice) => {
      const { index } = choice;
      const { calls: made, rest } = calls(choice);
      const end = { index, delta: {}, logprobs: null, finish_reason: made.length > 0 ? "tool_calls" : choice.finish };
      if (form === undefined) return [end];
      const deltas = [
        ...(rest === "" ? [] : [{ content: rest }]),
        ...(made.length === 0 ? [] : [{ tool_calls: made.map((call, i) => ({ index: i, ...call })) }]),
      ];
      return [...deltas.map((delta) => ({ index, delta, logprobs: likely(choice.logprobs), finish_reason: null })), end];
    },
  });
}

/** Prompts, or inputs, as a list. */
const listOf = (given: CompletionRequest["prompt"]): (string | readonly number[])[] =>
  typeof given === "string" ? [given] : typeof given[0] === "number" ? [given as number[]] : (given as (string | number[])[]);

function completionLogprobs(logprobs: readonly TokenLogprob[], from: number) {
  let at = from;
  return {
    tokens: logprobs.map(({ token }) => token),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))),
    text_offset: logprobs.map(({ token }) => (at += token.length) - token.length),
  };
}

async function complete(scope: RouteScope, c: RouteContext): Promise<Response> {
  const given = await scope.body(c, completionSchema);
  scope.expectTokens(c);
  const model = scope.find(c, given.model);
  const { n, best_of: best, logprobs: top } = given;
  const count = n ?? 1;
  if (best !== null && best !== undefined && best !== count)
    throw new HttpError(400, "best_of: expected as many as n, or none, got another number");
  const prompts = listOf(given.prompt);
  const sampling = samplingOf(given, c.get("owner").name);
  const format = formatOf({ response_format: given.response_format });
  const wanted = prompts.flatMap((prompt, p) =>
    Array.from({ length: count }, (_, i): ChoiceRequest => {
      const params = {
        prompt,
        isConversation: false,
        ...sampling,
        seed: sampling.seed + i,
        format,
        maxTokens: given.max_tokens ?? USUAL_COMPLETION,
      };
      return { index: p * count + i, params: { ...params, ...defined({ logprobs: top ?? undefined }) } };
    }),
  );
  const likely = (logprobs: readonly TokenLogprob[]) =>
    top === null || top === undefined ? null : completionLogprobs(logprobs, 0);
  return answer(scope, c, model, given, wanted, prompts.length, {
    id: `cmpl-${c.get("requestId")}`,
    object: "text_completion",
    chunkObject: "text_completion",
    isHeld: false,
    whole: ({ index, text, logprobs, finish }) => ({ index, text, logprobs: likely(logprobs), finish_reason: finish }),
    piece: (index, text, logprobs) => ({ index, text, logprobs: likely(logprobs), finish_reason: null }),
    last: ({ index, finish }) => [{ index, text: "", logprobs: null, finish_reason: finish }],
  });
}

async function embed(scope: RouteScope, c: RouteContext): Promise<Response> {
  const given = await scope.body(c, embeddingSchema);
  scope.expectTokens(c);
  const model = scope.find(c, given.model);
  const { embeddings, tokens } = await scope.call(c, model, "embed", { inputs: listOf(given.input) });
  scope.spend(c, tokens, 0);
  const shown = (values: Float32Array): readonly number[] | string =>
    given.encoding_format === "base64"
      ? toBase64(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      : Array.from(values);
  return c.json({
    object: "list",
    model: model.name,
    data: embeddings.map((values, index) => ({ object: "embedding", index, embedding: shown(values) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

const modelOf = ({ name }: ServedModel) => ({ id: name, object: "model", created: STARTED, owned_by: "descent" });

/** Adds the routes. */
export function addOpenAiRoutes(scope: RouteScope): void {
  const tag = "openai";
  addRoute(scope, "get /v1/models", { summary: "The models", tag, response: openAiModelsSchema }, (c) => {
    const loaded = scope.models.list().filter(({ failure }) => failure === undefined);
    const names = new Map(loaded.map((model) => [model.name, model]));
    return c.json({ object: "list", data: [...names.values()].map(modelOf) });
  });
  addRoute(scope, "get /v1/models/{model}", { summary: "A model", tag, response: openAiModelSchema }, (c) =>
    c.json(modelOf(scope.find(c, (c.req.param() as { model?: string }).model))),
  );
  addRoute(
    scope,
    "post /v1/chat/completions",
    { summary: "The answer of a conversation", tag, body: chatSchema, response: chatAnswerSchema },
    (c) => chat(scope, c),
  );
  addRoute(
    scope,
    "post /v1/completions",
    { summary: "The continuation of a text", tag, body: completionSchema, response: completionAnswerSchema },
    (c) => complete(scope, c),
  );
  addRoute(
    scope,
    "post /v1/embeddings",
    { summary: "Vectors of texts", tag, body: embeddingSchema, response: embeddingAnswerSchema },
    (c) => embed(scope, c),
  );
}
