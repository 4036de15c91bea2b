import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBrowser } from "./ort-web.js";

test("a browser without WebAssembly, or without SIMD, is told what it lacks", () => {
  assert.doesNotThrow(() => checkBrowser());
  // What a browser does that knows no vectors: it takes plain modules, and not this one.
  const old: Pick<typeof WebAssembly, "validate"> = { validate: (bytes) => WebAssembly.validate(bytes) && bytes.byteLength < 20 };
  assert.ok(old.validate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)));
  assert.throws(() => checkBrowser({ WebAssembly: old }), /expected a browser whose WebAssembly has SIMD \(Chrome 91/);
  assert.throws(() => checkBrowser({}), /expected a browser with WebAssembly \(Chrome 91/);
});
