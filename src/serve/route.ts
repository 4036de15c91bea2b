/**
 * @module A route, declared once: its schema validates the body, documents it, and types what the handler gets.
 */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ZodType } from "zod";
import { type BodyLimits, readBody } from "../http/body.js";
import type { Guarded } from "../http/guards.js";
import { parseBody } from "../http/json.js";
import { Admission, RateLimiter } from "../http/rate-limit.js";
import type { CallOptions, Engine, EngineCalls, EngineMethod, EngineResult } from "./engine.js";
import type { ModelSource, ServedModel } from "./models.js";
import { modelNamed } from "./models.js";
import { timeNow } from "../util/time-now.js";
import type { RequestTrace, Timing } from "./trace.js";

export type App = OpenAPIHono<Guarded>;
export type RouteContext = Context<Guarded>;

/** Bounds on the requests of a server. */
export interface HttpLimits extends BodyLimits {
  /** A request that takes longer is given up. */
  readonly requestTimeoutMs: number;
  /** Requests to models under way at once; more get 429. */
  readonly maxConcurrent: number;
  /** Rate of a key, or of everybody; left out, no limit. */
  readonly requestsPerMinute?: number;
}

/** Limits of requests, unless told otherwise. */
export const HTTP_LIMITS: HttpLimits = {
  maxBodyBytes: 16 * 2 ** 20,
  bodyTimeoutMs: 30_000,
  requestTimeoutMs: 120_000,
  maxConcurrent: 64,
};

/** A request that has ended. */
export interface ObservedRequest {
  readonly id: string;
  readonly method: string;
  /** The route's pattern, or "other": what senders choose is no label. */
  readonly route: string;
  readonly status: number;
  readonly ms: number;
  readonly owner: string;
  readonly model?: string;
  readonly promptTokens?: number;
  readonly tokens?: number;
  /** The id of its trace, where it has one. */
  readonly traceId?: string;
}

/** Keeps logs and counts. */
export interface Observer {
  request(request: ObservedRequest): void;
  failure(error: unknown, id: string): void;
  /** Metrics as text; left out, there is no such route. */
  metrics?(): Promise<{ readonly contentType: string; readonly text: string }>;
}

const DAY = 24 * 60 * 60 * 1000;

/** Notes of a request: its part of a log line, and its trace. */
interface Notes {
  model?: string;
  promptTokens?: number;
  tokens?: number;
  trace?: RequestTrace;
}

const notes = new WeakMap<Request, Notes>();
export const notesOf = (request: Request): Notes => {
  const known = notes.get(request);
  if (known !== undefined) return known;
  const made = {};
  notes.set(request, made);
  return made;
};

/** A request that was let in: what its calls of an engine are given. */
interface Entered extends Disposable {
  readonly signal: AbortSignal;
  readonly onTiming: CallOptions["onTiming"];
}

/** Records the wait for the engine and its work, where the request is traced. */
function timed(request: Request): ((timing: Timing) => void) | undefined {
  const { trace } = notesOf(request);
  const sentAt = timeNow();
  return (
    trace &&
    (({ startedAt, endedAt }) => {
      trace.part("queue", sentAt, startedAt);
      trace.part("inference", startedAt, endedAt);
    })
  );
}

/** A promise's result; rejects with the signal's reason once it is aborted. */
async function until<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  let leave = (): void => undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal?.reason as Error);
  });
  if (signal?.aborted === true) leave();
  signal?.addEventListener("abort", leave);
  try {
    return await Promise.race([promise, left]);
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

/** Aborts a controller when its sender hangs up, until the returned function is called. */
function endsWith(sender: AbortSignal, controller: AbortController): () => void {
  // The server's own reason is a text, which no handler of errors is given: such a request would be neither counted nor logged.
  const leave = (): void => controller.abort(new DOMException("the sender hung up", "AbortError"));
  if (sender.aborted) leave();
  else sender.addEventListener("abort", leave, { once: true });
  return () => sender.removeEventListener("abort", leave);
}

/** The part that all routes of a server share. */
export class RouteScope {
  readonly app: App;
  readonly models: ModelSource;
  readonly limits: HttpLimits;
  /** Keeps a failure that its sender cannot be told of by a status any more. */
  readonly report: (error: unknown, id: string) => void;
  readonly #admission: Admission;
  readonly #tokens = new RateLimiter("tokens a day", DAY);

  constructor(app: App, models: ModelSource, limits: HttpLimits, report: RouteScope["report"]) {
    this.app = app;
    this.report = report;
    this.models = models;
    this.limits = limits;
    this.#admission = new Admission(limits.maxConcurrent, "requests");
  }

  /** Requests to models under way. */
  get underWay(): number {
    return this.#admission.used;
  }

  /**
   * Lets a request in, until it is disposed; its signal is aborted when its sender hangs up, or its time is over. HttpError 429 where too many are under
   * way.
   */
  enter(c: RouteContext): Entered {
    const inside = this.#admission.enter();
    const controller = new AbortController();
    const stay = endsWith(c.req.raw.signal, controller);
    // A timer that ends with the request: `AbortSignal.timeout` would be kept for all of its time.
    const timer = setTimeout(
      () => controller.abort(new DOMException("the request's time is over", "TimeoutError")),
      this.limits.requestTimeoutMs,
    );
    return {
      signal: controller.signal,
      onTiming: timed(c.req.raw),
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        stay();
        inside[Symbol.dispose]();
      },
    };
  }

  /** A body against its schema. */
  async body<T>(c: RouteContext, schema: ZodType<T>): Promise<T> {
    return parseBody(schema, await readBody(c.req.raw, this.limits));
  }

  /** The model that a request names, noted for its log line. */
  find(c: RouteContext, name?: string, version?: string): ServedModel {
    const model = modelNamed(this.models, name, version);
    notesOf(c.req.raw).model = model.name;
    return model;
  }

  /** The engine of a model, which may have to be loaded first; the signal's reason once it is aborted, while the model goes on loading for others. */
  async engine(model: ServedModel, signal: AbortSignal | undefined): Promise<Engine> {
    return until(this.models.engineFor(model), signal);
  }

  /** The engine of a request's model: the wait for it is let in and ended as a call is. */
  async engineOf(c: RouteContext, model: ServedModel): Promise<Engine> {
    using inside = this.enter(c);
    return await this.engine(model, inside.signal);
  }

  /** A call to a model: let in, and ended with the request. */
  async call<M extends EngineMethod>(
    c: RouteContext,
    model: ServedModel,
    method: M,
    params: EngineCalls[M]["params"],
    options: CallOptions<M> = {},
  ): EngineResult<M> {
    using inside = this.enter(c);
    const engine = await this.engine(model, inside.signal);
    return await engine.call(method, params, { signal: inside.signal, onTiming: inside.onTiming, ...options });
  }

  /** HttpError 429 for an owner who has used up his tokens. */
  expectTokens(c: RouteContext): void {
    const { name, tokensPerDay } = c.get("owner");
    if (tokensPerDay !== undefined) this.#tokens.expect(name, tokensPerDay);
  }

  /** Counts the tokens of a request for its owner. */
  spend(c: RouteContext, promptTokens: number, tokens: number): void {
    const noted = notesOf(c.req.raw);
    noted.promptTokens = (noted.promptTokens ?? 0) + promptTokens;
    noted.tokens = (noted.tokens ?? 0) + tokens;
    const { name, tokensPerDay } = c.get("owner");
    if (tokensPerDay !== undefined) this.#tokens.spend(name, tokensPerDay, promptTokens + tokens);
  }
}

/** The description of a route, for the document. */
export interface RouteAbout {
  readonly summary: string;
  readonly tag: string;
  readonly body?: ZodType;
  readonly response?: ZodType;
  /** Type of answers that are not JSON. */
  readonly contentType?: string;
}

/** A method and a path, whose parameters are in braces: `get /v1/models/{model}`. */
export type RouteAt = `${"get" | "post"} /${string}`;

/** Adds a route, and its description to the document. */
export function addRoute(
  scope: RouteScope,
  at: RouteAt,
  { summary, tag, body, response, contentType = "application/json" }: RouteAbout,
  handler: (c: RouteContext) => Response | Promise<Response>,
): void {
  const [method, path] = at.split(" ") as ["get" | "post", string];
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter = ""]) => parameter);
  scope.app.openAPIRegistry.registerPath({
    method,
    path,
    summary,
    tags: [tag],
    ...(parameters.length === 0
      ? {}
      : {
          parameters: parameters.map((parameter) => ({
            name: parameter,
            in: "path" as const,
            required: true,
            schema: { type: "string" as const },
          })),
        }),
    ...(body === undefined ? {} : { request: { body: { required: true, content: { "application/json": { schema: body } } } } }),
    responses: {
      200: { description: summary, ...(response === undefined ? {} : { content: { [contentType]: { schema: response } } }) },
      default: { description: "a failure, said in one line" },
    },
  });
  scope.app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ":$1"), handler);
}
