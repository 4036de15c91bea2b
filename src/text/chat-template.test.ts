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

/** Templates that would hang or fill the memory, and what their refusal says. */
const HARMFUL: readonly (readonly [what: string, template: string, says: RegExp])[] = [
  ["a list of 2^31 numbers", "{{ range(2147483648)|list|length }}", /a range of 2147483648 numbers/],
  [
    "a list of 2^53 numbers",
    "{% set x = range(9007199254740993)|list %}{{ messages[0].content }}",
    /a range of 9007199254740992/,
  ],
  ["steps of 10^-7", "{{ range(0, 1, 0.0000001) }}", /a range of 10000000 numbers/],
  [
    "loops in loops",
    "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}{% endfor %}{% endfor %}{% endfor %}",
    /more than 1000000 steps/,
  ],
  [
    "a macro that calls itself twice, 60 deep",
    "{% macro f(n) %}{% if n > 0 %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    /steps/,
  ],
  [
    "a text doubled 60 times",
    "{% set ns = namespace(x='ab') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    /limits/,
  ],
  [
    "a list doubled 60 times",
    "{% set ns = namespace(x=[1]) %}{% for a in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
    /limits/,
  ],
  [
    "a list of twice the same list, 60 deep",
    "{% set ns = namespace(x=[1]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
    /limits/,
  ],
  ["a list in itself", "{% set ns = namespace() %}{% set ns.x = [ns, ns] %}{{ ns.x|tojson }}", /limits/],
  ["a text repeated 2^31 times", "{{ 'a' * 2147483648 }}", /Unknown operator/],
  ["an indent of 2^31", "{{ 'a'|indent(2147483647) }}", /Invalid string length/],
  ["100,000 brackets", `{{ ${"(".repeat(100_000)}1${")".repeat(100_000)} }}`, /call stack/],
  ["a message of two lines with colours", "{{ raise_exception('a\u001b[31m\\nb') }}", /got "a\\x1b\[31m b"$/],
];
for (const [what, template, says] of HARMFUL) {
  test(`${what}: refused in one line`, () => {
    assert.throws(
      () => new ChatTemplate(template, {}, "model").render([{ role: "user", content: "Hi" }]),
      (error: unknown) =>
        error instanceof ConfigError &&
        error.message.startsWith("model: ") &&
        says.test(error.message) &&
        !error.message.includes("\n"),
    );
  });
}

test("a conversation of 2,000 turns is within the limits", () => {
  const turns = Array.from({ length: 2000 }, (_, i) => ({
    role: i % 2 === 0 ? "user" : "assistant",
    content: "word ".repeat(500),
  }));
  for (const [name, template] of Object.entries(golden.templates)) {
    const text = new ChatTemplate(template, golden.tokens).render(turns);
    assert.ok(text.length > 4_000_000, name);
  }
});
