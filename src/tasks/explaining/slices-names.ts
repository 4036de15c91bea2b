/** @module Names of the properties by which texts and images are sliced. */

/** Chinese names of the properties that are computed. */
export const SLICE_NAMES_ZH: ReadonlyMap<string, string> = new Map([
  ["class", "类别"],
  ["characters", "字符数"],
  ["brightness", "亮度"],
  ["contrast", "对比度"],
  ["detail", "细节"],
]);
