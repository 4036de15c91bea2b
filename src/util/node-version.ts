/** @module The oldest Node that Descent runs in. It imports nothing, so that a Node that is too old reads it. */

/** Says what is wrong with a version of Node that is too old, such as `18.20.8`; undefined for one that will do. */
export function tooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return undefined;
  return `expected Node 20.19 or later, got ${version}; install a newer one (https://nodejs.org)`;
}
