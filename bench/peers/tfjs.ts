/**
 * @module The part of TensorFlow.js that the benchmarks use, typed by hand because its packages are not part of the main install, and its start.
 */
import { fileURLToPath } from "node:url";
import type { NamedTensor } from "../tensor-file.js";
import { loadPeer, peerFolder } from "./npm-packages.js";

/** A tensor. */
export interface TfTensor {
  readonly shape: number[];
  dataSync(): Float32Array;
  data(): Promise<Float32Array>;
  dispose(): void;
}
/** A variable: a tensor that an optimizer replaces. */
export interface TfVariable extends TfTensor {
  assign(value: TfTensor): void;
}

/** An optimizer. */
export interface TfOptimizer {
  minimize(f: () => TfTensor, returnCost: true): TfTensor;
}

/** The module `@tensorflow/tfjs-core`. */
export interface Tf {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  env(): { set(flag: string, value: boolean): void };
  enableProdMode(): void;
  tensor(values: Float32Array | Int32Array, shape: number[], dtype: "float32" | "int32"): TfTensor;
  variable(value: TfTensor): TfVariable;
  transpose(x: TfTensor, order?: number[]): TfTensor;
  relu(x: TfTensor): TfTensor;
  add(a: TfTensor, b: TfTensor): TfTensor;
  matMul(a: TfTensor, b: TfTensor): TfTensor;
  mean(x: TfTensor, axes: number[]): TfTensor;
  moments(x: TfTensor, axes: number[]): { mean: TfTensor; variance: TfTensor };
  batchNorm(x: TfTensor, mean: TfTensor, variance: TfTensor, offset: TfTensor, scale: TfTensor, epsilon: number): TfTensor;
  conv2d(x: TfTensor, w: TfTensor, stride: number, pad: number): TfTensor;
  conv2dTranspose(x: TfTensor, w: TfTensor, shape: [number, number, number, number], stride: number, pad: number): TfTensor;
  reverse(x: TfTensor, axes: number[]): TfTensor;
  pad(x: TfTensor, widths: [number, number][]): TfTensor;
  slice(x: TfTensor, begin: number[], size: number[]): TfTensor;
  stridedSlice(x: TfTensor, begin: number[], end: number[], strides: number[]): TfTensor;
  stack(tensors: TfTensor[]): TfTensor;
  reshape(x: TfTensor, shape: number[]): TfTensor;
  /** f is given its tensors and, last, a function to save tensors for the gradient. */
  customGrad(
    f: (
      x: TfTensor,
      w: TfTensor,
      save: (saved: TfTensor[]) => void,
    ) => { value: TfTensor; gradFunc: (dy: TfTensor, saved: TfTensor[]) => TfTensor[] },
  ): (x: TfTensor, w: TfTensor) => TfTensor;
  fused: { matMul(options: { a: TfTensor; b: TfTensor; bias: TfTensor }): TfTensor };
  losses: { softmaxCrossEntropy(oneHotLabels: TfTensor, logits: TfTensor): TfTensor };
  oneHot(x: TfTensor, depth: number): TfTensor;
  train: { sgd(learningRate: number): TfOptimizer; momentum(learningRate: number, momentum: number): TfOptimizer };
}

/** Starts a backend: `cpu`, or `wasm` with SIMD and, for the variant "threads", several threads. */
export async function startTf(
  backend: "cpu" | "wasm",
  variant: string | undefined,
  threads: number,
): Promise<{ tf: Tf; version: string; notes: string }> {
  const { library, version } = loadPeer("@tensorflow/tfjs");
  const tf = library as Tf;
  if (backend === "wasm") {
    const wasm = loadPeer("@tensorflow/tfjs-backend-wasm").library as {
      setWasmPaths(folder: string): void;
      setThreadsCount(n: number): void;
    };
    wasm.setWasmPaths(`${peerFolder("@tensorflow/tfjs-backend-wasm")}/dist/`);
    if (variant === "threads") {
      // It switches threads off in Node (tensorflow/tfjs#3830), where only the addresses of its worker scripts are in the way.
      tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", true);
      URL.createObjectURL = () => fileURLToPath(new URL("../../../bench/peers/tfjs-thread.cjs", import.meta.url)); // from dist/bench/peers
      wasm.setThreadsCount(threads);
    }
  }
  tf.enableProdMode();
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js could not start its backend ${backend}`);
  await tf.ready();
  return {
    tf,
    version,
    notes:
      backend === "cpu" ? "plain JavaScript" : `wasm with SIMD, ${variant === "threads" ? `${threads} threads` : "one thread"}`,
  };
}

/** A tensor of the inputs file. */
export function toTf(tf: Tf, { shape, values }: NamedTensor): TfTensor {
  return tf.tensor(values, [...shape], values instanceof Int32Array ? "int32" : "float32");
}
