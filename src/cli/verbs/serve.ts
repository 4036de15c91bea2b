/** @module `descent serve MODEL…`. */
import { appendFile } from "node:fs/promises";
import { ConfigError, DescentError } from "../../util/errors.js";
import { choice, flag, integer, list, number, text } from "../../util/option.js";
import { deviceOptions, shapeOptions } from "../../tasks/options.js";
import { isLoopback } from "../../http/origin.js";
import type { ModelSpec } from "../../serve/engine-pool-node.js";
import type { Server } from "../../serve/serve-node.js";
import { defineVerb, type VerbContext } from "../verb.js";
import { untilAborted } from "../../util/next-turn.js";

const MIB = 2 ** 20;
const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

const options = {
  adapter: list(
    text({
      help: "also serve a low-rank adapter of the MODEL under its name: a PEFT folder, or a run with --lora",
      metavar: "NAME=PATH",
    }),
  ),
  ...shapeOptions,
  host: text({ help: "address to listen on; 0.0.0.0 means all of this machine's", default: "127.0.0.1" }),
  port: integer({ help: "port; 0 takes a free one", minimum: 0, maximum: 65_535, default: 8000 }),
  keys: text({ help: "answer only requests with a key: a file with a NAME and a SHA-256 on each line", metavar: "FILE" }),
  newKey: text({ help: "make a key for NAME, show it once, add its SHA-256 to the --keys file, and exit", metavar: "NAME" }),
  allowHost: list(text({ help: "also answer requests to this host name", metavar: "NAME" })),
  allowOrigin: list(text({ help: "also answer pages of this origin (https://app.example); * allows any", metavar: "ORIGIN" })),
  tlsCert: text({ help: "serve HTTPS with this certificate (PEM)", metavar: "FILE" }),
  tlsKey: text({ help: "the certificate's key (PEM)", metavar: "FILE" }),
  maxConcurrent: integer({ help: "concurrent requests to models; further ones get 429", minimum: 1, default: 64 }),
  requestsPerMinute: integer({
    help: "rate limit of each key, or of all requests without keys",
    minimum: 1,
    defaultText: "no limit",
  }),
  maxBody: number({ help: "largest request body", above: 0, maximum: 1024, default: 16, unit: "MiB" }),
  maxMegapixels: number({ help: "refuse larger images before they are decoded", above: 0, default: 20 }),
  timeout: number({ help: "give up on a request after this time", above: 0, default: 120, unit: "seconds" }),
  maxBatchTokens: integer({ help: "largest number of tokens in a batch of texts, padding included", minimum: 1, default: 512 }),
  maxDelay: number({
    help: "longest time that an input waits for others to form a batch",
    minimum: 0,
    maximum: 1000,
    default: 1,
    unit: "milliseconds",
  }),
  memoryLimit: integer({
    help: "memory limit for all models; the least recently used is unloaded",
    minimum: 1,
    unit: "MiB",
    defaultText: "no limit",
  }),
  grace: number({ help: "time to finish accepted requests after a signal to end", minimum: 0, default: 30, unit: "seconds" }),
  logLevel: choice(LOG_LEVELS, { help: "least level of what is logged, as JSON lines on standard error", default: "info" }),
  reload: flag({ help: "make the server on --port reload its models (or those named) without losing a request" }),
  ...deviceOptions,
};

type Context = VerbContext<typeof options>;

/** Makes a key and adds its line to the file. */
async function makeKey(
  owner: string,
  { options: { keys }, print }: Context,
): Promise<{ readonly name: string; readonly key: string }> {
  if (keys === undefined) throw new ConfigError("--new-key: expected --keys FILE as well, got none");
  const { newApiKey } = await import("../../http/keys.js");
  const { key, line } = await newApiKey(owner);
  await appendFile(keys, `${line}\n`, { mode: 0o600 });
  print(`${key}\nkeep it: it is shown this once; ${keys} has its SHA-256 alone`);
  return { name: owner, key };
}

/** Asks a server to load models anew. */
async function reload({
  options: { host, port, tlsCert },
  positionals,
  print,
}: Context): Promise<{ readonly reloaded: readonly string[] }> {
  const { ask: send } = await import("../ask-node.js");
  const key = process.env["DESCENT_API_KEY"];
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const ask = async (path: string, method: "GET" | "POST"): Promise<unknown> => {
    const request = { host, port, method, headers, certificate: tlsCert };
    const { status, text } = await send(path, request).catch((cause: unknown) => {
      if (cause instanceof ConfigError) throw cause;
      throw new ConfigError(`--reload: expected a server at ${host}:${port}, got none; with TLS give --tls-cert as well`, {
        cause,
      });
    });
    let body: { readonly error?: string };
    try {
      body = JSON.parse(text) as typeof body;
    } catch (cause) {
      throw new ConfigError(`--reload: expected descent serve at ${host}:${port}, got another server`, { cause });
    }
    if (status !== 200) throw new DescentError(`--reload: ${body.error ?? status}`);
    return body;
  };
  const all = (await ask("/models", "GET")) as { readonly models: readonly { readonly name: string }[] };
  const names = positionals.length > 0 ? positionals : [...new Set(all.models.map(({ name }) => name))];
  for (const name of names) await ask(`/v2/repository/models/${encodeURIComponent(name)}/load`, "POST");
  print(`loaded anew: ${names.join(", ")}`);
  return { reloaded: names };
}

/** Refuses a shape before a process is started for the model. */
async function checkShape(path: string, shape: readonly string[]): Promise<void> {
  if (!path.endsWith(".onnx")) throw new ConfigError(`--shape ${shape[0]}: expected an ONNX file, got ${path}; leave it out`);
  const { loadOnnx } = await import("../../data/node.js");
  const { checkShapes } = await import("../../tasks/use/given-shapes-node.js");
  checkShapes(await loadOnnx(path), shape);
}

/** The models to serve. Errors: ConfigError for adapters or shapes of several models, and for a `--shape` that is not the file's. */
async function specsOf({ positionals, options: { adapter, shape } }: Context): Promise<ModelSpec[]> {
  const { parseModelSpec } = await import("../../serve/engine-pool-node.js");
  const specs = positionals.map(parseModelSpec);
  const [first, ...others] = specs;
  if (adapter.length + shape.length === 0 || first === undefined) return specs;
  if (others.length > 0) {
    const [option, done] = adapter.length > 0 ? ["--adapter", "to adapt"] : ["--shape", "of this shape"];
    throw new ConfigError(`${option}: expected one MODEL ${done}, got ${specs.length}; serve the others separately`);
  }
  if (shape.length > 0) await checkShape(first.path, shape);
  return [{ ...first, adapters: adapter.map(parseModelSpec), shape }];
}

/** Says what is served where, and what is to be known of it. */
function announce({ options: { host, keys }, print, note }: Context, { failures, pool, url }: Server): void {
  for (const { name, failure } of failures()) note(`${name} is not served: ${failure}`, true);
  for (const { name, engine } of pool.list()) for (const remark of engine?.description.remarks ?? []) note(`${name}: ${remark}`);
  if (!isLoopback(host) && keys === undefined)
    note(`${host} may be reached by others, and no --keys are set: everybody who reaches it is answered`, true);
  const served = pool.list().filter(({ failure }) => failure === undefined);
  print(`serving ${served.map(({ name }) => name).join(", ")} at ${url}`);
}

/** Listens until it is told to end. */
async function serve(context: Context): Promise<object> {
  const { positionals, options: given, signal, note, hold } = context;
  if (positionals.length === 0) throw new ConfigError("serve: expected a MODEL, got none");
  if ((given.tlsCert === undefined) !== (given.tlsKey === undefined))
    throw new ConfigError("--tls-cert: expected --tls-cert and --tls-key together, got one of them");
  const held = hold();
  const { startServer } = await import("../../serve/serve-node.js");
  const server = await startServer(await specsOf(context), {
    ...given,
    signal,
    ownsProcess: true,
    allowHosts: given.allowHost,
    allowOrigins: given.allowOrigin,
    http: {
      maxBodyBytes: Math.floor(given.maxBody * MIB),
      requestTimeoutMs: given.timeout * 1000,
      maxConcurrent: given.maxConcurrent,
      requestsPerMinute: given.requestsPerMinute,
    },
    engines: { maxMegapixels: given.maxMegapixels, maxBatchTokens: given.maxBatchTokens, maxDelayMs: given.maxDelay },
    memoryLimitBytes: given.memoryLimit && given.memoryLimit * MIB,
    tls: given.tlsCert === undefined ? undefined : { certificate: given.tlsCert, key: given.tlsKey ?? "" },
  });
  if (!signal.aborted) announce(context, server);
  const onReload = (): void => {
    server.reload().catch((error: unknown) => note(`reload: ${(error as Error).message}`, true));
  };
  process.on("SIGHUP", onReload);
  await untilAborted(signal);
  await server.close(given.grace * 1000);
  process.off("SIGHUP", onReload);
  held[Symbol.dispose]();
  return { url: server.url };
}

export const verb = defineVerb({
  positionals: [
    {
      name: "MODEL",
      help: "a run folder, one of its checkpoints, an ONNX or GGUF file, or a Hugging Face checkpoint folder; NAME=PATH or NAME@VERSION=PATH names it",
      many: true,
      optional: true,
    },
  ],
  options,
  examples: [
    "descent serve runs/reviews",
    "descent serve reviews=runs/reviews shoes=runs/fashion model.onnx --port 8080",
    "descent serve SmolLM2-135M-Instruct.Q4_1.gguf --adapter poet=runs/poet --adapter lawyer=adapters/lawyer",
    "descent serve --new-key alice --keys keys.txt",
    "descent serve runs/reviews --host 0.0.0.0 --keys keys.txt --tls-cert cert.pem --tls-key key.pem",
    "descent serve --reload --port 8080",
  ],
  engine: true,
  run(context) {
    if (context.options.newKey !== undefined) return makeKey(context.options.newKey, context);
    return context.options.reload ? reload(context) : serve(context);
  },
});
