/**
 * @module Drawings of `descent explain`: a page, one picture, or a folder with pictures and the page.
 */
import { existsSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { checkWritable } from "../run/run-folder-files-node.js";
import { ConfigError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";

const FORMATS = [".png", ".svg", ".html"];

/** The place that the user named, by its ending: `.html`, `.svg`, `.png`, or none for a folder. */
export interface DrawingPlace {
  readonly place: string;
  readonly extension: string;
}

/** The place of drawings that an option names, before any are made. ConfigError for one that they cannot be written to. */
export function drawingPlace(draw: string): DrawingPlace {
  if (draw === "") throw new ConfigError("--draw: expected a folder or a file, got nothing");
  const extension = extname(draw).toLowerCase();
  if (extension !== "" && !FORMATS.includes(extension))
    throw new ConfigError(`--draw: expected a folder, or a ${FORMATS.join(", ")} file, got ${draw}`);
  checkWritable(dirname(draw), `--draw ${draw}`);
  if (existsSync(draw)) {
    const isFolder = statSync(draw).isDirectory();
    if (isFolder && extension !== "")
      throw new ConfigError(`--draw ${draw}: expected a ${extension} file to write, got a folder`);
    if (!isFolder && extension === "") throw new ConfigError(`--draw ${draw}: expected a folder to write to, got a file`);
    if (isFolder) checkWritable(draw, `--draw ${draw}`);
  }
  return { place: draw, extension };
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
export function expectOneInput({ place, extension }: DrawingPlace, count: number): void {
  if (count !== 1 && extension !== "" && extension !== ".html")
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
  // Not recursive: Node then never returns in a folder in which none can be made, such as /proc.
  if (!existsSync(place))
    await mkdir(place).catch((cause: unknown) => {
      throw new ConfigError(`--draw ${place}: expected a folder that can be made, got ${fileReason(cause)}`, { cause });
    });
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
