/**
 * @module The schemas of OpenAI's interface, as far as it is answered. What would change an answer and is not answered is refused; what does not is let be.
 *
 * Source: OpenAI's API reference (chat, completions, embeddings, models), 2026.
 */
import * as z from "zod";

const model = z.string().min(1).max(200);
const stop = z.union([z.string().max(1000), z.array(z.string().max(1000)).max(16)]).nullish();
const count = z.number().int().min(1).max(16).nullish();
const temperature = z.number().min(0).max(2).nullish();
const topP = z.number().gt(0).max(1).nullish();
const penalty = z.number().min(-2).max(2).nullish();
const tokens = z.number().int().min(1).nullish();
const seed = z.number().int().nullish();
const logitBias = z.record(z.string().regex(/^\d+$/), z.number().min(-100).max(100)).nullish();

/** Fields that chats and completions share. */
const sampling = {
  model,
  stop,
  n: count,
  temperature,
  top_p: topP,
  top_k: z.number().int().min(1).nullish(),
  frequency_penalty: penalty,
  presence_penalty: penalty,
  logit_bias: logitBias,
  max_tokens: tokens,
  seed,
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  user: z.string().nullish(),
};

const textPart = z.looseObject({ type: z.literal("text"), text: z.string() });
const content = z.union([z.string(), z.array(textPart)]);

const toolCall = z.looseObject({
  id: z.string(),
  type: z.literal("function"),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

export const messageSchema = z.discriminatedUnion("role", [
  z.looseObject({ role: z.enum(["system", "developer", "user"]), content }),
  z.looseObject({ role: z.literal("assistant"), content: content.nullish(), tool_calls: z.array(toolCall).nullish() }),
  z.looseObject({ role: z.literal("tool"), content, tool_call_id: z.string() }),
]);

const toolSchema = z.looseObject({
  type: z.literal("function"),
  function: z.looseObject({
    name: z.string().regex(/^[\w.-]{1,64}$/),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
});

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.looseObject({ type: z.literal("function"), function: z.looseObject({ name: z.string() }) }),
]);

const responseFormat = z.union([
  z.looseObject({ type: z.enum(["text", "json_object"]) }),
  z.looseObject({
    type: z.literal("json_schema"),
    json_schema: z.looseObject({ name: z.string().optional(), schema: z.unknown(), strict: z.boolean().nullish() }),
  }),
]);

const none = z.null().optional();
/** Things of other servers that a sender would miss in the answer; what changes nothing is let be. */
const refusedAnywhere = {
  guided_json: none,
  guided_regex: none,
  guided_choice: none,
  guided_grammar: none,
  structured_outputs: none,
  min_p: z.literal(0).nullish(),
  repetition_penalty: z.literal(1).nullish(),
};
/** Things that a sender would miss in the answer. */
const refused = { ...refusedAnywhere, functions: none, function_call: none, audio: none };

export const chatSchema = z.looseObject({
  ...sampling,
  ...refused,
  messages: z.array(messageSchema).min(1).max(2048),
  max_completion_tokens: tokens,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  response_format: responseFormat.nullish(),
  tools: z.array(toolSchema).max(128).nullish(),
  tool_choice: toolChoice.nullish(),
});

const promptSchema = z.union([
  z.string(),
  z.array(z.string()).min(1).max(64),
  z.array(z.number().int().min(0)).min(1),
  z
    .array(z.array(z.number().int().min(0)).min(1))
    .min(1)
    .max(64),
]);

export const completionSchema = z.looseObject({
  ...sampling,
  prompt: promptSchema,
  logprobs: z.number().int().min(0).max(20).nullish(),
  echo: z.literal(false).nullish(),
  suffix: z.null().optional(),
  best_of: z.number().int().min(1).nullish(),
  response_format: responseFormat.nullish(),
  ...refusedAnywhere,
});

export const embeddingSchema = z.looseObject({
  model,
  input: promptSchema,
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.null().optional(),
});

const usage = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  prompt_tokens_details: z.object({ cached_tokens: z.number() }),
});
const tokenLogprob = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.number()) });
const finish = z.enum(["stop", "length", "tool_calls"]);

export const chatAnswerSchema = z.object({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: z.number(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.number(),
      message: z.object({
        role: z.literal("assistant"),
        content: z.string().nullable(),
        refusal: z.null(),
        tool_calls: z.array(toolCall).optional(),
      }),
      logprobs: z
        .object({ content: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) })), refusal: z.null() })
        .nullable(),
      finish_reason: finish,
    }),
  ),
  usage,
});

export const completionAnswerSchema = z.object({
  id: z.string(),
  object: z.literal("text_completion"),
  created: z.number(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.number(),
      text: z.string(),
      logprobs: z
        .object({
          tokens: z.array(z.string()),
          token_logprobs: z.array(z.number()),
          top_logprobs: z.array(z.record(z.string(), z.number())),
          text_offset: z.array(z.number()),
        })
        .nullable(),
      finish_reason: finish,
    }),
  ),
  usage,
});

export const embeddingAnswerSchema = z.object({
  object: z.literal("list"),
  model: z.string(),
  data: z.array(
    z.object({ object: z.literal("embedding"), index: z.number(), embedding: z.union([z.array(z.number()), z.string()]) }),
  ),
  usage: z.object({ prompt_tokens: z.number(), total_tokens: z.number() }),
});

const openAiModel = z.object({ id: z.string(), object: z.literal("model"), created: z.number(), owned_by: z.string() });
export const openAiModelSchema = openAiModel;
export const openAiModelsSchema = z.object({ object: z.literal("list"), data: z.array(openAiModel) });

export type ChatRequest = z.output<typeof chatSchema>;
export type Message = z.output<typeof messageSchema>;
export type CompletionRequest = z.output<typeof completionSchema>;
export type ToolDefinition = z.output<typeof toolSchema>;
export type ToolCall = z.output<typeof toolCall>;
