/**
 * @module `npm run deployments [-- next bun deno webpack vite express docker] [--out FILE]`: the package as it is packed, in fresh projects, set up as docs/deployment.md and
 * docs/browser.md say and in no other way; each is run and its answers are checked. The result is kept in `benchmarks/deployments.json`. Bun and Deno are had as npm
 * packages; a Dockerfile is built where there is a builder, otherwise its lines are run in a folder.
 */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import { arch, cpus, loadavg, platform, tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { chromium } from "playwright-core";
import { findChromium } from "./chromium.mjs";
import { build, install, root } from "./setup.mjs";

const MINUTES = 60_000;
const documentNamed = (name) => readFileSync(join(root, "docs", `${name}.md`), "utf8");
const work = mkdtempSync(join(tmpdir(), "descent-deployments-"));
const log = (text) => console.error(text);

/** Fails with what was expected where a condition does not hold. */
function check(condition, text) {
  if (!condition) throw new Error(text);
}

/** What a program prints, in a folder; throws with its output where it fails. */
function run(folder, command, args, env = {}) {
  const options = { cwd: folder, encoding: "utf8", timeout: 20 * MINUTES, env: { ...process.env, CI: "1", ...env } };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  check(
    status === 0,
    `${command} ${args.join(" ")}: ${error?.message ?? `ended with ${status}`}\n${stdout}${stderr}`.slice(0, 4000),
  );
  return stdout;
}
const npm = (folder, ...args) => run(folder, "npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"]);

let tarball;
/** A fresh project with files, and packages beside Descent's own; `before` are commands for it that come before the installation. */
function project(name, files, packages, ...before) {
  const folder = join(work, name);
  for (const [path, text] of Object.entries({
    "package.json": JSON.stringify({ name, private: true, type: "module" }),
    ...files,
  })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  cpSync(tarball, join(folder, "descentjs.tgz"));
  for (const line of before) run(folder, "sh", ["-c", line]);
  npm(folder, "install", "./descentjs.tgz", ...packages, "--ignore-scripts");
  return folder;
}
const versionOf = (folder, name) => JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")).version;
const versionsIn = (folder, ...names) => Object.fromEntries(names.map((name) => [name, versionOf(folder, name)]));

/** A block of code below a heading of a document. */
function block(heading, language, name = "deployment") {
  const [, section] = new RegExp(`^## ${heading}\\n([^]*?)(?=^## |(?![^]))`, "m").exec(documentNamed(name)) ?? [];
  const [, code] = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "m").exec(section ?? "") ?? [];
  check(code !== undefined, `docs/${name}.md: expected a block of ${language} below "${heading}"`);
  return code;
}

/** A gradient, and a training on the bundled digits to more than nine in ten. */
const PROGRAM = `import { grad, tensor } from "descentjs";
import { crossEntropy } from "descentjs/losses";
import { accuracy } from "descentjs/metrics";
import { Flatten, Linear, relu, Sequential } from "descentjs/nn";
import { adamW } from "descentjs/optim";
import { train } from "descentjs/train";

const x = tensor([1, 2, 3]);
console.log(String(await grad(x.square().sum(), x).data()));
const model = new Sequential(new Flatten(), new Linear(64, 32), relu, new Linear(32, 10));
const run = await train(model, { data: "digits", loss: crossEntropy(), optimizer: adamW({ learningRate: 3e-3 }), metrics: { accuracy }, epochs: 10, batchSize: 32, seed: 1 });
console.log("accuracy", run.summary.metrics.test.accuracy);
await run.dispose();
`;
function checkProgram(printed) {
  check(printed.includes("2,4,6"), `expected the gradient 2,4,6, got ${printed}`);
  const accuracy = Number(/accuracy ([\d.]+)/.exec(printed)?.[1]);
  check(accuracy > 0.9, `expected more than 0.9 of the digits, got ${printed}`);
  return { accuracy };
}

/** The page of docs/browser.md, which says in its title how many points it gets right. */
const PAGE = `import { crossEntropy } from "descentjs/losses";
import { accuracy } from "descentjs/metrics";
import { Linear, relu, Sequential } from "descentjs/nn";
import { adamW } from "descentjs/optim";
import { train } from "descentjs/train";

export async function learn() {
  const points = Array.from({ length: 200 }, (_, i) => ({ x: [i / 100 - 1, 1], label: i < 100 ? "left" : "right" }));
  const run = await train(new Sequential(new Linear(2, 16), relu, new Linear(16, 2)), {
    data: points, loss: crossEntropy(), optimizer: adamW({ learningRate: 0.02 }), metrics: { accuracy }, epochs: 20, seed: 1,
  });
  document.title = \`learned \${run.summary.metrics.test?.accuracy ?? run.summary.metrics.train.accuracy}\`;
  await run.dispose();
}
`;

const freePort = () =>
  new Promise((done) => {
    const socket = createSocket().listen(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => done(port));
    });
  });

/** Starts a server, waits until it answers, and stops it after \`use\`. */
async function serving(folder, command, args, url, use) {
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  try {
    for (let k = 0; ; k++) {
      if (await fetch(url).catch(() => undefined)) break;
      check(k < 600 && child.exitCode === null, `${command}: no answer at ${url}\n${said}`);
      await new Promise((done) => setTimeout(done, 200));
    }
    return await use();
  } finally {
    child.kill();
  }
}

/** Opens a page and waits for its title. */
async function learnedIn(url) {
  const executablePath = findChromium();
  check(executablePath !== undefined, "expected a Chromium for a page, got none");
  const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox"] });
  try {
    const page = await browser.newPage();
    const wrong = [];
    page.on("pageerror", ({ message }) => wrong.push(message));
    await page.goto(url);
    for (let k = 0; k < 600 && wrong.length === 0 && !(await page.title()).startsWith("learned"); k++)
      await page.waitForTimeout(200);
    const accuracy = Number(/learned ([\d.]+)/.exec(await page.title())?.[1]);
    check(accuracy > 0.9, `expected a page that learns, got "${await page.title()}" ${wrong.join("; ")}`);
    return accuracy;
  } finally {
    await browser.close();
  }
}

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
/** Serves a folder as any static host does. */
async function staticHost(folder, use) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const path = join(folder, pathname === "/" ? "index.html" : pathname);
    if (!existsSync(path)) return response.writeHead(404).end();
    return response.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "text/plain" }).end(readFileSync(path));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    return await use(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.close();
  }
}

/** A table, a model of it, and the answers of a server to 500 requests at once, which are those that each gets alone. */
function trainedRun(folder) {
  const rows = Array.from(
    { length: 90 },
    (_, i) => `${18 + (i % 50)},${i % 3 === 0 ? "basic" : "gold"},${i % 50 > 25 ? "yes" : "no"}`,
  );
  writeFileSync(join(folder, "churn.csv"), `age,plan,churned\n${rows.join("\n")}\n`);
  run(folder, "npx", [
    "descent",
    ..."train tabular-classification --data churn.csv --label-column churned --steps 60 --no-check --out runs/model".split(" "),
  ]);
}
async function answersEqually(url, requests) {
  const ask = async (i) => {
    const body = JSON.stringify({ age: 18 + (i % 50), plan: i % 2 ? "basic" : "gold" });
    const response = await fetch(url, { method: "POST", body, headers: { "Content-Type": "application/json" } });
    check(response.status === 200, `${url}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  };
  const alone = [];
  for (let i = 0; i < 50; i++) alone.push(await ask(i));
  const together = await Promise.all(Array.from({ length: requests }, (_, i) => ask(i)));
  for (const [i, answer] of together.entries()) {
    const one = alone[i % 50];
    // Rows of a batch go through other kernels than one alone: the last bits may differ.
    check(
      answer.label === one.label && Math.abs(answer.score - one.score) < 1e-5,
      `request ${i}: ${JSON.stringify(answer)}, alone ${JSON.stringify(one)}`,
    );
  }
  return { concurrentRequests: requests };
}

const mebibytesIn = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size / 2 ** 20, 0);

const NEXT = {
  "package.json": JSON.stringify({ name: "next-app", private: true }),
  "app/layout.jsx": `export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n`,
  "app/page.jsx": `"use client";
import { useEffect } from "react";
export default function Page() {
  useEffect(() => void import("../learn.js").then(({ learn }) => learn()), []);
  return <p>A client component that trains.</p>;
}
`,
  "learn.js": PAGE,
  "app/predict/route.js": `import { fromRows } from "descentjs/data/node";
import { TrainedModel } from "descentjs/tasks/node";
export const runtime = "nodejs";
const opened = TrainedModel.open("runs/model", { threads: 1 });
export async function POST(request) {
  const { model } = await opened;
  const [answer] = await model.answers(await model.task.encode(fromRows([await request.json()]), model.info));
  return Response.json(answer);
}
`,
};

/** The line of docs/browser.md that leaves out what only Node needs. */
const leanPage = () => block("Start", "text", "browser").split("\n")[0];

/** What is documented, by name: sets it up, runs it, and returns what was seen. */
const PLACES = {
  async next() {
    const folder = project("next", { ...NEXT, "next.config.mjs": block("Next.js", "js") }, [
      "onnxruntime-web@1.30.0",
      "next",
      "react",
      "react-dom",
    ]);
    trainedRun(folder);
    run(folder, "npx", ["next", "build"], { NEXT_TELEMETRY_DISABLED: "1" });
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const next = join(folder, "node_modules", "next", "dist", "bin", "next");
    const seen = await serving(folder, process.execPath, [next, "start", "-p", String(port)], url, async () => ({
      ...(await answersEqually(`${url}predict`, 100)),
      accuracyInPage: await learnedIn(url),
    }));
    return { versions: versionsIn(folder, "next", "react"), ...seen };
  },
  async bun() {
    const own = `@oven/bun-${platform()}-${arch()}`;
    const folder = project("bun", { "main.ts": PROGRAM }, [own]);
    return {
      versions: versionsIn(folder, own),
      ...checkProgram(run(folder, join(folder, "node_modules", own, "bin", "bun"), ["main.ts"])),
    };
  },
  async deno() {
    const own = `@deno/${platform()}-${arch()}${platform() === "linux" ? "-glibc" : ""}`;
    const folder = project("deno", { "main.ts": PROGRAM }, [own]);
    return {
      versions: versionsIn(folder, own),
      ...checkProgram(run(folder, join(folder, "node_modules", own, "deno"), ["run", "--allow-all", "main.ts"])),
    };
  },
  async vite() {
    // As most come to it: a project of Vite that is there already. It must still build when Descent has come in.
    const files = { "index.html": `<!doctype html><title>learning</title><script type="module" src="main.js"></script>\n` };
    const folder = join(work, "vite");
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "vite-page", private: true, type: "module" }));
    npm(folder, "install", "vite");
    const manifest = readFileSync(join(folder, "package.json"), "utf8");
    const main = `import { learn } from "./learn.js";\nlearn();\n`;
    project(
      "vite",
      { ...files, "package.json": manifest, "learn.js": PAGE, "main.js": main },
      ["onnxruntime-web@1.30.0"],
      leanPage(),
    );
    run(folder, "npx", ["vite", "build"]);
    const native = readdirSync(join(folder, "node_modules")).includes("@koromix");
    check(!native, "expected a page's packages without koffi's binaries, got some");
    return {
      versions: versionsIn(folder, "vite"),
      nodeModulesMiB: Math.round(mebibytesIn(join(folder, "node_modules"))),
      accuracyInPage: await staticHost(join(folder, "dist"), learnedIn),
    };
  },
  async webpack() {
    const page = `<!doctype html><title>learning</title><script src="main.js"></script>\n`;
    const files = {
      "src/learn.js": PAGE,
      "src/index.js": `import { learn } from "./learn.js";\nlearn();\n`,
      "dist/index.html": page,
    };
    const folder = project("webpack", files, ["onnxruntime-web@1.30.0", "webpack", "webpack-cli"], leanPage());
    run(folder, "npx", ["webpack", "--mode", "production"]);
    return { versions: versionsIn(folder, "webpack"), accuracyInPage: await staticHost(join(folder, "dist"), learnedIn) };
  },
  async express() {
    const server = `import { once } from "node:events";
import { Worker } from "node:worker_threads";
import express from "express";

const worker = new Worker(new URL("worker.js", import.meta.url), { workerData: { run: "runs/model", threads: 1 } });
await once(worker, "message");
const pending = new Map();
worker.on("message", ({ id, answer, error }) => pending.get(id)(answer ?? { error }));
let nextId = 0;
const app = express().use(express.json());
app.post("/predict", async (request, response) => {
  const id = nextId++;
  response.json(await new Promise((done) => { pending.set(id, done); worker.postMessage({ id, row: request.body }); }));
});
app.listen(Number(process.argv[2]), "127.0.0.1");
`;
    const files = { "server.js": server, "worker.js": readFileSync(join(root, "examples", "server", "worker.js"), "utf8") };
    const folder = project("express", files, ["express"]);
    trainedRun(folder);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const seen = await serving(folder, process.execPath, ["server.js", String(port)], url, () =>
      answersEqually(`${url}predict`, 500),
    );
    return { versions: versionsIn(folder, "express"), ...seen };
  },
  async docker() {
    const folder = project("docker", { Dockerfile: block("Docker", "dockerfile"), ".dockerignore": "node_modules\n" }, []);
    cpSync(join(root, "examples", "server"), folder, { recursive: true, filter: (path) => !path.endsWith("package.json") });
    trainedRun(folder);
    if (spawnSync("docker", ["info"], { stdio: "ignore", timeout: MINUTES }).status === 0) {
      // The package comes from a file here, which the image needs, too.
      const file = readFileSync(join(folder, "Dockerfile"), "utf8").replace(
        /^COPY package.json.*$/m,
        "$&\nCOPY descentjs.tgz ./",
      );
      writeFileSync(join(folder, "Dockerfile"), file);
      run(folder, "docker", ["build", "-t", "descent-deployments", "."]);
      return {
        built: true,
        said: run(folder, "docker", ["run", "--rm", "descent-deployments", "npx", "descent", "version"]).trim(),
      };
    }
    return { built: false, ...(await asDocker(folder)) };
  },
};

/** Runs a Dockerfile's lines in a folder in place of an image: what is copied, what is run, what is started. */
async function asDocker(context) {
  const image = join(work, "image");
  mkdirSync(image);
  cpSync(join(context, "descentjs.tgz"), join(image, "descentjs.tgz"));
  const lines = readFileSync(join(context, "Dockerfile"), "utf8")
    .replaceAll(/\\\n\s*/g, "")
    .trim()
    .split("\n");
  let started;
  for (const line of lines) {
    const [, instruction, rest] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (instruction === "FROM") check(/^node:\d+-slim$/.test(rest), `Dockerfile: expected an image of Debian, got ${rest}`);
    else if (instruction === "COPY") {
      const names = rest.split(" ").slice(0, -1);
      for (const name of names)
        cpSync(join(context, name), join(image, name), { recursive: true, filter: (path) => !path.includes("node_modules") });
    } else if (instruction === "RUN") run(image, "sh", ["-c", rest]);
    else if (instruction === "CMD") started = JSON.parse(rest);
    else check(instruction === "WORKDIR", `Dockerfile: no such line: ${line}`);
  }
  const mebibytes = Math.round(mebibytesIn(join(image, "node_modules")));
  const [command, ...args] = started;
  const url = "http://127.0.0.1:3000/";
  return { nodeModulesMiB: mebibytes, ...(await serving(image, command, args, url, () => answersEqually(`${url}predict`, 100))) };
}

install();
build();
const given = process.argv.slice(2);
const out = given.indexOf("--out");
const outFile = out < 0 ? undefined : given.splice(out, 2)[1];
const unknown = given.filter((name) => !Object.hasOwn(PLACES, name));
if (unknown.length > 0) {
  console.error(`deployments: expected ${Object.keys(PLACES).join(", ")}, got ${unknown.join(", ")}`);
  process.exit(2);
}
npm(root, "pack", "--pack-destination", work);
tarball = join(
  work,
  readdirSync(work).find((name) => name.endsWith(".tgz")),
);
const places = {};
for (const name of given.length > 0 ? given : Object.keys(PLACES)) {
  log(`${name} …`);
  const start = performance.now();
  try {
    places[name] = { passed: true, ...(await PLACES[name]()) };
  } catch (error) {
    places[name] = { passed: false, error: error.message };
  }
  places[name].seconds = Math.round((performance.now() - start) / 1000);
  log(`${name}: ${JSON.stringify(places[name])}`);
}
rmSync(work, { recursive: true, force: true });
// Places that were not tried this time keep their last result.
const before = outFile !== undefined && existsSync(outFile) ? JSON.parse(readFileSync(outFile, "utf8")).places : {};
const date = new Date().toISOString().slice(0, 10);
const machine = `${cpus()[0].model}, ${cpus().length} cores, ${platform()}-${arch()}, Node ${process.version}`;
const dated = Object.fromEntries(
  Object.entries(places).map(([name, place]) => [name, { date, loadAverage: Number(loadavg()[0].toFixed(1)), ...place }]),
);
const result = { machine, places: { ...before, ...dated } };
console.log(JSON.stringify(result, undefined, 2));
if (outFile !== undefined) writeFileSync(outFile, `${JSON.stringify(result, undefined, 2)}\n`);
if (Object.values(places).some(({ passed }) => !passed)) process.exit(1);
