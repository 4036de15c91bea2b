/**
 * @module Conversations as the one text that a model was trained on, by the Jinja template of its checkpoint.
 */
import { ConfigError } from "../util/errors.js";
import type { Template } from "./bounded-jinja.js";
import { parseTemplate, renderTemplate } from "./bounded-jinja.js";

/** One turn of a conversation. Templates may know more of it: calls of tools, names. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly [field: string]: unknown;
}

/** Options of a chat's prompt. */
export interface ChatOptions {
  /** End with the words that begin the model's answer; true by default. */
  readonly addGenerationPrompt?: boolean;
  /** Further variables of the template: `tools`, `documents`, or a name of its own. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/**
 * A chat template: `chat_template` of `tokenizer_config.json`, or the file `chat_template.jinja`.
 *
 * Errors: ConfigError for a template that does not parse, one that refuses the messages, in its own words, or one that takes more
 * steps, longer lists or texts than any conversation needs.
 * Source: Hugging Face's `apply_chat_template`; the language is run by `@huggingface/jinja`.
 * Checked against: transformers 5.24, the same texts, chat-template.test.ts.
 */
export class ChatTemplate {
  readonly source: string;
  readonly #template: Template;
  readonly #tokens: Readonly<Record<string, string>>;
  readonly #where: string;

  /** `specialTokens` are the contents that templates know as `bos_token`, `eos_token`, …. */
  constructor(source: string, specialTokens: Readonly<Record<string, string>> = {}, where = "chat template") {
    this.source = source;
    this.#where = where;
    this.#tokens = specialTokens;
    this.#template = this.#said("a template that parses", () => parseTemplate(source));
  }

  /** The text of a conversation. */
  render(messages: readonly ChatMessage[], { addGenerationPrompt = true, variables = {} }: ChatOptions = {}): string {
    if (messages.length === 0) throw new ConfigError(`${this.#where}: expected at least one message, got none`);
    const given = { ...this.#tokens, ...variables, messages, add_generation_prompt: addGenerationPrompt };
    return this.#said("messages that it takes", () => renderTemplate(this.#template, given));
  }

  #said<T>(expected: string, make: () => T): T {
    try {
      return make();
    } catch (cause) {
      if (cause instanceof ConfigError) throw new ConfigError(`${this.#where}: ${cause.message}`, { cause });
      throw new ConfigError(`${this.#where}: expected ${expected}, got "${(cause as Error).message}"`, { cause });
    }
  }
}
