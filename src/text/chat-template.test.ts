import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { ConfigError } from "../util/errors.js";
import type { ChatMessage } from "./chat-template.js";
import { ChatTemplate } from "./chat-template.js";

const golden = JSON.parse(readFileSync("test/golden/chat-templates.json", "utf8")) as {
  tokens: Record<string, string>;
  templates: Record<string, string>;
  cases: {
    template: string;
    messages: ChatMessage[];
    addGenerationPrompt: boolean;
    variables: Record<string, unknown>;
    text: string;
  }[];
};

test("conversations are rendered as transformers renders them", () => {
  assert.ok(golden.cases.length >= 40);
  for (const { template, messages, addGenerationPrompt, variables, text } of golden.cases) {
    const made = new ChatTemplate(golden.templates[template] as string, golden.tokens);
    assert.equal(made.render(messages, { addGenerationPrompt, variables }), text, `${template} ${JSON.stringify(messages)}`);
  }
});

test("a template's own complaint, a broken template and no messages are one line each", () => {
  const strict = new ChatTemplate(golden.templates["inst"] as string, golden.tokens, "model");
  const twice = [1, 2].map(() => ({ role: "user", content: "Hi" }));
  assert.throws(() => strict.render(twice), {
    name: "ConfigError",
    message: 'model: expected messages that it takes, got "Conversation roles must alternate user/assistant/user/assistant/..."',
  });
  assert.throws(() => strict.render([]), /model: expected at least one message, got none/);
  assert.throws(() => new ChatTemplate("{% for %}"), ConfigError);
});
