/**
 * @module The part of jax-js (`@jax-js/jax`) that the benchmarks use, typed by hand because its package is not part of the main install, and its start.
 *
 * Its arrays are counted by hand: passing one to a function gives it away, `.ref` keeps it.
 */
import type { NamedTensor } from "../tensor-file.js";
import { loadPeer } from "./npm-packages.js";
import { installWebWorkers } from "./web-worker.js";

/** A jax-js array. */
export interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  sum(axis?: number | number[]): JaxArray;
  mean(axis?: number | number[], options?: { keepdims?: boolean }): JaxArray;
  reshape(shape: number[]): JaxArray;
  transpose(axes?: number[]): JaxArray;
  slice(...indices: unknown[]): JaxArray;
  astype(dtype: unknown): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** The module. */
export interface Jax {
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): string;
  jit<F>(f: F, options?: { staticArgnums?: number[] }): F & { dispose(): void };
  valueAndGrad<P, A extends unknown[]>(f: (parameters: P, ...rest: A) => JaxArray): (parameters: P, ...rest: A) => [JaxArray, P];
  blockUntilReady<T>(tree: T): Promise<T>;
  numpy: {
    array(values: Float32Array | Int32Array, options?: { shape?: number[]; dtype?: unknown }): JaxArray;
    dot(a: JaxArray, b: JaxArray): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    maximum(a: JaxArray, b: JaxArray | number): JaxArray;
    sqrt(a: JaxArray): JaxArray;
    square(a: JaxArray): JaxArray;
    float32: unknown;
    int32: unknown;
  };
  nn: {
    relu(x: JaxArray): JaxArray;
    gelu(x: JaxArray, options?: { approximate?: boolean }): JaxArray;
    logSoftmax(x: JaxArray, axis?: number): JaxArray;
    oneHot(x: JaxArray, classes: number): JaxArray;
    standardize(x: JaxArray, axis?: number, options?: { epsilon?: number }): JaxArray;
    dotProductAttention(q: JaxArray, k: JaxArray, v: JaxArray, options?: { isCausal?: boolean }): JaxArray;
  };
  tree: {
    ref<T>(tree: T): T;
    dispose(tree: unknown): void;
    map<T>(f: (leaf: JaxArray, ...rest: JaxArray[]) => JaxArray, tree: T, ...rest: T[]): T;
  };
}

/** Starts its wasm device; `threads` of them where the variant says so, through a `Worker` that Node does not have. */
export async function startJax(
  variant: string | undefined,
  threads: number,
): Promise<{ jax: Jax; version: string; notes: string }> {
  const threaded = variant === "threads";
  if (threaded) installWebWorkers(threads);
  provideIteratorHelpers();
  const { library, version } = loadPeer("@jax-js/jax");
  const jax = library as Jax;
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const how = threaded
    ? `${threads} worker threads through a Worker that the benchmark provides`
    : "one thread: without Worker, Node gets no more";
  return { jax, version, notes: `wasm, the whole step in one jit; ${how}` };
}

/** Its einsum calls `map` and `filter` of iterators, which Node has from 22 on. */
function provideIteratorHelpers(): void {
  type Helpers = Record<"map" | "filter", unknown>;
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as Helpers;
  prototype.map ??= function* (this: Iterable<unknown>, f: (value: unknown) => unknown) {
    for (const value of this) yield f(value);
  };
  prototype.filter ??= function* (this: Iterable<unknown>, f: (value: unknown) => boolean) {
    for (const value of this) if (f(value)) yield value;
  };
}

/** A tensor of the inputs file as a jax-js array. */
export function toJax(jax: Jax, { shape, values }: NamedTensor): JaxArray {
  const dtype = values instanceof Int32Array ? jax.numpy.int32 : jax.numpy.float32;
  return jax.numpy.array(values, { shape: [...shape], dtype });
}
