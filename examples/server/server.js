/**
 * @module A web server that answers with a trained model: `node server.js runs/churn`, then
 * `curl -d '{"age":41,"plan":"basic"}' http://localhost:3000/predict`.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { Worker } from "node:worker_threads";

const [run = "runs/model", port = "3000"] = process.argv.slice(2);
const LARGEST_BODY = 100_000;

const worker = new Worker(new URL("worker.js", import.meta.url), { workerData: { run, threads: 1 } });
await once(worker, "message");
const pending = new Map();
let nextId = 0;
worker.on("message", ({ id, answer, error }) => {
  pending.get(id)(error === undefined ? [200, answer] : [400, { error }]);
  pending.delete(id);
});
// Without its model the server is of no use: whoever runs it starts it anew.
worker.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});

/** The model's answer for a row, as a status and a body. */
const predict = (row) =>
  new Promise((resolve) => {
    const id = nextId++;
    pending.set(id, resolve);
    worker.postMessage({ id, row });
  });

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > LARGEST_BODY) return undefined;
  }
  return text;
}

async function respond(request) {
  if (request.url !== "/predict" || request.method !== "POST") return [404, { error: "expected POST /predict" }];
  const text = await bodyOf(request);
  if (text === undefined) return [413, { error: `expected at most ${LARGEST_BODY} characters` }];
  try {
    const row = JSON.parse(text);
    if (typeof row !== "object" || row === null || Array.isArray(row)) throw new TypeError("expected an object of columns");
    return await predict(row);
  } catch (error) {
    return [400, { error: error.message }];
  }
}

const server = createServer(async (request, response) => {
  const [status, body] = await respond(request);
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
});
server.listen(Number(port), "127.0.0.1", () => console.log(`http://localhost:${server.address().port}/predict`));
