/**
 * @module Failures as answers: each kind of error has its status, and messages of the inside stay inside.
 */
import { ConfigError, DataError, DescentError, DTypeError, ShapeError } from "../util/errors.js";

/** A failure that an HTTP route means to answer with. */
export class HttpError extends DescentError {
  readonly status: number;
  /** A word that programs compare: `rate_limit_exceeded`. */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    options: { readonly code?: string; readonly headers?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(message, { exitCode: status < 500 ? 2 : 1, cause: options.cause });
    this.status = status;
    this.code = options.code ?? CODES.get(status) ?? (status < 500 ? "bad_request" : "internal_error");
    this.headers = options.headers ?? {};
  }
}

const CODES: ReadonlyMap<number, string> = new Map([
  [401, "invalid_api_key"],
  [403, "forbidden"],
  [404, "not_found"],
  [405, "method_not_allowed"],
  [408, "request_timeout"],
  [413, "request_too_large"],
  [415, "unsupported_media_type"],
  [429, "rate_limit_exceeded"],
  [499, "client_closed_request"],
  [503, "unavailable"],
  [504, "timeout"],
]);

/** Refuses for now: 429, or 503, with `Retry-After` in whole seconds. */
export const retryLater = (message: string, seconds: number, status: 429 | 503 = 429): HttpError =>
  new HttpError(status, message, { headers: { "retry-after": String(Math.max(1, Math.ceil(seconds))) } });

/** A failure as it is answered. */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";
const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === "TimeoutError";

/**
 * The answer to an error: errors of input are 400 and say what was expected; what went wrong inside is 500, and says nothing of it, since paths and
 * settings of a server are nobody's business.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof HttpError) {
    const { status, code, message, headers } = error;
    return { status, code, message, headers };
  }
  if (isTimeout(error)) return failureOf(new HttpError(504, "request: expected an answer in time, got none; ask for less"));
  if (isAbort(error)) return failureOf(new HttpError(499, "request: it was given up by its sender"));
  const isInput = [ConfigError, DataError, ShapeError, DTypeError].some((kind) => error instanceof kind);
  if (isInput) return { status: 400, code: "bad_request", message: (error as Error).message, headers: {} };
  return {
    status: 500,
    code: "internal_error",
    message: "internal error; the server's log has it under the request's id",
    headers: {},
  };
}

/** Makes the body of a failed request in the form that an interface's clients read. */
export type FailureBody = (failure: Failure) => unknown;

/** The response to an error. */
export function failureResponse(error: unknown, body: FailureBody = ({ message, code }) => ({ error: message, code })): Response {
  const failure = failureOf(error);
  return new Response(JSON.stringify(body(failure)), {
    status: failure.status,
    headers: { "content-type": "application/json", ...failure.headers },
  });
}
