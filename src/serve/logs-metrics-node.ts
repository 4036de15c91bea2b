/**
 * @module Records of a server's work: log lines with ids and without contents, and counts for Prometheus.
 */
import pino from "pino";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { ObservedBatch } from "./engine.js";
import type { ObservedRequest, Observer } from "./route.js";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A model as its gauges see it. */
export interface GaugedModel {
  readonly name: string;
  readonly version: string;
  readonly isReady: boolean;
  readonly rssBytes: number;
  readonly restarts: number;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** Logs and metrics of one server. */
export class NodeObserver implements Observer {
  readonly logger: pino.Logger;
  readonly #registry = new Registry();
  readonly #requests: Counter<"route" | "method" | "status">;
  readonly #seconds: Histogram<"route">;
  readonly #tokens: Counter<"model" | "kind">;
  readonly #rows: Histogram<"model" | "kind">;
  readonly #wait: Histogram<"model" | "kind">;
  readonly #run: Histogram<"model" | "kind">;
  readonly #queue: Gauge<"model">;

  /** Logs go to standard error. `models` and `underWay` are asked when metrics are. */
  constructor(level: LogLevel, sources: { readonly models: () => readonly GaugedModel[]; readonly underWay: () => number }) {
    this.logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }));
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry, prefix: "descent_http_" });
    this.#requests = new Counter({
      name: "descent_requests_total",
      help: "Requests answered",
      labelNames: ["route", "method", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "descent_request_seconds",
      help: "Time of a request",
      labelNames: ["route"],
      buckets: SECONDS,
      registers,
    });
    this.#tokens = new Counter({
      name: "descent_tokens_total",
      help: "Tokens read (prompt) and written (generated)",
      labelNames: ["model", "kind"],
      registers,
    });
    const labelNames = ["model", "kind"] as const;
    this.#rows = new Histogram({ name: "descent_batch_rows", help: "Rows of a batch", labelNames, buckets: ROWS, registers });
    this.#wait = new Histogram({
      name: "descent_batch_wait_seconds",
      help: "Wait of a batch's oldest row",
      labelNames,
      buckets: SECONDS,
      registers,
    });
    this.#run = new Histogram({
      name: "descent_batch_run_seconds",
      help: "Time of a batch in the engine",
      labelNames,
      buckets: SECONDS,
      registers,
    });
    this.#queue = new Gauge({
      name: "descent_queue_rows",
      help: "Rows that wait for the engine",
      labelNames: ["model"],
      registers,
    });
    const gauge = (name: string, help: string, labels: readonly string[], collect: (gauge: Gauge) => void): void => {
      const made: Gauge = new Gauge({ name, help, labelNames: labels, registers: [], collect: () => collect(made) });
      this.#registry.registerMetric(made);
    };
    gauge("descent_requests_under_way", "Requests to models under way", [], (made) => made.set(sources.underWay()));
    const byModel = (name: string, help: string, value: (model: GaugedModel) => number): void =>
      gauge(name, help, ["model", "version"], (made) => {
        made.reset();
        for (const model of sources.models()) made.set({ model: model.name, version: model.version }, value(model));
      });
    byModel("descent_model_ready", "1 for a model that answers", ({ isReady }) => (isReady ? 1 : 0));
    byModel("descent_engine_memory_bytes", "Memory of an engine's process", ({ rssBytes }) => rssBytes);
    byModel("descent_engine_restarts", "Starts of an engine after its process ended", ({ restarts }) => restarts);
  }

  request({ id, method, route, status, ms, owner, ...more }: ObservedRequest): void {
    this.#requests.inc({ route, method, status: String(status) });
    this.#seconds.observe({ route }, ms / 1000);
    const { model = "", promptTokens, tokens } = more;
    if (promptTokens !== undefined) this.#tokens.inc({ model, kind: "prompt" }, promptTokens);
    if (tokens !== undefined) this.#tokens.inc({ model, kind: "generated" }, tokens);
    // Those who only ask whether the server is there would fill the log.
    const level = status >= 500 ? "error" : route.includes("health") || route === "/metrics" ? "debug" : "info";
    this.logger[level]({ id, method, route, status, ms: Math.round(ms * 100) / 100, owner, ...more }, "request");
  }

  batch(model: string, { kind, rows, waiting, waitMs, runMs }: ObservedBatch): void {
    this.#rows.observe({ model, kind }, rows);
    this.#wait.observe({ model, kind }, waitMs / 1000);
    this.#run.observe({ model, kind }, runMs / 1000);
    this.#queue.set({ model }, waiting);
  }

  event(event: string, details: Readonly<Record<string, unknown>>): void {
    this.logger[/failed|ended|error/.test(event) ? "warn" : "info"](details, event);
  }

  failure(error: unknown, id: string): void {
    const { stack, cause } = error instanceof Error ? error : { stack: String(error), cause: undefined };
    this.logger.error({ id, stack: cause instanceof Error ? cause.stack : stack }, "failure");
  }

  async metrics(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
