/**
 * @module A Chromium with one page that has Descent in it: bundled from the compiled files, served from this machine with
 * the headers that let WebAssembly use threads.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import type { Page } from "./page.js";

const dist = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
interface Finder {
  findChromium(): string | undefined;
  HOW_TO_INSTALL: string;
}
const finder = (await import(new URL("../../../scripts/chromium.mjs", import.meta.url).href)) as Finder;
export const executablePath = finder.findChromium();

/** Why browser tests are skipped, or undefined where they run. */
export const withoutChromium = executablePath === undefined ? `no Chromium: ${finder.HOW_TO_INSTALL}` : undefined;

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // WebGPU in software.
  "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan",
]; // prettier-ignore

async function bundle(): Promise<Map<string, Uint8Array>> {
  const { outputFiles } = await build({
    entryPoints: {
      page: join(dist, "test/browser/page.js"),
      "ort-worker-thread-web": join(dist, "src/runtime/ort-worker-thread-web.js"),
    },
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "chrome120",
    // The engine's own glue stays a file of its own, since its threads start from it.
    conditions: ["browser", "onnxruntime-web-use-extern-wasm"],
    outdir: "/",
    write: false,
    logLevel: "error",
  });
  return new Map(outputFiles.map((file) => [file.path, file.contents]));
}

export interface Browser extends AsyncDisposable {
  /** Calls a function of `page.ts` in the page. */
  call<K extends keyof Page>(name: K, ...args: Parameters<Page[K]>): Promise<Awaited<ReturnType<Page[K]>>>;
  /** Errors that the page wrote to its console, or did not catch. */
  readonly complaints: readonly string[];
}

export async function openBrowser(): Promise<Browser> {
  const files = await bundle();
  const engine = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
  const server = createServer((request, response) => {
    const { pathname: path } = new URL(request.url ?? "/", "http://localhost");
    const answer = async (): Promise<void> => {
      const headers = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
      };
      if (path === "/") {
        response.writeHead(200, { ...headers, "Content-Type": "text/html" });
        response.end(
          '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="page.js"></script>',
        );
        return;
      }
      const engineFile = /^\/ort-wasm[\w.-]+\.(mjs|wasm)$/.test(path);
      const content = engineFile ? await readFile(join(engine, path)).catch(() => undefined) : files.get(path);
      const type = path.endsWith(".wasm") ? "application/wasm" : "text/javascript";
      response.writeHead(content === undefined ? 404 : 200, { ...headers, "Content-Type": type });
      response.end(content);
    };
    void answer();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({ executablePath: executablePath as string, args: FLAGS });
  const tab = await browser.newPage();
  const complaints: string[] = [];
  tab.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  tab.on("pageerror", (error) => complaints.push(error.message));
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await tab.waitForFunction(() => "descentPage" in globalThis);
  return {
    complaints,
    call: (name, ...args) =>
      tab.evaluate(
        ([name, args]) => {
          const { descentPage } = globalThis as unknown as { descentPage: Record<string, (...a: unknown[]) => unknown> };
          return (descentPage[name] as (...a: unknown[]) => unknown)(...args);
        },
        [name, args] as [string, unknown[]],
      ) as never,
    async [Symbol.asyncDispose]() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
