/**
 * @module Checks of every HTTP side before a route is reached, as middleware: the request's id, Host and Origin, its key and its rate. Failures become
 * answers in the form of the interface that was asked.
 */
import type { Context, ErrorHandler, Hono, MiddlewareHandler, NotFoundHandler } from "hono";
import type { FailureBody } from "./http-error.js";
import { failureOf, failureResponse, HttpError } from "./http-error.js";
import type { ApiKeys, KeyOwner } from "./keys.js";
import type { OriginRules } from "./origin.js";
import { corsHeaders, expectOrigin } from "./origin.js";
import { RateLimiter } from "./rate-limit.js";
import { requestId } from "./request-id.js";
import { shown } from "./shown.js";

/** Variables that the guards leave for routes. */
export interface Guarded {
  readonly Variables: { requestId: string; owner: KeyOwner };
}

/** The owner where no keys are set. */
export const ANYBODY: KeyOwner = { name: "anybody" };

export interface GuardOptions {
  readonly rules: OriginRules;
  /** Left out, nobody needs a key. */
  readonly keys?: ApiKeys;
  /** For owners whose line does not say it. */
  readonly requestsPerMinute?: number;
  /** Paths that need no key. */
  readonly isOpen?: (path: string) => boolean;
}

const MINUTE = 60_000;

/** Headers of every answer. */
const SAFE = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" };

/** Checks each request. */
export function guards({ rules, keys, requestsPerMinute, isOpen = () => false }: GuardOptions): MiddlewareHandler<Guarded> {
  const limiter = new RateLimiter("requests a minute", MINUTE);
  return async (c, next) => {
    const { headers } = c.req.raw;
    const id = requestId(headers);
    c.set("requestId", id);
    c.set("owner", ANYBODY);
    c.header("x-request-id", id);
    for (const [name, value] of Object.entries(SAFE)) c.header(name, value);
    expectOrigin(headers, rules);
    for (const [name, value] of Object.entries(corsHeaders(headers, rules))) c.header(name, value);
    if (c.req.method === "OPTIONS") return c.body(null, 204);
    if (!isOpen(c.req.path)) {
      const owner = keys === undefined ? ANYBODY : await keys.expectOwner(headers);
      c.set("owner", owner);
      const most = owner.requestsPerMinute ?? requestsPerMinute;
      if (most !== undefined) limiter.expect(owner.name, most);
    }
    await next();
    return undefined;
  };
}

/** Answers errors, and reports those that are the server's own. */
export const answerErrors =
  <E extends Guarded>(body: (path: string) => FailureBody, report: (error: unknown, id: string) => void): ErrorHandler<E> =>
  (error, c) => {
    const id = (c as unknown as Context<Guarded>).get("requestId");
    if (failureOf(error).status >= 500) report(error, id);
    const response = failureResponse(error, body(c.req.path));
    // What the guards have set already stays.
    c.res.headers.forEach((value, name) => {
      if (!response.headers.has(name)) response.headers.set(name, value);
    });
    return response;
  };

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** The methods for which an app has a route of its own at a path: not middleware, nor a route of all paths. */
function methodsAt<E extends Guarded>(app: Hono<E>, path: string): string[] {
  const own = METHODS.filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method && !route.path.endsWith("*")),
  );
  return own.flatMap((method) => (method === "GET" ? [method, "HEAD"] : [method]));
}

/** Answers what no route of an app takes; `listed` says where its routes are. Errors: HttpError 405, with the methods that the path has, or 404 for a path that there is not. */
export const unknownRoute =
  <E extends Guarded>(app: Hono<E>, listed = "; /openapi.json lists them"): NotFoundHandler<E> =>
  (c) => {
    const { method, path } = c.req;
    const allowed = methodsAt(app, path);
    if (allowed.length > 0)
      throw new HttpError(405, `method: expected ${allowed.join(" or ")} at ${shown(path)}, got ${shown(method)}`, {
        headers: { allow: [...allowed, "OPTIONS"].join(", ") },
      });
    throw new HttpError(404, `route: expected a path of this server, got ${shown(path)}${listed}`);
  };
