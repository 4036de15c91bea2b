import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBrowser, loadingError } from "./ort-web.js";

test("a browser without WebAssembly, SIMD or shared memory is told what it lacks", () => {
  assert.doesNotThrow(() => checkBrowser());
  // What a browser does that knows no vectors: it takes plain modules, and not this one.
  const { Memory } = WebAssembly;
  const old = { Memory, validate: (bytes: BufferSource) => WebAssembly.validate(bytes) && bytes.byteLength < 20 };
  assert.ok(old.validate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)));
  assert.throws(() => checkBrowser({ WebAssembly: old }), /expected a browser whose WebAssembly has SIMD \(Chrome 91/);
  function Unshared(): never {
    throw new TypeError("shared memory is disabled");
  }
  const alone = { validate: (bytes: BufferSource) => WebAssembly.validate(bytes), Memory: Unshared as unknown as typeof Memory };
  assert.throws(
    () => checkBrowser({ WebAssembly: alone }),
    /has shared memory, as for threads \(Chrome 91, .*\), got one without$/,
  );
  assert.throws(() => checkBrowser({}), /expected a browser with WebAssembly \(Chrome 91/);
});

test("an engine that a page could not load: a forbidding policy is told from files that are not there", () => {
  const said = (message: string): string | undefined =>
    loadingError("wasm", new Error(`no available backend found. ERR: [wasm] ${message}`))?.message;
  // As Chromium, Firefox and Safari say it.
  for (const policy of [
    "CompileError: WebAssembly.instantiate(): violates the following Content Security policy directive because 'unsafe-eval' is not allowed",
    "CompileError: call to WebAssembly.instantiate() blocked by CSP",
    "Refused to create a WebAssembly object because 'unsafe-eval' or 'wasm-unsafe-eval' is not an allowed source of script",
  ])
    assert.match(
      said(policy) ?? "",
      /expected a page that allows WebAssembly, got a Content-Security-Policy .*'wasm-unsafe-eval'/,
    );
  assert.match(
    said("Aborted(both async and sync fetching of the wasm failed)") ?? "",
    /got none; .*: cp node_modules\/onnxruntime-web\/dist\/ort-wasm-simd-threaded\.wasm dist\/assets\/ /,
  );
  assert.equal(loadingError("wasm", new Error("Add: shapes do not match")), undefined);
});
