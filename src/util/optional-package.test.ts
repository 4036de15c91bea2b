import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { OPTIONAL_PACKAGES, optionalPackage } from "./optional-package.js";

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as Manifest;

test("what messages say to install is what the package names as optional, in the version that is tested", () => {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta, devDependencies } = manifest;
  for (const [name, { version }] of Object.entries(OPTIONAL_PACKAGES)) {
    assert.equal(optionalDependencies[name] ?? devDependencies[name], version, name);
    assert.equal(dependencies[name], undefined, name);
    if (optionalDependencies[name] !== undefined) continue;
    assert.ok(peerDependencies[name] !== undefined && peerDependenciesMeta[name]?.optional === true, name);
  }
  assert.deepEqual(Object.keys(peerDependencies).toSorted(), Object.keys(peerDependenciesMeta).toSorted());
});

test("a package that is missing is named with the line that installs it; an error of its own passes", async () => {
  const absent = Object.assign(new Error("Cannot find package 'sharp' imported from /x.js"), { code: "ERR_MODULE_NOT_FOUND" });
  await assert.rejects(
    optionalPackage("sharp", () => Promise.reject(absent)),
    { name: "ConfigError", message: "image files: expected the package sharp, got none; npm install sharp@0.35.5", exitCode: 2 },
  );
  const other = new Error("Cannot find package 'sharp-libs'");
  await assert.rejects(
    optionalPackage("sharp", () => Promise.reject(other)),
    other,
  );
});
