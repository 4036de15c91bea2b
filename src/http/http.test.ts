import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import test from "node:test";
import { Worker } from "node:worker_threads";
import { deflateSync, gzipSync } from "node:zlib";
import { Hono } from "hono";
import * as z from "zod";
import { SessionError } from "../util/errors.js";
import { formParts, readBody } from "./body.js";
import type { Guarded } from "./guards.js";
import { answerErrors, guards, unknownRoute } from "./guards.js";
import { failureOf, failureResponse, HttpError, retryLater } from "./http-error.js";
import { expectNoDuplicates, parseBody } from "./json.js";
import { ApiKeys, newApiKey } from "./keys.js";
import { listen } from "./listen-node.js";
import { expectOrigin, hostName, LOOPBACK_HOSTS } from "./origin.js";
import { Admission, RateLimiter } from "./rate-limit.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const limits = { maxBodyBytes: 100, bodyTimeoutMs: 50 };

test("JSON with a field twice, too deep, or no JSON is refused", () => {
  const schema = z.looseObject({ a: z.number() });
  assert.deepEqual(parseBody(schema, bytes('{"a": 1, "b": {"a": [{"a": 2}, {"a": 3}]}, "c": "a\\"a"}'))["a"], 1);
  assert.throws(() => parseBody(schema, bytes('{"a": 1, "a": 2}')), /each field once, got "a" twice/);
  // The same name, written in another way.
  assert.throws(() => expectNoDuplicates('{"a": 1, "\\u0061": 2}', "body"), /got "a" twice/);
  assert.throws(() => expectNoDuplicates('[{"x": {"y": 1, "z": 2, "y": 3}}]', "body"), /got "y" twice/);
  expectNoDuplicates('{"x": ["x", "x"], "y": {"x": "x"}}', "body");
  assert.throws(() => parseBody(schema, bytes(`${"[".repeat(300)}${"]".repeat(300)}`)), /nested up to 200/);
  assert.throws(() => parseBody(schema, bytes('{"a": NaN}')), /expected JSON/);
  assert.throws(() => parseBody(schema, bytes('{"a": 1e999}')), /a: /);
  assert.throws(() => parseBody(schema, new Uint8Array([0x7b, 0xff, 0x7d])), /UTF-8/);
  assert.throws(() => parseBody(schema, bytes("")), /got nothing/);
});

test("a body is read with bounds on its size and its time", async () => {
  const post = (body: BodyInit, headers: Record<string, string> = {}): Request =>
    new Request("http://x/", { method: "POST", body, headers, duplex: "half" } as RequestInit);
  assert.equal((await readBody(post("abc"), limits)).length, 3);
  const status = (expected: number) => (error: unknown) => error instanceof HttpError && error.status === expected;
  await assert.rejects(readBody(post("a".repeat(101)), limits), status(413));
  const endless = new ReadableStream<Uint8Array>({ pull: (c) => c.enqueue(new Uint8Array(40)) });
  await assert.rejects(readBody(post(endless), limits), status(413));
  await assert.rejects(readBody(post(new ReadableStream({ start: (c) => c.enqueue(bytes("a")) })), limits), status(408));
  const broken = new ReadableStream({ pull: (c) => c.error(new Error("cut")) });
  await assert.rejects(readBody(post(broken), limits), status(400));
  const form = new FormData();
  form.append("text", "hello");
  form.append("image", new Blob([new Uint8Array([1, 2])]), "a.png");
  const sent = new Response(form);
  const parts = await formParts(new Uint8Array(await sent.arrayBuffer()), sent.headers.get("content-type") ?? "");
  assert.deepEqual(parts, [
    { name: "text", value: "hello" },
    { name: "image", value: new Uint8Array([1, 2]) },
  ]);
  await assert.rejects(formParts(new Uint8Array([1, 2, 3]), "multipart/form-data; boundary=x"), status(400));
});

test("a packed body is unpacked, however little it was packed into, within the bound", async () => {
  const bounds = { ...limits, bodyTimeoutMs: 60_000 };
  const post = (body: Uint8Array<ArrayBuffer>, coding: string): Request =>
    new Request("http://x/", { method: "POST", body, headers: { "content-encoding": coding } });
  const text = "a text of a request";
  for (const [coding, pack] of [
    ["gzip", gzipSync],
    ["GZIP", gzipSync],
    ["deflate", deflateSync],
    ["identity", (plain: string) => Buffer.from(plain)],
  ] as const)
    assert.equal(new TextDecoder().decode(await readBody(post(new Uint8Array(pack(text)), coding), bounds)), text);
  const failed = async (body: Uint8Array, coding: string): Promise<HttpError> => {
    const error: unknown = await readBody(post(new Uint8Array(body), coding), bounds).catch((reason: unknown) => reason);
    assert.ok(error instanceof HttpError, coding);
    return error;
  };
  const bomb = gzipSync(Buffer.alloc(30_000));
  assert.ok(bomb.length < limits.maxBodyBytes);
  assert.match((await failed(bomb, "gzip")).message, /at most 100 bytes, got more once it is unpacked/);
  assert.equal((await failed(bomb, "gzip")).status, 413);
  // Packed, it is too large already.
  assert.equal((await failed(gzipSync(randomBytes(200)), "gzip")).status, 413);
  assert.equal((await failed(gzipSync(text).subarray(0, 20), "gzip")).status, 400);
  assert.equal((await failed(Buffer.from(text), "deflate")).status, 400);
  for (const coding of ["br", "gzip, gzip"]) {
    const { status, headers } = await failed(Buffer.from(text), coding);
    assert.deepEqual([status, headers["accept-encoding"]], [415, "gzip, deflate"]);
  }
});

test("a server that ends answers what has reached it, also where it was kept from reading", async () => {
  const listening = await listen(() => new Response("answered"), { host: "127.0.0.1", port: 0 });
  const client = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const { get } = require("node:http");
     parentPort.on("message", (port) =>
       get({ port, host: "127.0.0.1" }, (response) => response.on("data", (data) => parentPort.postMessage(String(data))))
         .on("socket", (socket) => socket.on("connect", () => parentPort.postMessage("connected")))
         .on("error", (error) => parentPort.postMessage(error.code)));`,
    { eval: true },
  );
  await once(client, "online");
  const messages: string[] = [];
  client.on("message", (message: string) => messages.push(message));
  const ended = listening.close(1000);
  client.postMessage(listening.port);
  // A process that gets no processor: its timers are due before it has looked at what arrived.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  await ended;
  while (messages.length < 2) await once(client, "message");
  await client.terminate();
  assert.deepEqual(messages, ["connected", "answered"]);
});

test("hosts and origins of others are refused", () => {
  const rules = { hosts: LOOPBACK_HOSTS, origins: ["https://app.example"] };
  const allowed = (headers: Record<string, string>): void => expectOrigin(new Headers(headers), rules);
  allowed({ host: "localhost:8000" });
  allowed({ host: "[::1]:8000", origin: "http://[::1]:8000" });
  allowed({ host: "127.0.0.1", origin: "https://app.example" });
  assert.throws(() => allowed({ host: "rebound.example" }), /host: expected/);
  assert.throws(() => allowed({ host: "localhost:8000", origin: "http://localhost:9000" }), /origin: expected/);
  assert.throws(() => allowed({ host: "localhost:8000", origin: "null" }), /origin: expected/);
  // What another site's page has as a picture or a script; a link to here, and a program, are no page of another site.
  const own = (headers: Record<string, string>): void =>
    expectOrigin(new Headers({ host: "localhost:8000", ...headers }), { hosts: LOOPBACK_HOSTS });
  assert.throws(() => own({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }), /origin: expected/);
  own({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" });
  own({ "sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors" });
  own({});
  assert.throws(() => allowed({ host: "local host" }), /host: expected/);
  assert.equal(hostName("EXAMPLE.org:80"), "example.org");
});

test("keys have 256 bits, are kept as hashes, and are told apart", async () => {
  const [a, b] = [await newApiKey("alice"), await newApiKey("bob")];
  assert.match(a.key, /^dk-[0-9a-f]{64}$/);
  assert.notEqual(a.key, b.key);
  assert.ok(!a.line.includes(a.key.slice(3)));
  const keys = ApiKeys.parse(`# ours\n${a.line} requests-per-minute=2\n\n${b.line}\n`, "keys.txt");
  assert.equal((await keys.expectOwner(new Headers({ authorization: `Bearer ${a.key}` }))).requestsPerMinute, 2);
  assert.equal((await keys.expectOwner(new Headers({ "x-api-key": b.key }))).name, "bob");
  await assert.rejects(keys.expectOwner(new Headers()), /got none/);
  await assert.rejects(keys.expectOwner(new Headers({ authorization: `Bearer ${a.key}0` })), /got another/);
  assert.throws(() => ApiKeys.parse("alice secret", "keys.txt"), /keys.txt: line 1: expected NAME and a SHA-256/);
  assert.throws(() => ApiKeys.parse(`${a.line} requests=1`, "keys.txt"), /requests-per-minute=N/);
  assert.throws(() => ApiKeys.parse("", "keys.txt"), /expected keys, got none/);
});

test("rates and what is under way are bounded, with the time to come again", () => {
  let now = 0;
  const limiter = new RateLimiter("requests a minute", 60_000, () => now);
  for (let i = 0; i < 3; i++) limiter.expect("alice", 3);
  limiter.expect("bob", 3);
  assert.throws(
    () => limiter.expect("alice", 3),
    (error: unknown) => error instanceof HttpError && error.status === 429 && error.headers["retry-after"] === "20",
  );
  now += 20_000;
  limiter.expect("alice", 3);
  const admission = new Admission(2, "requests");
  const [first] = [admission.enter(), admission.enter()];
  assert.throws(() => admission.enter(), /at most 2 requests at once/);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(admission.used, 1);
  admission.enter();
});

test("what went wrong inside stays inside", async () => {
  const failure = failureOf(new SessionError("/home/somebody/model.onnx: the engine failed"));
  assert.equal(failure.status, 500);
  assert.doesNotMatch(failure.message, /somebody/);
  assert.equal(failureOf(retryLater("full", 0.2)).headers["retry-after"], "1");
  assert.equal(failureResponse(new HttpError(404, "no")).status, 404);

  const { key, line } = await newApiKey("alice");
  const reported: string[] = [];
  const app = new Hono<Guarded>();
  app.use(guards({ rules: {}, keys: ApiKeys.parse(line, "keys"), isOpen: (path) => path === "/open" }));
  app.get("/open", (c) => c.text("yes"));
  app.get("/closed", (c) => c.text(c.get("owner").name));
  app.get("/broken", () => {
    throw new Error("secret");
  });
  app.onError(
    answerErrors<Guarded>(
      () =>
        ({ message }) => ({ error: message }),
      (_, id) => reported.push(id),
    ),
  );
  const get = (path: string, headers: Record<string, string> = {}) =>
    app.request(`http://localhost${path}`, { headers: { "x-request-id": "r1", ...headers } });
  assert.equal(await (await get("/open")).text(), "yes");
  assert.equal((await get("/closed")).status, 401);
  assert.equal(await (await get("/closed", { authorization: `Bearer ${key}` })).text(), "alice");
  const broken = await get("/broken", { authorization: `Bearer ${key}` });
  assert.equal(broken.status, 500);
  assert.equal(broken.headers.get("x-request-id"), "r1");
  assert.doesNotMatch(await broken.text(), /secret/);
  assert.deepEqual(reported, ["r1"]);
});

test("a method that a path does not have is told from a path that there is not", async () => {
  const app = new Hono<Guarded>();
  app.use(guards({ rules: {} }));
  app.onError(
    answerErrors<Guarded>(
      () =>
        ({ message }) =>
          message,
      () => undefined,
    ),
  );
  app.notFound(unknownRoute(app));
  app.get("/both", (c) => c.text("read"));
  app.post("/both", (c) => c.text("written"));
  app.post("/models/:name", (c) => c.text(c.req.param("name")));
  app.get("/*", (c) => c.notFound());
  const asked = async (method: string, path: string) => {
    const { status, headers } = await app.request(`http://localhost${path}`, { method });
    return [status, headers.get("allow")];
  };
  assert.deepEqual(await asked("GET", "/both"), [200, null]);
  assert.deepEqual(await asked("HEAD", "/both"), [200, null]);
  assert.deepEqual(await asked("DELETE", "/both"), [405, "GET, HEAD, POST, OPTIONS"]);
  assert.deepEqual(await asked("GET", "/models/a"), [405, "POST, OPTIONS"]);
  assert.deepEqual(await asked("PROPFIND", "/models/a"), [405, "POST, OPTIONS"]);
  for (const method of ["GET", "POST"]) assert.deepEqual(await asked(method, "/none"), [404, null]);
});
