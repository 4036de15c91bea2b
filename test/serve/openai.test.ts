/**
 * @module OpenAI's interface by clients that others wrote: the `openai` package and the AI SDK, unmodified.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { languageFolder, type TestServer, testServer } from "./server.js";

let served: TestServer;
let client: OpenAI;
before(async () => {
  served = await testServer([], { tiny: languageFolder });
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: "none", maxRetries: 0 });
});
after(() => served[Symbol.asyncDispose]());

const messages = [{ role: "user" as const, content: "What is a neural network?" }];
const common = { model: "tiny", messages, max_tokens: 12, seed: 3 };

test("a chat, whole and streamed, is the same text", async () => {
  const whole = await client.chat.completions.create({ ...common, logprobs: true, top_logprobs: 2 });
  const [choice] = whole.choices;
  assert.ok((choice?.message.content ?? "").length > 0);
  assert.equal(
    whole.usage?.total_tokens,
    whole.usage?.prompt_tokens === undefined ? -1 : whole.usage.prompt_tokens + (whole.usage?.completion_tokens ?? 0),
  );
  const logprobs = choice?.logprobs?.content ?? [];
  assert.equal(logprobs.length, whole.usage?.completion_tokens);
  for (const { logprob, top_logprobs: top } of logprobs) {
    assert.ok(logprob <= 0);
    assert.equal(top.length, 2);
    assert.ok((top[0]?.logprob ?? 0) >= (top[1]?.logprob ?? 0) && (top[0]?.logprob ?? 0) >= logprob - 1e-9);
  }
  // The bytes of the tokens are those of the text.
  const bytes = Buffer.from(logprobs.flatMap((each) => each.bytes ?? []));
  assert.equal(bytes.toString(), choice?.message.content);

  const stream = await client.chat.completions.create({ ...common, stream: true, stream_options: { include_usage: true } });
  let [text, finish, total] = ["", "", 0];
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
    total = chunk.usage?.total_tokens ?? total;
  }
  assert.deepEqual([text, finish, total], [choice?.message.content, choice?.finish_reason, whole.usage?.total_tokens]);
});

test("seeds, n, stop strings, and the largest number of tokens", async () => {
  const create = (more: object) => client.chat.completions.create({ ...common, ...more });
  const text = async (more: object) => (await create(more)).choices.map(({ message }) => message.content);
  assert.deepEqual(await text({}), await text({}));
  const three = await text({ n: 3 });
  assert.equal(three.length, 3);
  assert.equal(three[0], (await text({}))[0]);
  assert.ok(new Set(three).size > 1);
  assert.equal((await create({ max_tokens: 3 })).usage?.completion_tokens, 3);
  const [long] = (await text({ max_tokens: 30, temperature: 0 })) as [string];
  const stop = long.slice(8, 11);
  const stopped = await create({ max_tokens: 30, temperature: 0, stop });
  assert.equal(stopped.choices[0]?.message.content, long.slice(0, long.indexOf(stop)));
  assert.equal(stopped.choices[0]?.finish_reason, "stop");
});

test("JSON that follows a schema, whatever the model would say", async () => {
  const schema = {
    type: "object",
    properties: {
      name: { type: "string", maxLength: 8 },
      age: { type: "integer", minimum: 0, maximum: 120 },
      kind: { enum: ["cat", "dog"] },
    },
    required: ["name", "age", "kind"],
    additionalProperties: false,
  };
  for (const seed of [1, 2, 3]) {
    const { choices } = await client.chat.completions.create({
      ...common,
      seed,
      temperature: 1.5,
      max_tokens: 200,
      response_format: { type: "json_schema", json_schema: { name: "pet", schema, strict: true } },
    });
    const pet = JSON.parse(choices[0]?.message.content ?? "") as { name: string; age: number; kind: string };
    assert.deepEqual(Object.keys(pet), ["name", "age", "kind"]);
    assert.ok(pet.age >= 0 && pet.age <= 120 && ["cat", "dog"].includes(pet.kind) && Array.from(pet.name).length <= 8);
    assert.equal(choices[0]?.finish_reason, "stop");
  }
  // A completion as well, which was taken and not followed.
  const format = { response_format: { type: "json_schema", json_schema: { name: "pet", schema } } };
  const asked = { model: common.model, prompt: "a pet:", seed: 1, max_tokens: 200, ...format };
  const completed = await client.completions.create(asked);
  assert.deepEqual(Object.keys(JSON.parse(completed.choices[0]?.text ?? "") as object), ["name", "age", "kind"]);
  for (const more of [{ guided_json: schema }, { min_p: 0.5 }, { repetition_penalty: 2 }])
    await assert.rejects(client.completions.create({ model: common.model, prompt: "a", ...more }), BadRequestError);
  const impossible = { type: "object", properties: { a: { enum: [] } }, required: ["a"] };
  await assert.rejects(
    client.chat.completions.create({
      ...common,
      response_format: { type: "json_schema", json_schema: { name: "no", schema: impossible } },
    }),
    (error: unknown) => error instanceof BadRequestError && /some JSON satisfies/.test(error.message),
  );
});

test("calls of tools", async () => {
  const tools = [
    {
      type: "function" as const,
      function: {
        name: "weather",
        parameters: { type: "object", properties: { city: { enum: ["Rome", "Oslo"] } }, required: ["city"] },
      },
    },
  ];
  const { choices } = await client.chat.completions.create({ ...common, max_tokens: 200, tools, tool_choice: "required" });
  const [call] = choices[0]?.message.tool_calls ?? [];
  assert.equal(choices[0]?.finish_reason, "tool_calls");
  assert.ok(call?.type === "function" && call.function.name === "weather");
  assert.ok(["Rome", "Oslo"].includes((JSON.parse(call.function.arguments) as { city: string }).city));
  const stream = client.chat.completions.stream({ ...common, max_tokens: 200, tools, tool_choice: "required" });
  const final = await stream.finalMessage();
  assert.equal(final.tool_calls?.length, 1);
  // What the tool answered goes back into the conversation.
  const again = await client.chat.completions.create({
    ...common,
    messages: [
      ...messages,
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: call.id, content: "sunny" },
    ],
  });
  assert.equal(again.choices.length, 1);
});

test("completions, embeddings and models", async () => {
  const { choices, usage } = await client.completions.create({
    model: "tiny",
    prompt: ["To be", "or not"],
    max_tokens: 4,
    logprobs: 1,
    temperature: 0,
  });
  assert.deepEqual(
    choices.map(({ index }) => index),
    [0, 1],
  );
  assert.equal(usage?.completion_tokens, 8);
  assert.equal(choices[0]?.logprobs?.tokens?.join(""), choices[0]?.text);
  let streamed = "";
  for await (const chunk of await client.completions.create({
    model: "tiny",
    prompt: "To be",
    max_tokens: 4,
    temperature: 0,
    stream: true,
  }))
    streamed += chunk.choices[0]?.text ?? "";
  assert.equal(streamed, choices[0]?.text);
  const { data } = await client.embeddings.create({ model: "tiny", input: ["To be", "or not to be", "To be"] });
  const vectors = data.map(({ embedding }) => embedding);
  assert.deepEqual(vectors[0], vectors[2]);
  assert.ok(Math.abs(Math.hypot(...(vectors[1] ?? [])) - 1) < 1e-5);
  const models = await client.models.list();
  assert.deepEqual(
    models.data.map(({ id }) => id),
    ["tiny"],
  );
  assert.equal((await client.models.retrieve("tiny")).id, "tiny");
});

test("the AI SDK", async () => {
  const provider = createOpenAICompatible({ name: "descent", baseURL: `${served.url}/v1`, includeUsage: true });
  const options = {
    model: provider("tiny"),
    prompt: "What is a neural network?",
    maxOutputTokens: 8,
    temperature: 0,
    maxRetries: 0,
  };
  const { text, usage } = await generateText(options);
  assert.equal(usage.outputTokens, 8);
  let streamed = "";
  for await (const piece of streamText(options).textStream) streamed += piece;
  assert.equal(streamed, text);
});

test("what cannot be answered is refused in OpenAI's words", async () => {
  const refused = async (more: object, kind: typeof BadRequestError | typeof NotFoundError, expected: RegExp): Promise<void> =>
    assert.rejects(client.chat.completions.create({ ...common, ...more }), (error: unknown) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, expected);
      return true;
    });
  await refused({ model: "other" }, NotFoundError, /expected one of tiny, got "other"/);
  await refused(
    { messages: [{ role: "user", content: "long ".repeat(600) }] },
    BadRequestError,
    /fewer than the model's 512 tokens/,
  );
  await refused({ temperature: 3 }, BadRequestError, /temperature/);
  await refused({ messages: [] }, BadRequestError, /messages/);
  await refused(
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
    BadRequestError,
    /messages/,
  );
  await refused({ functions: [] }, BadRequestError, /functions/);
  await assert.rejects(client.completions.create({ model: "tiny", prompt: [1e6], max_tokens: 1 }), /tokens of the vocabulary/);
});

test("a reader that leaves ends the writing", async () => {
  const stream = await client.chat.completions.create({ ...common, max_tokens: 400, stream: true });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  const underWay = async () => /descent_requests_under_way (\d+)/.exec(await (await fetch(`${served.url}/metrics`)).text())?.[1];
  for (let i = 0; i < 100 && (await underWay()) !== "0"; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await underWay(), "0");
});
