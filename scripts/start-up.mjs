/**
 * @module `npm run start-up [-- --out FILE]`: time and bytes to the first training step and to the first answer, cold: in a fresh process of Node, and in a fresh page
 * of Chromium that a server on this machine sends with gzip. Medians of five; the result is kept in `benchmarks/start-up.json`.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { arch, cpus, loadavg, platform } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build as bundle } from "esbuild";
import { chromium } from "playwright-core";
import { findChromium } from "./chromium.mjs";
import { build, install, root } from "./setup.mjs";

const ROUNDS = 5;
/** A network of 85,002 parameters; its first step and its first answer, in milliseconds since the start of the process or page. */
const PROGRAM = `import { fromNumbers } from "descentjs";
import { crossEntropy } from "descentjs/losses";
import { Linear, relu, Sequential } from "descentjs/nn";
import { adamW } from "descentjs/optim";
import { TrainingState, trainingStep } from "descentjs/train";
const imported = performance.now();
const model = new Sequential(new Linear(64, 256), relu, new Linear(256, 256), relu, new Linear(256, 10));
const batch = { x: fromNumbers("float32", [32, 64], new Float32Array(32 * 64).fill(0.5)), label: fromNumbers("int32", [32], new Int32Array(32)) };
const step = trainingStep({ model, loss: ({ x, label }) => crossEntropy(model.forward(x), label), optimizer: adamW() });
const state = await TrainingState.create(step);
await state.run(batch);
const trained = performance.now();
const predict = await state.evaluator({ x: batch.x }, ({ x }) => ({ label: model.forward(x).argMax(1) }));
await predict({ x: batch.x });
const answered = performance.now();
const times = { importedMs: imported, firstStepMs: trained, firstAnswerMs: answered };`;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const medians = (rounds) =>
  Object.fromEntries(Object.keys(rounds[0]).map((key) => [key, Math.round(median(rounds.map((one) => one[key])))]));

function inNode() {
  const end = `console.log(JSON.stringify({ ...times, peakKiB: process.resourceUsage().maxRSS }));`;
  return medians(
    Array.from({ length: ROUNDS }, () => {
      const args = ["--input-type=module", "-e", PROGRAM + end];
      const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
      if (stderr !== "") throw new Error(stderr);
      return JSON.parse(stdout);
    }),
  );
}

/** The page's own script, in pieces, and where the engine's files lie. */
async function pageFiles() {
  const { outputFiles } = await bundle({
    stdin: { contents: `${PROGRAM}\nglobalThis.times = times;`, resolveDir: root },
    bundle: true,
    splitting: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    conditions: ["browser", "onnxruntime-web-use-extern-wasm"],
    outdir: "/",
  });
  const engine = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
  const files = new Map(outputFiles.map(({ path, contents }) => [path, contents]));
  return (path) => files.get(path) ?? readFileSync(join(engine, path));
}

async function inPage() {
  const contentOf = await pageFiles();
  const packed = new Map();
  let [scriptBytes, engineBytes] = [0, 0];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname === "/") {
      response.writeHead(200, { "Content-Type": "text/html" });
      response.end('<!doctype html><link rel="icon" href="data:,"><script type="module" src="stdin.js"></script>');
      return;
    }
    if (!packed.has(pathname)) packed.set(pathname, gzipSync(contentOf(pathname)));
    const body = packed.get(pathname);
    if (pathname.startsWith("/ort-wasm")) engineBytes += body.length;
    else scriptBytes += body.length;
    const type = pathname.endsWith(".wasm") ? "application/wasm" : "text/javascript";
    response.writeHead(200, { "Content-Type": type, "Content-Encoding": "gzip" }).end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const rounds = [];
  // One round before those that count: files are compressed then.
  for (let k = 0; k <= ROUNDS; k++) {
    [scriptBytes, engineBytes] = [0, 0];
    const browser = await chromium.launch({ executablePath: findChromium(), args: ["--headless", "--no-sandbox"] });
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => "times" in globalThis);
    const times = await page.evaluate(() => globalThis.times);
    await browser.close();
    if (k > 0) rounds.push({ ...times, scriptBytes, engineBytes });
  }
  server.close();
  return medians(rounds);
}

install();
build();
const loadAverage = Number(loadavg()[0].toFixed(1));
const result = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0].model}, ${cpus().length} cores, ${platform()}-${arch()}, Node ${process.version}`,
  loadAverage,
  rounds: ROUNDS,
  node: inNode(),
  page: findChromium() === undefined ? undefined : await inPage(),
};
console.log(JSON.stringify(result, undefined, 2));
const out = process.argv.indexOf("--out");
if (out > 0) writeFileSync(process.argv[out + 1], `${JSON.stringify(result, undefined, 2)}\n`);
