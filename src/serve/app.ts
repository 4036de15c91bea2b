/**
 * @module The handler of a server, `fetch(Request) → Response`: the same in Node, in Bun, and inside a page, where clients take it as their `fetch`.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { FailureBody } from "../http/http-error.js";
import { answerErrors, type Guarded, guards, unknownRoute } from "../http/guards.js";
import type { ApiKeys } from "../http/keys.js";
import type { OriginRules } from "../http/origin.js";
import { failureOf } from "../http/http-error.js";
import type { ModelSource } from "./models.js";
import { addPageRoutes, PAGE_PATHS } from "./page.js";
import { type HttpLimits, HTTP_LIMITS, notesOf, type Observer, RouteScope } from "./route.js";
import { addOpenAiRoutes } from "./routes-openai.js";
import { addOwnRoutes } from "./routes-own.js";
import { addV2Routes } from "./routes-v2.js";
import { defined } from "../util/record.js";
import type { TraceFacts, Tracing } from "./trace.js";

/** Options of the HTTP handler: models, limits, origins, keys. */
export interface HandlerOptions {
  readonly models: ModelSource;
  readonly limits?: Partial<HttpLimits>;
  /** Left out, any host and the server's own origin. */
  readonly rules?: OriginRules;
  readonly keys?: ApiKeys;
  readonly observer?: Observer;
  readonly tracing?: Tracing;
  /** Descent's version. */
  readonly version?: string;
}

/** A handler, with what its owner watches. */
export interface Handler {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Requests to models under way. */
  readonly underWay: () => number;
}

/** Failures as OpenAI's clients, KServe's, and people read them. */
const failureBody = (path: string): FailureBody => {
  if (path.startsWith("/v1/"))
    return ({ message, code, status }) => ({
      error: {
        message,
        type:
          status === 429
            ? "rate_limit_error"
            : status === 401
              ? "authentication_error"
              : status < 500
                ? "invalid_request_error"
                : "server_error",
        param: null,
        code,
      },
    });
  if (path.startsWith("/v2")) return ({ message }) => ({ error: message });
  return ({ message, code }) => ({ error: message, code });
};

/** Paths that need no key: those that load balancers ask, and the page. */
const OPEN: ReadonlySet<string> = new Set(["/health", "/v2/health/live", "/v2/health/ready", "/openapi.json", ...PAGE_PATHS]);

/** Times each request, for logs, counts and traces. */
const observed =
  (observer: Observer | undefined, tracing: Tracing | undefined): MiddlewareHandler<Guarded> =>
  async (c, next) => {
    const start = performance.now();
    const trace = tracing?.start(c.req.method, c.req.raw.headers);
    const noted = notesOf(c.req.raw);
    if (trace !== undefined) noted.trace = trace;
    await next();
    const end = (status: number): void => {
      const route =
        matchedRoutes(c)
          .at(-1)
          ?.path.replace(/^\/?\*$/, "other") ?? "other";
      const { trace: _, ...more } = noted;
      const traceId = trace?.traceId ?? traceIdIn(c.req.raw.headers);
      observer?.request({
        id: c.get("requestId"),
        method: c.req.method,
        route,
        status,
        ms: performance.now() - start,
        owner: c.get("owner").name,
        ...more,
        traceId,
      });
      trace?.end(route, status, factsOf(more));
    };
    // A stream ends later than its handler, or when its reader hangs up.
    if (!isStream(c.res)) end(c.res.status);
    else c.res = whenRead(c.res, c.req.raw.signal, end);
  };

/** The trace that a sender goes on with, where it says so. Source: W3C Trace Context, section 3.2. */
const traceIdIn = (headers: Headers): string | undefined =>
  /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-/.exec(headers.get("traceparent") ?? "")?.[1];

const factsOf = ({ model, promptTokens, tokens }: ReturnType<typeof notesOf>): TraceFacts =>
  defined({ "gen_ai.request.model": model, "gen_ai.usage.input_tokens": promptTokens, "gen_ai.usage.output_tokens": tokens });

const isStream = (response: Response): boolean => response.headers.get("content-type")?.startsWith("text/event-stream") === true;

/** The response, with a note at the end of its body, or once its reader has hung up. */
function whenRead(response: Response, reader: AbortSignal, end: (status: number) => void): Response {
  let isOver = false;
  const over = (status: number): void => {
    if (!isOver) end(status);
    isOver = true;
  };
  const leave = (): void => over(HUNG_UP);
  reader.addEventListener("abort", leave, { once: true });
  const flush = (): void => {
    reader.removeEventListener("abort", leave);
    over(response.status);
  };
  return new Response(response.body?.pipeThrough(new TransformStream({ flush })), response);
}

/** The status of what nobody waits for any more, as nginx logs it. */
const HUNG_UP = 499;

/**
 * Makes the handler.
 *
 * @example
 * import { createHandler, LocalModels } from "descentjs/serve";
 * import { openEngine } from "descentjs/serve/node";
 * await using engine = await openEngine("runs/churn");
 * const handler = createHandler({ models: new LocalModels({ churn: engine }) });
 * console.log((await handler.fetch(new Request("http://localhost/models"))).status); // 200
 */
export function createHandler(options: HandlerOptions): Handler {
  const { models, observer, tracing, rules = {}, keys, version = "0" } = options;
  const limits: HttpLimits = { ...HTTP_LIMITS, ...options.limits };
  const app = new OpenAPIHono<Guarded>();
  const scope = new RouteScope(app, models, limits, (error, id) => observer?.failure(error, id));
  if (observer !== undefined || tracing !== undefined) app.use(observed(observer, tracing));
  app.use(
    guards({
      rules,
      isOpen: (path) => OPEN.has(path),
      keys,
      requestsPerMinute: limits.requestsPerMinute,
    }),
  );
  addOwnRoutes(scope);
  addV2Routes(scope, version);
  addOpenAiRoutes(scope);
  addPageRoutes(app);
  app.get("/openapi.json", (c) =>
    c.json(
      app.getOpenAPI31Document({
        openapi: "3.1.0",
        info: {
          title: "descent serve",
          version,
          description: "Models behind Descent's own routes, the Open Inference Protocol, and OpenAI's.",
        },
      }),
    ),
  );
  if (observer?.metrics !== undefined) {
    app.get("/metrics", async (c) => {
      const { contentType, text } = (await observer.metrics?.()) ?? { contentType: "text/plain", text: "" };
      return c.body(text, 200, { "content-type": contentType });
    });
  }
  app.notFound(unknownRoute(app));
  app.onError(
    answerErrors<Guarded>(failureBody, (error, id) => {
      // A server that is full, or whose engine was started again, has said so in its own words.
      if (failureOf(error).status === 500) observer?.failure(error, id);
    }),
  );
  return { fetch: async (request) => app.fetch(request), underWay: () => scope.underWay };
}
