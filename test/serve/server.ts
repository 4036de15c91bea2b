/**
 * @module A server for tests, on a kept run and a file made here, with engines in processes of their own.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constant, fromNumbers, Graph, input, symbol } from "../../src/graph/index.js";
import { exportGraph } from "../../src/onnx/index.js";
import "../../src/ops/index.js";
import { type ServeOptions, type Server, startServer } from "../../src/serve/serve-node.js";
import { keptRuns, unpack } from "../kept-runs.js";

export interface TestServer extends AsyncDisposable {
  readonly server: Server;
  readonly url: string;
  readonly folder: string;
  readonly post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Response>;
}

/** A file that multiplies: y = x · [[1, 2], [3, 4]], for any number of rows. */
export function linearFile(path: string): void {
  const x = input("x", [symbol("N"), 2]);
  const y = x.matMul(constant(fromNumbers("float32", [2, 2], [1, 2, 3, 4])));
  writeFileSync(path, exportGraph(new Graph({ y }), { inputs: [x] }));
}

/** A file whose one run takes as many products of 1024 × 1024 as asked for. */
export function slowFile(path: string, products: number): void {
  const x = input("x", [1]);
  const w = constant(fromNumbers("float32", [1024, 1024], new Float32Array(1024 * 1024).fill(1 / 1024)));
  let y = x.expand([1024, 1024]);
  for (let i = 0; i < products; i++) y = y.matMul(w);
  writeFileSync(path, exportGraph(new Graph({ y: y.reduceMax() }), { inputs: [x] }));
}

/** Starts a server for kept runs, by task, and other files, by name. */
export async function testServer(
  tasks: readonly string[],
  files: Readonly<Record<string, (path: string) => void>> = {},
  options: Partial<ServeOptions> = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "descent-serve-"));
  const runs = keptRuns().filter((run) => run.name === undefined && tasks.includes(run.task));
  const specs = runs.map((run) => {
    unpack(run, join(folder, run.task));
    return { name: run.task, version: "1", path: join(folder, run.task, "run") };
  });
  for (const [name, write] of Object.entries(files)) {
    const path = join(folder, `${name}.onnx`);
    write(path);
    specs.push({ name, version: "1", path });
  }
  const server = await startServer(specs, { host: "127.0.0.1", port: 0, threads: 1, logLevel: "silent", ...options });
  return {
    server,
    url: server.url,
    folder,
    post: (path, body, headers = {}) =>
      fetch(`${server.url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      await server.close(1000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
