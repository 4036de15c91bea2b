/**
 * @module A handler on a port: with TLS from files, bounds on headers, time and connections, and an end that answers what was accepted.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer as createPlainServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, Server as PlainServer, type Socket } from "node:net";
import { createAdaptorServer, type Http2Bindings, type HttpBindings } from "@hono/node-server";
import { ConfigError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";
import { readRegularFile } from "../util/regular-file-node.js";

/** PEM files. */
export interface Tls {
  readonly certificate: string;
  readonly key: string;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: Tls;
  /** The process does nothing else: answers may take the adapter's short way, which puts its own `Request` and `Response` in place of the global ones. */
  readonly ownsProcess?: boolean;
  /** Connections at once; more are closed as they come. */
  readonly maxConnections?: number;
}

/** A server that listens. */
export interface Listening {
  /** `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly port: number;
  /** Takes no more, answers what it has accepted, and ends; after `graceMs` it closes what is left. */
  close(graceMs: number): Promise<void>;
}

/** A slow sender of headers is closed after so long. */
const HEADERS_MS = 15_000;
/** A request has to have arrived by then. */
const REQUEST_MS = 120_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_CONNECTIONS = 4096;

/** Reads a PEM file. ConfigError for one that cannot be read. */
export async function pem(path: string, option: string): Promise<Buffer> {
  try {
    return await readRegularFile(path);
  } catch (cause) {
    throw new ConfigError(`${option} ${path}: expected a PEM file, got ${fileReason(cause)}`, { cause });
  }
}

/** Reads a certificate and its key. ConfigError for files that are none, a key with a passphrase, and a key of another certificate. */
export async function readTls({ certificate, key }: Tls): Promise<{ readonly cert: Buffer; readonly key: Buffer }> {
  const read = { cert: await pem(certificate, "--tls-cert"), key: await pem(key, "--tls-key") };
  const expect = <T>(parse: () => T, what: string): T => {
    try {
      return parse();
    } catch (cause) {
      const isLocked = String(read.key).includes("ENCRYPTED") && what.startsWith("--tls-key");
      const got = isLocked
        ? `one with a passphrase; take it off: openssl pkey -in ${key} -out NEW.pem`
        : "a file that holds none";
      throw new ConfigError(`${what} in PEM, got ${got}`, { cause });
    }
  };
  const known = expect(() => new X509Certificate(read.cert), `--tls-cert ${certificate}: expected a certificate`);
  const own = expect(() => createPrivateKey(read.key), `--tls-key ${key}: expected a private key`);
  if (!known.checkPrivateKey(own)) throw new ConfigError(`--tls-key ${key}: expected the key of ${certificate}, got another's`);
  return read;
}

const LIMITS = {
  headersTimeout: HEADERS_MS,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
  connectionsCheckingInterval: 2_000,
};

/** Answers a request; `address` is its sender's. */
type Fetch = (request: Request, address?: string) => Response | Promise<Response>;

async function makeServer(fetch: Fetch, { tls, ownsProcess = false }: ListenOptions): Promise<Server> {
  const common = {
    fetch: (request: Request, { incoming }: HttpBindings | Http2Bindings) => fetch(request, incoming.socket.remoteAddress),
    overrideGlobalObjects: ownsProcess,
  };
  if (tls === undefined)
    return createAdaptorServer({ ...common, createServer: createPlainServer, serverOptions: LIMITS }) as Server;
  const secured = { ...LIMITS, ...(await readTls(tls)), minVersion: "TLSv1.2" as const };
  return createAdaptorServer({ ...common, createServer: createTlsServer, serverOptions: secured }) as Server;
}

/** A system error of listening in our words. */
function refused(error: NodeJS.ErrnoException, { host, port }: ListenOptions): Error {
  const reasons = new Map([
    ["EADDRINUSE", "one that is in use; choose another with --port"],
    ["EACCES", "one that needs more rights; choose one from 1024 on"],
    ["EADDRNOTAVAIL", "an address that this machine does not have"],
    ["ENOTFOUND", "a name that has no address"],
  ]);
  const reason = reasons.get(error.code ?? "");
  return reason === undefined
    ? error
    : new ConfigError(`port: expected a free one at ${host}:${port}, got ${reason}`, { cause: error });
}

/** Clients that have just connected have so long to ask. */
const LAST_CALL_MS = 50;
/** Turns of the event loop in which a connection that the system has taken is accepted, and what it has sent is read. */
const LAST_TURNS = 3;

/** Waits until what has reached this process is read, however long it was kept from running: a timer alone may end before a connection that waits is looked at. */
async function lastCall(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  for (let turn = 0; turn < LAST_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Connections that have not agreed on TLS yet, by their sender: an HTTP server does not know of them, but waits for them when it ends. */
function unsecured(server: Server): Map<string, Socket> {
  const open = new Map<string, Socket>();
  const senderOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  server.on("connection", (socket: Socket) => {
    const sender = senderOf(socket);
    open.set(sender, socket);
    socket.once("close", () => open.delete(sender));
  });
  server.on("secureConnection", (socket: Socket) => open.delete(senderOf(socket)));
  return open;
}

/** Ends a server. */
async function closing(server: Server, graceMs: number, unready: ReadonlyMap<string, Socket>): Promise<void> {
  const ended = once(server, "close");
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  // Closing resets connections that were not accepted yet, and those on which nothing was read.
  await lastCall(Math.min(graceMs, LAST_CALL_MS));
  // The port alone: an HTTP server would close connections that are new along with idle ones.
  PlainServer.prototype.close.call(server);
  await lastCall(0);
  server.close();
  for (const socket of unready.values()) socket.destroy();
  await ended;
  clearTimeout(timer);
}

/** Listens. Errors: ConfigError for a port that cannot be had, and for files that are no certificate. */
export async function listen(fetch: Fetch, options: ListenOptions): Promise<Listening> {
  let isClosing = false;
  const answer: Fetch = async (request, address) => {
    const response = await fetch(request, address);
    // A connection that is kept would hold the end up.
    if (isClosing) response.headers.set("connection", "close");
    return response;
  };
  const server = await makeServer(answer, options);
  const unready = options.tls === undefined ? new Map<string, Socket>() : unsecured(server);
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(refused(error, options)));
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const shownHost = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `${options.tls === undefined ? "http" : "https"}://${shownHost}:${port}`,
    port,
    close: (graceMs) => {
      isClosing = true;
      return closing(server, graceMs, unready);
    },
  };
}
