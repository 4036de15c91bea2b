/** @module The files of the studio, built once and served as they are. */
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { HttpError } from "../http/http-error.js";

/** `dist/studio`, beside the compiled sources. */
const FOLDER = fileURLToPath(new URL("../../studio/", import.meta.url));

const TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".svg", "image/svg+xml"],
  [".woff2", "font/woff2"],
]);

/** A file of the page: names with a hash in them never change; every other path is the page itself, which finds its way. */
export async function pageFile(path: string): Promise<Response> {
  const asset = /^\/assets\/([\w-]+\.[\w.-]+)$/.exec(path)?.[1];
  if (asset === undefined && path.startsWith("/assets/")) throw new HttpError(404, "page: expected one of its files");
  const file = asset === undefined ? "index.html" : join("assets", asset);
  const bytes = await readFile(join(FOLDER, file)).catch(() => undefined);
  if (bytes === undefined) {
    if (asset !== undefined) throw new HttpError(404, "page: expected one of its files");
    throw new HttpError(503, "page: expected the built studio in this installation, got none; run npm run build");
  }
  return new Response(new Uint8Array(bytes), {
    headers: {
      "content-type": TYPES.get(extname(file)) ?? "application/octet-stream",
      "cache-control": asset === undefined ? "no-cache" : "public, max-age=31536000, immutable",
    },
  });
}
