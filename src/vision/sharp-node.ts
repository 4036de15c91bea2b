/**
 * @module sharp, loaded when an image file is first read or written.
 */
import type * as SharpLibrary from "sharp";
import { optionalPackage } from "../util/optional-package.js";

/** Loads the library that decodes images, when it is first needed. */
export const loadSharp = async (): Promise<typeof SharpLibrary.default> =>
  (await optionalPackage("sharp", () => import("sharp"))).default;
