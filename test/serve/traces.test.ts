/**
 * @module Traces of a server's requests, as OpenTelemetry's SDK records them.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout } from "node:timers/promises";
import { propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createHandler, type Engine, LocalModels } from "../../src/serve/index.js";
import { languageFolder, type TestServer, testServer } from "./server.js";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
let served: TestServer;
before(async () => {
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  served = await testServer(["text-classification"], { tiny: languageFolder });
});
after(async () => {
  await served[Symbol.asyncDispose]();
  await provider.shutdown();
  trace.disable();
  propagation.disable();
});

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SENDER = "b7ad6b7169203331";
const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6;

/** The spans of what was done meanwhile, the request's first. */
async function spansOf(work: () => Promise<unknown>): Promise<readonly ReadableSpan[]> {
  exporter.reset();
  await work();
  // The last byte of an answer can be here before the server has ended its span.
  const ended = (): boolean => exporter.getFinishedSpans().some(({ kind }) => kind === SpanKind.SERVER);
  for (let tries = 0; !ended() && tries < 500; tries++) await setTimeout(10);
  const all = exporter.getFinishedSpans();
  return all.toSorted((a, b) => ms(a.startTime) - ms(b.startTime) || (a.kind === SpanKind.SERVER ? -1 : 1));
}

test("a request is a span in its sender's trace, with its wait and the engine's work inside", async () => {
  const headers = { traceparent: `00-${TRACE}-${SENDER}-01` };
  const [request, queue, inference, ...others] = await spansOf(async () => {
    const response = await served.post("/predict", { model: "text-classification", instances: ["a good film"] }, headers);
    assert.equal(response.status, 200);
  });
  assert.deepEqual(others, []);
  assert.equal(request?.name, "POST /predict");
  assert.equal(request.kind, SpanKind.SERVER);
  assert.equal(request.spanContext().traceId, TRACE);
  assert.equal(request.parentSpanContext?.spanId, SENDER);
  const { attributes } = request;
  assert.equal(attributes["http.response.status_code"], 200);
  assert.equal(attributes["gen_ai.request.model"], "text-classification");
  assert.deepEqual([queue?.name, inference?.name], ["queue", "inference"]);
  for (const part of [queue, inference] as ReadableSpan[]) {
    assert.equal(part.parentSpanContext?.spanId, request.spanContext().spanId);
    assert.ok(ms(part.startTime) >= ms(request.startTime) - 1 && ms(part.endTime) <= ms(request.endTime) + 1);
  }
  assert.ok(ms((queue as ReadableSpan).endTime) <= ms((inference as ReadableSpan).startTime) + 0.1);
  assert.ok(ms((inference as ReadableSpan).duration) > 0);
});

test("a stream's span ends with the stream, and counts its tokens", async () => {
  const [request, ...parts] = await spansOf(async () => {
    const response = await served.post("/v1/completions", { model: "tiny", prompt: "To be", max_tokens: 5, stream: true });
    await response.text();
  });
  assert.equal(request?.name, "POST /v1/completions");
  assert.equal(request.attributes["gen_ai.usage.output_tokens"], 5);
  assert.deepEqual(
    parts.map(({ name }) => name),
    ["queue", "inference"],
  );
  // A new trace where the sender has none.
  assert.notEqual(request.spanContext().traceId, TRACE);
  assert.equal(request.parentSpanContext, undefined);
});

test("a header that is none begins a new trace; a failure inside is marked", async () => {
  const [unknown] = await spansOf(() => served.post("/predict", { model: "no" }, { traceparent: "00-zz-01" }));
  assert.equal(unknown?.attributes["http.response.status_code"], 400);
  assert.equal(unknown.status.code, SpanStatusCode.UNSET);
  const engine = { description: { task: "t", takes: "text", capabilities: [], inputs: [], outputs: [], remarks: [] } };
  const broken = { ...engine, call: () => Promise.reject(new Error("broken")) } as unknown as Engine;
  const { openTracing } = await import("../../src/serve/traces-node.js");
  const tracing = await openTracing("1");
  assert.ok(tracing !== undefined);
  const handler = createHandler({ models: new LocalModels({ broken }), tracing });
  const [failed] = await spansOf(async () => {
    const body = JSON.stringify({ instances: ["a"] });
    assert.equal((await handler.fetch(new Request("http://localhost/predict", { method: "POST", body }))).status, 500);
  });
  assert.equal(failed?.status.code, SpanStatusCode.ERROR);
});
