/** @module The image of an item as a response. Its bytes are what they are: a picture of a kind that browsers only draw. */
import { join } from "node:path";
import { HttpError } from "../http/http-error.js";
import { readRegularFile } from "../util/regular-file-node.js";
import type { Payload } from "./scheme.js";

/** Beginnings of files, and the types that they are sent as. SVG is none of them: it runs scripts. */
const TYPES: readonly (readonly [type: string, matches: (bytes: Uint8Array) => boolean])[] = [
  ["image/png", (b) => b[0] === 0x89 && b[1] === 0x50 && b[2] === 0x4e && b[3] === 0x47],
  ["image/jpeg", (b) => b[0] === 0xff && b[1] === 0xd8],
  ["image/gif", (b) => b[0] === 0x47 && b[1] === 0x49 && b[2] === 0x46],
  ["image/webp", (b) => b[0] === 0x52 && b[1] === 0x49 && b[8] === 0x57 && b[9] === 0x45],
  ["image/bmp", (b) => b[0] === 0x42 && b[1] === 0x4d],
];

/** Answers with an item's image. HttpError 404 for an item without one, and for a file that is gone or no image. */
export async function itemImage(folder: string, { image }: Payload): Promise<Response> {
  if (image === undefined) throw new HttpError(404, "item: expected one with an image");
  const bytes = await readRegularFile(join(folder, image.file)).catch(() => undefined);
  const type = bytes && TYPES.find(([, matches]) => matches(bytes))?.[0];
  if (bytes === undefined || type === undefined)
    throw new HttpError(404, "image: expected a PNG, JPEG, GIF, WebP or BMP file, got none");
  return new Response(new Uint8Array(bytes), {
    headers: {
      "content-type": type,
      "content-security-policy": "default-src 'none'",
      "x-content-type-options": "nosniff",
      "cache-control": "private, max-age=3600",
    },
  });
}
