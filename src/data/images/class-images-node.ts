/**
 * @module Images in folders and archives that are called by their class, or whose names begin with it.
 */
import type { ExampleFiles, FilesByPart } from "../class-folders-node.js";
import { archivedClasses, checkClasses, partsOf, readClassFolders } from "../class-folders-node.js";
import { encodeLabels } from "../labels.js";
import { entriesDataset } from "./encoded.js";
import { IMAGE_FILE } from "./manifest.js";
import type { Parts } from "../parts.js";
import type { TarFile } from "./tar.js";

/** Names that cameras and programs give to images, which are no classes. */
const NO_CLASS = /^(?:im|ima?ge?s?|dsc[nf]?|pxl|mvi|dji|wa|photo|picture|pic|frame|screenshot|scan|sample|train|test|val)$/i;

const IMAGES: ExampleFiles = {
  what: "images",
  isExample: (file) => IMAGE_FILE.test(file),
  // dog.1.jpg, american_bulldog_12.jpg, dog (3).png; 17_dog.png
  classOf: (file) => {
    const found =
      /^(?<name>\P{L}*?\p{L}.*?)[\s._()-]*\d+\)?\.\w+$/u.exec(file) ?? /^\d+[_ -](?<name>\p{L}[^\d]*)\.\w+$/u.exec(file);
    const name = found?.groups?.["name"];
    return name === undefined || NO_CLASS.test(name) ? undefined : name;
  },
};

/** Parts from files; labels become indices of the training part's classes. */
async function imageParts(byPart: FilesByPart, where: string): Promise<Parts | undefined> {
  if (byPart.size === 0) return undefined;
  const classes = checkClasses(byPart, where);
  return partsOf(byPart, (files) => {
    const rows = entriesDataset(files);
    return rows.with({ label: encodeLabels(rows.column("label"), classes, where) });
  });
}

/** The parts of a folder of images, or undefined where it is none. Errors: DataError for classes without images, or one class alone. */
export const readImageFolder = async (folder: string, notes?: string[]): Promise<Parts | undefined> =>
  imageParts(await readClassFolders(folder, IMAGES, notes), folder);

/** The parts of an archive of images, or undefined where it has none in folders. */
export const imageArchive = (files: readonly TarFile[], where: string, notes?: string[]): Promise<Parts | undefined> =>
  imageParts(archivedClasses(files, where, IMAGES, notes), where);
