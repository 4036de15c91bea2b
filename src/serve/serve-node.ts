/**
 * @module A server as a whole: engines in processes of their own, the handler on a port, and an end that loses no request.
 */
import { readFile } from "node:fs/promises";
import { ApiKeys } from "../http/keys.js";
import type { ListenOptions } from "../http/listen-node.js";
import { listen } from "../http/listen-node.js";
import { isLoopback, LOOPBACK_HOSTS, type OriginRules } from "../http/origin.js";
import { ConfigError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";
import { descentVersion } from "../util/version-node.js";
import { createHandler } from "./app.js";
import type { EngineLimits } from "./engine.js";
import { EnginePool, type ModelSpec, type PoolOptions } from "./engine-pool-node.js";
import { type LogLevel, NodeObserver } from "./logs-metrics-node.js";
import type { HttpLimits } from "./route.js";
import { openTracing } from "./traces-node.js";

/** Options of a server: address, certificates, keys, limits. */
export interface ServeOptions
  extends Omit<ListenOptions, "maxConnections">, Pick<PoolOptions, "device" | "threads" | "memoryLimitBytes"> {
  /** A file of keys (`ApiKeys.parse`). */
  readonly keys?: string;
  readonly allowHosts?: readonly string[];
  readonly allowOrigins?: readonly string[];
  readonly http?: Partial<HttpLimits>;
  readonly engines?: Partial<EngineLimits>;
  readonly logLevel?: LogLevel;
  /** Ends engines while their models load; the server is there to be closed. */
  readonly signal?: AbortSignal;
}

/** A server at work. */
export interface Server {
  readonly url: string;
  readonly pool: EnginePool;
  readonly failures: EnginePool["failures"];
  /** Loads all models anew. */
  reload(): Promise<void>;
  /** Takes no more requests, answers those that it has accepted, and ends; after `graceMs` what is left fails. */
  close(graceMs: number): Promise<void>;
}

async function keysIn(path: string): Promise<ApiKeys> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`--keys ${path}: expected a file that can be read, got ${fileReason(cause)}`, { cause });
  }
  return ApiKeys.parse(text, path);
}

/** On the loopback interface only this machine's names are answered. */
function rulesFor({ host, allowHosts = [], allowOrigins = [] }: ServeOptions): OriginRules {
  const hosts = allowHosts.map((name) => name.toLowerCase());
  if (isLoopback(host)) return { origins: allowOrigins, hosts: [...LOOPBACK_HOSTS, ...hosts] };
  return { origins: allowOrigins, hosts: hosts.length === 0 ? undefined : [...hosts, host] };
}

/** Starts a server; it answers that it is not ready while models load. Errors: those of `EnginePool`, `ApiKeys.parse` and `listen`. */
export async function startServer(specs: readonly ModelSpec[], options: ServeOptions): Promise<Server> {
  const keys = options.keys === undefined ? undefined : await keysIn(options.keys);
  const state = { underWay: () => 0, models: (): ReturnType<EnginePool["list"]> => [] };
  const observer = new NodeObserver(options.logLevel ?? "info", {
    models: () => state.models(),
    underWay: () => state.underWay(),
  });
  const pool = new EnginePool(specs, {
    ...options,
    limits: options.engines,
    observe: (model, batch) => observer.batch(model, batch),
    log: (event, details) => observer.event(event, details),
  });
  const version = await descentVersion();
  const handler = createHandler({
    models: pool,
    rules: rulesFor(options),
    observer,
    version,
    limits: options.http,
    keys,
    tracing: await openTracing(version),
  });
  state.models = () => pool.list();
  state.underWay = handler.underWay;
  const { signal } = options;
  const listening = await listen(handler.fetch, options);
  const leave = (): void => void pool.stop(0);
  if (signal?.aborted === true) leave();
  else signal?.addEventListener("abort", leave);
  try {
    await pool.start();
  } catch (error) {
    if (signal?.aborted !== true) {
      await listening.close(0);
      await pool.stop(0);
      throw error;
    }
  } finally {
    signal?.removeEventListener("abort", leave);
  }
  return {
    url: listening.url,
    pool,
    failures: () => pool.failures(),
    reload: () => pool.reload(),
    close: async (graceMs) => {
      // Engines end last: requests that were accepted still need them.
      await listening.close(graceMs);
      await pool.stop(1000);
    },
  };
}
