import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { createHandler } from "../../src/serve/app.js";
import { Client, ClientError } from "../../src/serve/client.js";
import { type KeptRun, keptRuns } from "../kept-runs.js";
import { linearFile, slowFile, tableFile, type TestServer, testServer } from "./server.js";

let served: TestServer;
before(async () => {
  served = await testServer(["text-classification", "image-classification", "tabular-classification"], {
    linear: linearFile,
    table: tableFile,
  });
});
after(() => served[Symbol.asyncDispose]());

const json = async <T>(response: Response | Promise<Response>): Promise<T> => (await (await response).json()) as T;
type Answers = { readonly answers: readonly { readonly label: string; readonly score: number }[] };

test("answers are those of the runs, for texts, images and rows", async () => {
  const client = new Client({ baseUrl: served.url });
  const expected = (task: string) => keptRuns().find((run) => run.task === task && run.name === undefined) as KeptRun;
  const kept = expected("text-classification");
  const { answers } = await client.predict({ model: "text-classification", instances: kept.inputs as string[] });
  const [first] = kept.half.answers as [{ label: string; score: number }];
  assert.equal(answers[0]?.["label"], first.label);
  assert.ok(Math.abs((answers[0]?.["score"] as number) - first.score) < 1e-3);

  const image = readFileSync(join(served.folder, "image-classification", "data", "digit.png"));
  const form = new FormData();
  form.append("model", "image-classification");
  form.append("image", new Blob([image]), "digit.png");
  const [uploaded] = (await json<Answers>(fetch(`${served.url}/predict`, { method: "POST", body: form }))).answers;
  const [ofImage] = expected("image-classification").half.answers as [{ label: string; score: number }];
  assert.equal(uploaded?.label, ofImage.label);
  assert.ok(Math.abs((uploaded?.score ?? 0) - ofImage.score) < 1e-3);
  const inJson = await client.predict({ model: "image-classification", instances: [{ image: image.toString("base64") }] });
  assert.deepEqual(inJson.answers[0], uploaded);

  const row = await client.predict({ model: "tabular-classification", instances: [{ length: 2, color: "red", height: 3 }] });
  const [ofRow] = expected("tabular-classification").half.answers as [{ label: string; score: number }];
  assert.equal(row.answers[0]?.["label"], ofRow.label);
  assert.ok(Math.abs((row.answers[0]?.["score"] as number) - ofRow.score) < 1e-3);

  const many = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      client.predict({ model: "text-classification", instances: ["good ".repeat(1 + (i % 7))] }),
    ),
  );
  // Batches change no answer.
  assert.deepEqual(many[0]?.answers, (await client.predict({ model: "text-classification", instances: ["good "] })).answers);
  assert.equal((await client.models()).models.length, 5);
  // Infinity for a parser, and a missing value for the model.
  const beyond = '{"model": "tabular-classification", "instances": [{"length": 1e999, "color": "red", "height": 3}]}';
  const answered = await fetch(`${served.url}/predict`, {
    method: "POST",
    body: beyond,
    headers: { "content-type": "application/json" },
  });
  assert.equal(answered.status, 400);
  assert.match((await json<{ error: string }>(answered)).error, /instances\.0\.length: expected a finite number, got infinity/);
  await assert.rejects(
    client.predict({ model: "text-classification", instances: [""] }),
    (error: unknown) => error instanceof ClientError && error.status === 400,
  );
});

test("explanations sum up to the score", async () => {
  const client = new Client({ baseUrl: served.url });
  const { explanations } = await client.explain({ model: "text-classification", instances: ["a good film"] });
  const [one] = explanations;
  assert.deepEqual(
    one?.contributions?.map(({ label }) => label),
    ["a", "good", "film"],
  );
  const sum = one?.contributions?.reduce((total, { value }) => total + value, 0) ?? 0;
  assert.ok(Math.abs(sum - (one?.score ?? 0)) < 0.02 * Math.abs(one?.score ?? 0), `${sum} against ${one?.score}`);
  await assert.rejects(
    client.explain({ model: "text-classification", instances: Array.from({ length: 5 }, () => "a") }),
    /at most 4 at once/,
  );
  await assert.rejects(
    client.explain({ model: "text-classification", instances: ["a"], samples: 1e6 }),
    /samples: expected at most/,
  );
  await assert.rejects(client.explain({ model: "text-classification", instances: ["a"], method: "tea-leaves" }), /tea-leaves/);
});

test("the Open Inference Protocol, in JSON and in raw bytes", async () => {
  const { url, post } = served;
  const metadata = await json<{ inputs: unknown }>(fetch(`${url}/v2/models/linear`));
  assert.deepEqual(metadata.inputs, [{ name: "x", datatype: "FP32", shape: [-1, 2] }]);
  const infer = (body: unknown) => post("/v2/models/linear/versions/1/infer", body);
  const inJson = await json(
    infer({
      id: "7",
      inputs: [
        {
          name: "x",
          shape: [2, 2],
          datatype: "FP32",
          data: [
            [1, 0],
            [0, 2],
          ],
        },
      ],
    }),
  );
  assert.deepEqual(inJson, {
    model_name: "linear",
    model_version: "1",
    id: "7",
    outputs: [{ name: "y", shape: [2, 2], datatype: "FP32", data: [1, 2, 6, 8] }],
  });

  const head = JSON.stringify({
    inputs: [{ name: "x", shape: [1, 2], datatype: "FP32", parameters: { binary_data_size: 8 } }],
    parameters: { binary_data_output: true },
  });
  const body = Buffer.concat([Buffer.from(head), Buffer.from(new Float32Array([1, 1]).buffer)]);
  const raw = await fetch(`${url}/v2/models/linear/infer`, {
    method: "POST",
    body,
    headers: { "inference-header-content-length": String(head.length) },
  });
  const bytes = Buffer.from(await raw.arrayBuffer());
  const length = Number(raw.headers.get("inference-header-content-length"));
  const described = JSON.parse(bytes.subarray(0, length).toString()) as { outputs: unknown };
  assert.deepEqual(described.outputs, [{ name: "y", shape: [1, 2], datatype: "FP32", parameters: { binary_data_size: 8 } }]);
  assert.deepEqual([bytes.readFloatLE(length), bytes.readFloatLE(length + 4)], [4, 6]);

  const texts = {
    inputs: [{ name: "text", shape: [1], datatype: "BYTES", data: ["a good film"] }],
    outputs: [{ name: "label" }],
  };
  const labels = await json<{ outputs: { data: string[] }[] }>(post("/v2/models/text-classification/infer", texts));
  assert.ok(["pos", "neg"].includes(labels.outputs[0]?.data[0] ?? ""));

  const refused = async (given: unknown, expected: RegExp): Promise<void> => {
    const response = await infer(given);
    assert.equal(response.status, 400);
    assert.match((await json<{ error: string }>(response)).error, expected);
  };
  const x = (more: object) => ({ inputs: [{ name: "x", shape: [1, 2], datatype: "FP32", data: [1, 2], ...more }] });
  await refused(x({ data: [1, 2, 3] }), /expected 2 elements/);
  await refused(x({ data: [1, null] }), /expected numbers/);
  await refused(JSON.stringify(x({ data: [1, 2] })).replace("[1,2]}", "[1,1e999]}"), /finite number/);
  await refused(x({ data: [1, 1e39] }), /numbers that FP32 holds/);
  await refused(x({ shape: [1, 3], data: [1, 2, 3] }), /expected \[-1, 2\], got \[1, 3\]/);
  await refused(x({ shape: [1, -2] }), /whole numbers from 1/);
  await refused(x({ datatype: "FP64" }), /expected FP32, got FP64/);
  await refused({ ...x({}), inputs: [] }, /inputs: expected array >= 1 items/);
  // What only the engine finds is the sender's fault as well.
  const beyond = { inputs: [{ name: "i", shape: [1], datatype: "INT64", data: [7] }] };
  const lookedUp = await post("/v2/models/table/infer", beyond);
  assert.equal(lookedUp.status, 400);
  assert.match((await json<{ error: string }>(lookedUp)).error, /values that the model takes, got others: .*out of/);
  await refused(x({ datatype: "FP99" }), /expected a datatype/);
  await refused(x({ name: "z" }), /inputs: expected x, got "z"/);
  await refused('{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, NaN]}]}', /expected JSON/);
  await refused('{"inputs": [], "inputs": []}', /inputs/);
  const nan = Buffer.concat([Buffer.from(head), Buffer.from(new Float32Array([1, NaN]).buffer)]);
  const response = await fetch(`${url}/v2/models/linear/infer`, {
    method: "POST",
    body: nan,
    headers: { "inference-header-content-length": String(head.length) },
  });
  assert.match((await json<{ error: string }>(response)).error, /finite numbers, got NaN/);
});

test("health, readiness, documents and metrics", async () => {
  const { url } = served;
  assert.deepEqual(await json(fetch(`${url}/health`)), { status: "ok" });
  assert.deepEqual(await json(fetch(`${url}/v2/health/live`)), { live: true });
  assert.equal((await fetch(`${url}/v2/health/ready`)).status, 200);
  const { paths } = await json<{ paths: Record<string, unknown> }>(fetch(`${url}/openapi.json`));
  for (const path of ["/predict", "/explain", "/v2/models/{model}/infer"]) assert.ok(paths[path] !== undefined, path);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /descent_requests_total\{route="\/predict",method="POST",status="200"\} \d+/);
  assert.match(metrics, /descent_batch_rows_count\{model="text-classification",kind="predict"\} \d+/);
  const page = await fetch(url);
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  assert.doesNotMatch(`${await page.text()}${await (await fetch(`${url}/try.js`)).text()}`, /https?:\/\/(?!www\.w3\.org)/);
  assert.equal((await fetch(`${url}/nothing`)).status, 404);
  assert.equal((await fetch(`${url}/predict`, { headers: { origin: "http://evil.example" } })).status, 403);
});

test("a request to one engine keeps nobody else waiting, and one that is given up is cancelled", async () => {
  await using busy = await testServer([], { slow: (path) => slowFile(path, 300) });
  const body = { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] };
  const start = performance.now();
  const running = busy.post("/v2/models/slow/infer", body);
  const times: number[] = [];
  const done = new AbortController();
  void running.then(() => done.abort());
  while (!done.signal.aborted) {
    const asked = performance.now();
    await (await fetch(`${busy.url}/health`)).text();
    times.push(performance.now() - asked);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal((await running).status, 200);
  times.sort((a, b) => a - b);
  console.log(
    `inference ${(performance.now() - start).toFixed(0)} ms; /health median ${times[times.length >> 1]?.toFixed(1)}, most ${times.at(-1)?.toFixed(1)} ms of ${times.length}`,
  );
  assert.ok(times.length > 5);
  // The median: other tests share the cores.
  assert.ok((times[times.length >> 1] as number) <= 20, times.join());

  const controller = new AbortController();
  const given = fetch(`${busy.url}/v2/models/slow/infer`, {
    method: "POST",
    body: JSON.stringify(body),
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), 100);
  await assert.rejects(given, { name: "AbortError" });
  const until = performance.now() + 5000;
  const underWay = async (): Promise<string> =>
    /descent_requests_under_way (\d+)/.exec(await (await fetch(`${busy.url}/metrics`)).text())?.[1] ?? "";
  while ((await underWay()) !== "0" && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await underWay(), "0");
  // Counted, as nginx does: the server's own reason for the end of a connection is a text, which no handler of errors gets.
  const counted = await (await fetch(`${busy.url}/metrics`)).text();
  assert.match(counted, /descent_requests_total\{route="\/v2\/models\/:\w+\/infer",method="POST",status="499"\} 1/);
});

test("a model that does not load is named, and the others serve; what a model cannot do is said", async () => {
  const broken = (path: string): void => writeFileSync(path, "no model");
  await using some = await testServer([], { linear: linearFile, broken });
  const get = async (path: string): Promise<readonly [number, unknown]> => {
    const response = await fetch(`${some.url}${path}`);
    return [response.status, await response.json()];
  };
  const models = { "linear@1": true, "broken@1": false };
  assert.deepEqual(await get("/v2/health/ready"), [503, { ready: false, models }]);
  const [, listed] = (await get("/v1/models")) as [number, { data: { id: string }[] }];
  assert.deepEqual(
    listed.data.map(({ id }) => id),
    ["linear"],
  );
  const body = { inputs: [{ name: "x", shape: [1, 2], datatype: "FP32", data: [1, 2] }] };
  assert.equal((await some.post("/v2/models/linear/infer", body)).status, 200);
  assert.equal((await some.post("/v2/models/broken/infer", body)).status, 503);
  const asked = await some.post("/v1/chat/completions", { model: "linear", messages: [{ role: "user", content: "hi" }] });
  assert.equal(asked.status, 400);
  const { error } = (await asked.json()) as { error: { message: string } };
  assert.equal(error.message, "model: expected one that can chat, got one of tabular-regression");
});

test("a model that was put away and is gone is unavailable, which says nothing of its file", async () => {
  await using some = await testServer([], { linear: linearFile, other: linearFile }, { memoryLimitBytes: 1 });
  const ask = (model: string): Promise<Response> =>
    some.post(`/v2/models/${model}/infer`, { inputs: [{ name: "x", shape: [1, 2], datatype: "FP32", data: [1, 2] }] });
  assert.equal((await ask("linear")).status, 200);
  rmSync(join(some.folder, "other.onnx"));
  const gone = await ask("other");
  assert.equal(gone.status, 503);
  assert.deepEqual(await gone.json(), { error: "model: expected one that loads, got other, which does not" });
  assert.equal((await ask("linear")).status, 200);
});

test("a stream whose reader hangs up is noted once", async () => {
  const seen: number[] = [];
  const observer = { request: ({ status }: { status: number }) => void seen.push(status), failure: () => undefined };
  const model = { name: "slow", version: "1", isReady: true, engine: undefined };
  const models = { list: () => [model], engineFor: () => new Promise<never>(() => undefined) };
  const handler = createHandler({ models, observer });
  const leaving = new AbortController();
  const body = JSON.stringify({ model: "slow", prompt: ["a", "b"], stream: true });
  const request = new Request("http://localhost/v1/completions", { method: "POST", body, signal: leaving.signal });
  const response = await handler.fetch(request);
  assert.deepEqual(seen, []);
  leaving.abort();
  await response.body?.cancel().catch(() => undefined);
  assert.deepEqual(seen, [499]);
});

test("who hangs up while a model loads is let go", async () => {
  const model = { name: "slow", version: "1", isReady: true, engine: undefined };
  const models = { list: () => [model], engineFor: () => new Promise<never>(() => undefined) };
  const handler = createHandler({ models });
  const messages = [{ role: "user", content: "hi" }];
  for (const [path, body] of [
    ["/predict", { instances: ["a"] }],
    ["/v1/completions", { model: "slow", prompt: "a" }],
    ["/v1/chat/completions", { model: "slow", messages }],
    ["/v2/models/slow/infer", { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] }],
  ] as const) {
    const leaving = new AbortController();
    const headers = { "content-type": "application/json" };
    const request = new Request(`http://localhost${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    const answer = handler.fetch(request);
    while (handler.underWay() === 0) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    assert.equal((await answer).status, 499, path);
    assert.equal(handler.underWay(), 0, path);
  }
});
