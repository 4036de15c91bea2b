/**
 * @module The choices of OpenAI's interface: generated together, and answered whole or as a stream of pieces.
 */
import type { CallOptions, Engine, GenerateParams, GenerateResult, TokenLogprob } from "./engine.js";
import { eventStream } from "./event-stream.js";
import type { ServedModel } from "./models.js";
import type { ChatRequest } from "./openai-schemas.js";
import type { RouteContext, RouteScope } from "./route.js";

/** A choice to generate. */
export interface ChoiceRequest {
  readonly index: number;
  readonly params: GenerateParams;
}

/** A generated choice. */
export interface Choice extends GenerateResult {
  readonly index: number;
  readonly text: string;
  readonly logprobs: readonly TokenLogprob[];
}

/** Counts of all choices: a prompt is counted once. */
function usageOf(choices: readonly Choice[], prompts: number) {
  const each = choices.length / prompts;
  const sum = (of: (choice: Choice) => number, only: (i: number) => boolean): number =>
    choices.filter((_, i) => only(i)).reduce((total, choice) => total + of(choice), 0);
  const isFirst = (i: number): boolean => i % each === 0;
  const promptTokens = sum((choice) => choice.promptTokens, isFirst);
  const tokens = sum(
    (choice) => choice.tokens,
    () => true,
  );
  const cached = sum((choice) => choice.cachedTokens, isFirst);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: tokens,
    total_tokens: promptTokens + tokens,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

/** Generates one choice; `onPiece` is given its text as it comes. */
async function generateChoice(
  loading: Promise<Engine>,
  { index, params }: ChoiceRequest,
  options: Pick<CallOptions, "signal" | "onTiming">,
  onPiece?: (text: string, logprobs: readonly TokenLogprob[]) => void,
): Promise<Choice> {
  const engine = await loading;
  const [pieces, logprobs]: [string[], TokenLogprob[]] = [[], []];
  const result = await engine.call("generate", params, {
    ...options,
    onEvent: (event) => {
      pieces.push(event.text);
      logprobs.push(...(event.logprobs ?? []));
      onPiece?.(event.text, event.logprobs ?? []);
    },
  });
  return { index, text: pieces.join(""), logprobs, ...result };
}

/** The form in which an interface shows choices, whole and in pieces. */
export interface Shape {
  readonly id: string;
  readonly whole: (choice: Choice) => object;
  readonly object: string;
  readonly chunkObject: string;
  /** The events of a choice before its text, of a piece, and of its end. */
  readonly first?: (index: number) => object;
  readonly piece: (index: number, text: string, logprobs: readonly TokenLogprob[]) => object;
  readonly last: (choice: Choice) => readonly object[];
  /** Whether pieces wait until all is generated: a call of a tool is known then. */
  readonly isHeld: boolean;
}

/** Answers with all choices, or with a stream of them. */
export async function answer(
  scope: RouteScope,
  c: RouteContext,
  model: ServedModel,
  given: Pick<ChatRequest, "stream" | "stream_options">,
  requests: readonly ChoiceRequest[],
  prompts: number,
  shape: Shape,
): Promise<Response> {
  const inside = scope.enter(c);
  const about = {
    id: shape.id,
    created: Math.floor(Date.now() / 1000),
    model: model.name,
    system_fingerprint: `descent-${model.version}`,
  };
  const count = (choices: readonly Choice[]): ReturnType<typeof usageOf> => {
    const usage = usageOf(choices, prompts);
    scope.spend(c, usage.prompt_tokens, usage.completion_tokens);
    return usage;
  };
  if (given.stream !== true) {
    try {
      // One that fails ends the others.
      const controller = new AbortController();
      const signal = AbortSignal.any([inside.signal, controller.signal]);
      const engine = scope.engine(model, signal);
      const all = requests.map((each) => generateChoice(engine, each, { signal, onTiming: inside.onTiming }));
      const choices = await Promise.all(all).catch(async (error: unknown) => {
        controller.abort(error);
        await Promise.allSettled(all);
        throw error;
      });
      return c.json({ ...about, object: shape.object, choices: choices.map(shape.whole), usage: count(choices) });
    } finally {
      inside[Symbol.dispose]();
    }
  }
  const withUsage = given.stream_options?.include_usage === true;
  const more = withUsage ? { usage: null } : {};
  return eventStream(
    async (send, left) => {
      const signal = AbortSignal.any([inside.signal, left]);
      const emit = (choice: object): void => send({ ...about, object: shape.chunkObject, choices: [choice], ...more });
      const engine = scope.engine(model, signal);
      const choices = await Promise.all(
        requests.map(async (each) => {
          if (shape.first !== undefined) emit(shape.first(each.index));
          const choice = await generateChoice(engine, each, { signal, onTiming: inside.onTiming }, (text, logprobs) => {
            if (!shape.isHeld) emit(shape.piece(each.index, text, logprobs));
          });
          for (const event of shape.last(choice)) emit(event);
          return choice;
        }),
      );
      const usage = count(choices);
      if (withUsage) send({ ...about, object: shape.chunkObject, choices: [], usage });
    },
    () => inside[Symbol.dispose](),
    (error) => scope.report(error, c.get("requestId")),
  );
}
