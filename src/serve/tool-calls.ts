/**
 * @module Calls of tools in a model's text, as its chat template has them written, and the format that makes a model write one.
 */
import type { GenerateParams, ToolForm } from "./engine.js";
import type { ToolCall, ToolDefinition } from "./openai-schemas.js";

const newId = (): string => `call_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`;

interface Written {
  readonly name?: unknown;
  readonly arguments?: unknown;
  readonly parameters?: unknown;
}

/** A call that was written; undefined for what is none. */
function callOf(written: unknown): ToolCall | undefined {
  if (typeof written !== "object" || written === null) return undefined;
  const { name, arguments: given, parameters = given ?? {} } = written as Written;
  if (typeof name !== "string") return undefined;
  const text = typeof parameters === "string" ? parameters : JSON.stringify(parameters);
  return { id: newId(), type: "function", function: { name, arguments: text } };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** The calls in a text, and what is written besides. */
export function toolCallsIn(text: string, form: ToolForm): { readonly calls: readonly ToolCall[]; readonly rest: string } {
  const pieces =
    form === "tags"
      ? [...text.matchAll(/<tool_call>\s*([\s\S]*?)\s*<\/tool_call>/g)].map(([, json = ""]) => parsed(json))
      : [parsed((form === "list" ? (/\[TOOL_CALLS\]\s*(\[[\s\S]*\])/.exec(text)?.[1] ?? "") : text).trim())].flat();
  const calls = pieces.map(callOf).filter((call) => call !== undefined);
  if (calls.length === 0) return { calls, rest: text };
  const rest =
    form === "tags"
      ? text.replaceAll(/<tool_call>[\s\S]*?<\/tool_call>/g, "")
      : form === "list"
        ? text.replace(/\[TOOL_CALLS\][\s\S]*/, "")
        : "";
  return { calls, rest: rest.trim() };
}

/** The format of one call to one of these tools, with arguments as they are described. */
export function toolFormat(tools: readonly ToolDefinition[], form: ToolForm): NonNullable<GenerateParams["format"]> {
  const field = form === "json" ? "parameters" : "arguments";
  const options = tools.map(({ function: { name, parameters } }) => ({
    type: "object",
    properties: { name: { const: name }, [field]: parameters ?? { type: "object" } },
    required: ["name", field],
  }));
  const schema = options.length === 1 ? options[0] : { anyOf: options };
  if (form === "tags") return { schema, before: "<tool_call>\n", after: "\n</tool_call>" };
  return form === "list" ? { schema, before: "[TOOL_CALLS] [", after: "]" } : { schema };
}
