/** @module `descent trim`. */
import { readdirSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ConfigError } from "../../util/errors.js";
import { loadingError } from "../../util/optional-package.js";
import { checkEnginePlatform } from "../platform.js";
import { defineVerb } from "../verb.js";

/** Folder of the engine's package, without loading the engine. */
function engineFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  } catch (error) {
    throw loadingError("onnxruntime-node", error);
  }
}

const namesIn = (folder: string): string[] => readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory());

const mebibytesIn = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size / 2 ** 20, 0);

/** Folders with a binary in the engine's package, with their platforms: `bin/napi-v6/linux/x64`. */
const binaries = (engine: string): { readonly platform: string; readonly folder: string }[] =>
  namesIn(join(engine, "bin"))
    .map((version) => join(engine, "bin", version))
    .flatMap((bin) =>
      namesIn(bin).flatMap((system) =>
        namesIn(join(bin, system)).map((arch) => ({ platform: `${system}-${arch}`, folder: join(bin, system, arch) })),
      ),
    );

export const verb = defineVerb({
  positionals: [],
  options: {},
  examples: ["descent trim"],
  async run({ print }) {
    checkEnginePlatform();
    const here = `${process.platform}-${process.arch}`;
    const engine = engineFolder();
    const found = binaries(engine);
    // Without a binary of this platform the others are not in the way: the package is not whole.
    if (!found.some(({ platform }) => platform === here))
      throw new ConfigError(
        `trim: expected a binary for ${here} in ${engine}, got none; remove that folder and install again (npm install --ignore-scripts)`,
      );
    const others = found.filter(({ platform }) => platform !== here);
    const freed = others.reduce((sum, { folder }) => sum + mebibytesIn(folder), 0);
    for (const { folder } of others) rmSync(folder, { recursive: true });
    const removed = others.map(({ platform }) => platform);
    print(
      removed.length === 0
        ? `nothing to remove: ${engine} has the binary for ${here} alone`
        : `removed the engine's binaries for ${removed.join(", ")}: ${Math.round(freed)} MiB; kept ${here}`,
    );
    return { engine, kept: here, removed, freedMiB: Math.round(freed) };
  },
});
