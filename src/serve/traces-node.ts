/**
 * @module Traces of requests for OpenTelemetry, where a program has set it up: a span for each request, with the wait for the engine and its work inside. The caller's `traceparent`
 * is gone on with (W3C Trace Context).
 */
import type { Attributes, Context, Span } from "@opentelemetry/api";
import { isMissing } from "../util/optional-package.js";
import type { RequestTrace, Tracing } from "./trace.js";

/** Traces by the package `@opentelemetry/api`; undefined where it is not installed. */
export async function openTracing(version: string): Promise<Tracing | undefined> {
  const api = await import("@opentelemetry/api").catch((error: unknown) => {
    if (isMissing(error, "@opentelemetry/api")) return undefined;
    throw error;
  });
  if (api === undefined) return undefined;
  const { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = api;
  const getter = {
    get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
    keys: (headers: Headers) => [...headers.keys()],
  };
  /** The span that a program's own instrumentation has begun, or the sender's. */
  const parentOf = (headers: Headers): { readonly parent: Context; readonly isInside: boolean } => {
    const active = context.active();
    if (trace.getSpan(active) !== undefined) return { parent: active, isInside: true };
    return { parent: propagation.extract(ROOT_CONTEXT, headers, getter), isInside: false };
  };
  return {
    start(method, headers): RequestTrace | undefined {
      const tracer = trace.getTracer("descent", version);
      const { parent, isInside } = parentOf(headers);
      const kind = isInside ? SpanKind.INTERNAL : SpanKind.SERVER;
      const span: Span = tracer.startSpan(method, { kind, attributes: { "http.request.method": method } }, parent);
      if (!span.isRecording()) return undefined;
      const own = trace.setSpan(parent, span);
      return {
        traceId: span.spanContext().traceId,
        part(name, startedAt, endedAt, attributes) {
          tracer.startSpan(name, { startTime: startedAt, attributes: attributes as Attributes }, own).end(endedAt);
        },
        end(route, status, attributes) {
          span.updateName(`${method} ${route}`);
          span.setAttributes({ "http.route": route, "http.response.status_code": status, ...attributes });
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
  };
}
