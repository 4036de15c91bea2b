/**
 * One thread of TensorFlow.js's threaded wasm backend in Node. Its own worker script expects a browser's blob addresses; here it gets the same
 * Emscripten module as a file of the package.
 */
const { createRequire } = require("node:module");
const path = require("node:path");
const { compileFunction } = require("node:vm");

const peers = createRequire(path.join(__dirname, "..", "package.json"));
const folder = path.join(peers.resolve("@tensorflow/tfjs-backend-wasm"), "..", "..", "wasm-out");
URL.createObjectURL = () => path.join(folder, "tfjs-backend-wasm-threaded-simd.js");
const { wasmWorkerContents } = peers(path.join(folder, "tfjs-backend-wasm-threaded-simd.worker.js"));
compileFunction(wasmWorkerContents.replaceAll("\n", "\\n"), ["require", "__filename"])(require, __filename);
