/**
 * @module Drawings of `descent explain`: a page, one picture, or a folder with pictures and the page.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../util/errors.js";

/** The place that the user named, by its ending: `.html`, `.svg`, `.png`, or none for a folder. */
export interface DrawingPlace {
  readonly place: string;
  readonly extension: string;
}

/** Makers of what may be drawn there; only those asked for are called. */
export interface Drawings {
  readonly page: () => Promise<string>;
  /** The one picture of all, as SVG. */
  readonly picture: () => Promise<string>;
  /** Pictures for a folder, as SVG by their names. */
  readonly pictures: () => Promise<readonly (readonly [name: string, svg: string])[]>;
}

/** Refuses one picture of several inputs. ConfigError. */
export function expectOneInput(place: string, count: number): void {
  if (count !== 1)
    throw new ConfigError(`--draw ${place}: expected one input for one picture, got ${count}; name a folder, or a .html file`);
}

/** Writes drawings; returns the files, by name. The pictures of a folder are PNG files, or SVG where the package that makes PNG is not installed. */
export async function writeDrawings(
  { place, extension }: DrawingPlace,
  { page, picture, pictures }: Drawings,
): Promise<string[]> {
  const { hasPng, svgToPng } = await import("../tasks/explaining/picture-node.js");
  if (extension === ".html") {
    await writeFile(place, await page());
    return [place];
  }
  if (extension !== "") {
    const svg = await picture();
    await writeFile(place, extension === ".svg" ? svg : await svgToPng(svg));
    return [place];
  }
  await mkdir(place, { recursive: true });
  const files: string[] = [];
  const asPng = await hasPng();
  for (const [name, svg] of await pictures()) {
    const file = join(place, `${name}.${asPng ? "png" : "svg"}`);
    await writeFile(file, asPng ? await svgToPng(svg) : svg);
    files.push(file);
  }
  const html = join(place, "index.html");
  await writeFile(html, await page());
  return [...files, html];
}
