/**
 * @module A server under load: what is beyond it is refused, what it accepted is answered, whatever ends or is replaced meanwhile.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fetching, poissonLoad, summary } from "../../scripts/serve/load.js";
import { storm, STORM_LIMITS } from "../../scripts/serve/malformed.js";
import { childrenOf } from "../../scripts/serve/started.js";
import { readTls } from "../../src/http/listen-node.js";
import { MAIN } from "../e2e/command.js";
import { languageFolder, linearFile, slowFile, type TestServer, testServer } from "./server.js";

let served: TestServer;
const TEXTS = "text-classification";
before(async () => {
  // Two seconds without an engine are 80 requests that wait.
  served = await testServer([TEXTS], { linear: linearFile, tiny: languageFolder }, { http: { maxConcurrent: 256 } });
});
after(() => served[Symbol.asyncDispose]());

const predict = (url: string): Promise<Response> =>
  fetch(`${url}/predict`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ model: TEXTS, instances: ["a good film", "a bad one"] }),
  });

test("Poisson arrivals below capacity: no error", async () => {
  const outcomes = await poissonLoad(
    fetching(() => predict(served.url)),
    { rate: 30, seconds: 4, seed: 1 },
  );
  const { statuses, p50, p99, requests } = summary(outcomes);
  console.log(`${requests} requests, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  assert.deepEqual(statuses, { 200: requests });
});

test("an engine that is killed under load is there again within two seconds, and nobody else notices", async () => {
  const { pool } = served.server;
  const pid = pool.pidOf(TEXTS) as number;
  const load = poissonLoad(
    fetching(() => predict(served.url)),
    { rate: 40, seconds: 4, seed: 2 },
  );
  const others = poissonLoad(
    fetching(() =>
      served.post("/v2/models/linear/infer", { inputs: [{ name: "x", shape: [1, 2], datatype: "FP32", data: [1, 2] }] }),
    ),
    {
      rate: 20,
      seconds: 4,
      seed: 3,
    },
  );
  await new Promise((resolve) => setTimeout(resolve, 1000));
  process.kill(pid, "SIGKILL");
  const killed = performance.now();
  while (pool.pidOf(TEXTS) === pid || !pool.list().every(({ isReady }) => isReady))
    await new Promise((resolve) => setTimeout(resolve, 10));
  const back = performance.now() - killed;
  console.log(`a new engine after ${back.toFixed(0)} ms`);
  assert.ok(back < 2000, `${back} ms`);
  // What was under way was run again.
  assert.deepEqual(Object.keys(summary(await load).statuses), ["200"]);
  assert.deepEqual(Object.keys(summary(await others).statuses), ["200"]);
});

test("reloads under load lose no request", async () => {
  const before = served.server.pool.pidOf(TEXTS);
  const ending = new AbortController();
  const load = poissonLoad(
    fetching(() => predict(served.url)),
    { rate: 30, seconds: 60, seed: 4, signal: ending.signal },
  );
  for (let i = 0; i < 5; i++) assert.equal((await served.post(`/v2/repository/models/${TEXTS}/load`, {})).status, 200);
  ending.abort();
  const outcomes = await load;
  assert.notEqual(served.server.pool.pidOf(TEXTS), before);
  assert.deepEqual(
    Object.keys(summary(outcomes).statuses),
    ["200"],
    JSON.stringify(outcomes.find(({ status }) => status !== 200)),
  );
});

test("more than the server takes gets 429 at once, and the others are answered", async () => {
  await using small = await testServer([], { slow: (path) => slowFile(path, 4) }, { http: { maxConcurrent: 4 } });
  const body = { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] };
  const responses = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const start = performance.now();
      const response = await small.post("/v2/models/slow/infer", body);
      return { status: response.status, after: response.headers.get("retry-after"), ms: performance.now() - start };
    }),
  );
  const refused = responses.filter(({ status }) => status === 429);
  assert.equal(responses.filter(({ status }) => status === 200).length + refused.length, 40);
  assert.ok(refused.length >= 30, `${refused.length} were refused`);
  assert.ok(refused.every(({ after: seconds }) => Number(seconds) >= 1));
  assert.equal((await small.post("/v2/models/slow/infer", body)).status, 200);
});

test("kill -TERM under load: every request that was accepted is answered", async () => {
  const run = join(served.folder, TEXTS, "run");
  const child = spawn(process.execPath, [
    MAIN,
    "serve",
    `${TEXTS}=${run}`,
    "--port",
    "0",
    "--threads",
    "1",
    "--log-level",
    "silent",
  ]);
  let [stdout, stderr] = ["", ""];
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
      if (stdout.includes("serving")) resolve();
    });
    child.once("exit", () => reject(new Error(stderr)));
  });
  const url = /http:\S+/.exec(stdout)?.[0] as string;
  const load = poissonLoad(
    fetching(() => predict(url)),
    { rate: 60, seconds: 3, seed: 5 },
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const outcomes = await load;
  const [status] = (await exited) as [number];
  assert.equal(status, 130);
  const lost = outcomes.filter((outcome) => outcome.status !== 200);
  // Those that came later found nobody who listens.
  assert.ok(
    lost.every(({ at, error }) => at > 1400 && /ECONNREFUSED|ECONNRESET|other side closed/.test(error ?? "")),
    JSON.stringify(lost.slice(0, 3)),
  );
  assert.ok(outcomes.some((outcome) => outcome.status === 200) && lost.length > 0);
});

test("kill -TERM while an engine starts: one line, and nothing is left", { skip: process.platform !== "linux" }, async () => {
  const words = [MAIN, "serve", join(served.folder, TEXTS, "run"), "--port", "0", "--log-level", "silent"];
  const child = spawn(process.execPath, words);
  const said = ["", ""];
  [child.stdout, child.stderr].forEach((stream, i) => stream.on("data", (data: Buffer) => (said[i] += data.toString())));
  const exited = once(child, "exit");
  let [engine] = childrenOf(child.pid as number);
  for (; engine === undefined; [engine] = childrenOf(child.pid as number)) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGTERM");
  assert.deepEqual(await exited, [130, null]);
  assert.deepEqual(said, ["", "\ndescent: stopping; once more to leave at once\n"]);
  assert.throws(() => process.kill(engine, 0), { code: "ESRCH" });
});

test("5,000 malformed requests: each is answered as the sender's fault, and the server stays", async () => {
  await using beset = await testServer([TEXTS], { linear: linearFile, tiny: languageFolder }, { http: STORM_LIMITS });
  const port = Number(new URL(beset.url).port);
  const { statuses, wrong } = await storm(port, { count: 5000, seed: 1, model: TEXTS, atOnce: 32 });
  assert.deepEqual(wrong.slice(0, 5), []);
  assert.ok(statuses.size > 20);
  assert.equal((await predict(beset.url)).status, 200);
  assert.deepEqual(
    beset.server.pool.list().map(({ restarts }) => restarts),
    [0, 0, 0],
  );
});

const openssl = spawnSync("openssl", ["version"]).status === 0;

/** A certificate that nobody signed, and its key. */
function certified(name: string): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = ["cert", "key"].map((each) => join(served.folder, `${name}.${each}.pem`)) as [string, string];
  const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const made = spawnSync("openssl", [...words, "-subj", "/CN=models.example", "-keyout", key, "-out", certificate]);
  assert.equal(made.status, 0, String(made.stderr));
  return { certificate, key };
}

test("files that are no certificate with its key are refused by name", { skip: !openssl }, async () => {
  const [own, other] = [certified("kept"), certified("foreign")];
  const locked = join(served.folder, "locked.key.pem");
  const made = spawnSync("openssl", ["pkey", "-in", own.key, "-aes128", "-passout", "pass:secret", "-out", locked]);
  assert.equal(made.status, 0, String(made.stderr));
  const { cert, key } = await readTls(own);
  assert.deepEqual(
    [cert, key].map(String),
    [own.certificate, own.key].map((path) => readFileSync(path, "utf8")),
  );
  for (const [certificate, keyFile, expected] of [
    [own.key, own.key, /^--tls-cert .*kept.key.pem: expected a certificate in PEM, got a file that holds none$/],
    [own.certificate, own.certificate, /^--tls-key .*kept.cert.pem: expected a private key in PEM, got a file that holds none$/],
    [
      own.certificate,
      locked,
      /^--tls-key .*: expected a private key in PEM, got one with a passphrase; take it off: openssl pkey -in /,
    ],
    [own.certificate, other.key, /^--tls-key .*foreign.key.pem: expected the key of .*kept.cert.pem, got another's$/],
    [join(served.folder, "none.pem"), own.key, /^--tls-cert .*none.pem: expected a PEM file, got no such file$/],
    [own.certificate, served.folder, /^--tls-key .*: expected a PEM file, got a folder$/],
  ] as const)
    await assert.rejects(readTls({ certificate, key: keyFile }), (error: Error) => expected.test(error.message));
});

test("a connection that never begins TLS does not hold the end up", { skip: !openssl, timeout: 60_000 }, async () => {
  const secure = await testServer([], { linear: linearFile }, { tls: certified("silent") });
  const silent = connect(Number(new URL(secure.url).port), "127.0.0.1");
  await once(silent, "connect");
  await secure[Symbol.asyncDispose]();
});

test("a reload over TLS knows a certificate that nobody signed by its file", { skip: !openssl }, async () => {
  const [tls, others] = [certified("own"), certified("other")];
  await using secure = await testServer([], { linear: linearFile }, { tls });
  const { port } = new URL(secure.url);
  const before = secure.server.pool.pidOf("linear");
  const reload = async (...words: string[]) => {
    const child = spawn(process.execPath, [MAIN, "serve", "--reload", "--port", port, ...words]);
    let said = "";
    child.stdout.on("data", (data: Buffer) => (said += data.toString()));
    child.stderr.on("data", (data: Buffer) => (said += data.toString()));
    const [status] = (await once(child, "exit")) as [number];
    return { status, said };
  };
  assert.deepEqual(await reload("--tls-cert", tls.certificate), { status: 0, said: "loaded anew: linear\n" });
  assert.notEqual(secure.server.pool.pidOf("linear"), before);
  const wrong = await reload("--tls-cert", others.certificate);
  assert.equal(wrong.status, 2);
  assert.match(wrong.said, /expected the certificate of the server/);
});
