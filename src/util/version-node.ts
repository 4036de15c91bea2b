/** @module The version of this package. */
import { readFile } from "node:fs/promises";

/** The version in this package's `package.json`. */
export async function descentVersion(): Promise<string> {
  const file = await readFile(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(file) as { version: string }).version;
}
