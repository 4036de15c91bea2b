/**
 * @module Common code for onnxruntime-node and onnxruntime-web: values and sessions over `onnxruntime-common`'s types.
 */
import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";
import type { DType, StringData, TensorData, TypedArray } from "../graph/index.js";
import { DTYPES, sizeOf } from "../graph/index.js";
import { SessionError } from "../util/errors.js";
import type { Device, Session, Value } from "./runtime.js";
import { own, setOwn } from "../util/record.js";

/** A value that the binding's sessions take. */
export interface EngineValue extends Value {
  readonly tensor: OrtTensor;
  /** The memory of a host value, as a view. */
  readonly data: TypedArray;
}

/** A value that wraps the engine's tensor. */
export class OrtValue implements EngineValue {
  readonly tensor: OrtTensor;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly location: "host" | "device";

  constructor(tensor: OrtTensor) {
    this.tensor = tensor;
    this.dtype = tensor.type as DType;
    this.shape = tensor.dims;
    this.location = tensor.location === "gpu-buffer" ? "device" : "host";
  }

  /** The memory of a host value, as a view. */
  get data(): TypedArray {
    return this.tensor.data as TypedArray;
  }

  [Symbol.dispose](): void {
    this.tensor.dispose();
  }
}

/** float16 numbers travel as bits in a Uint16Array, which the engine's own tensor takes on every platform. */
export function toOrtTensor(Tensor: TensorConstructor, { dtype, shape, data }: TensorData): OrtTensor {
  return new Tensor(dtype as "float32", data as Float32Array, [...shape]);
}

/** The part of a runtime that only the binding's tensors decide. */
export abstract class OrtValues {
  protected abstract readonly tensors: TensorConstructor;

  abstract upload(data: TensorData): Value;

  uploadTexts({ shape, data }: StringData): Value {
    return new OrtValue(new this.tensors("string", [...data], [...shape]));
  }

  /** The strings of a value. Errors: SessionError for a value of numbers. */
  readTexts(value: Value): StringData {
    const { dtype, shape } = value;
    if (dtype !== "string") throw new SessionError(`session: expected a value of texts, got ${dtype}`);
    const { data } = (value as EngineValue).tensor;
    return { dtype, shape, data: Array.from(data as unknown as ArrayLike<string>) };
  }

  allocate(dtype: DType, shape: readonly number[]): Value {
    return this.upload(zeroed(dtype, shape));
  }
}

/** The session option that keeps outputs on the GPU. */
export const onGpu = (names: readonly string[] = []): Pick<InferenceSession.SessionOptions, "preferredOutputLocation"> =>
  names.length === 0 ? {} : { preferredOutputLocation: Object.fromEntries(names.map((name) => [name, "gpu-buffer"])) };

/** The bits of a float16 array under the type that the rest of Descent expects. */
export function fromOrtData(dtype: DType, data: unknown): TypedArray {
  const array = data as TypedArray;
  if (dtype !== "float16" || array instanceof Uint16Array) return array;
  return new Uint16Array(array.buffer, array.byteOffset, array.length);
}

/** Matches the engine's words for a node that failed as it ran. */
const NODE_FAILED = /^Non-zero status code returned while running (\w+) node\. Name:'(.*?)' Status Message: (.*)$/;

/** The engine's words without places in its own source. */
const withoutPlace = (words: string): string =>
  words
    .replace(/^\/\S+:\d+ (?:.*? was false\. |.*?\) (?=[A-Z[]))/, "")
    .replace(/^\[ONNXRuntimeError\] : \d+ : \w+ : (?:\S+:\d+ \w+ )?/, "");

/** The engine's error message in one line, without its error codes and source locations; of a node that failed, with its name first. */
export function engineMessage(cause: unknown): string {
  const line = (cause instanceof Error ? cause.message : String(cause)).split("\n", 1)[0] as string;
  const locale = /Failed to construct locale with name:([^:]+)/.exec(line)?.[1];
  if (locale !== undefined)
    return `the model changes letters as the locale ${locale} does, which this machine lacks; install it (Debian: package locales, then localedef)`;
  const message = line.replace(/^.*ERROR_MESSAGE: /, "");
  const [, op, name, words] = NODE_FAILED.exec(message) ?? [];
  return words === undefined ? withoutPlace(message) : `node "${name}" (${op}): ${withoutPlace(words)}`;
}

/** Differences of one build of the engine from another. */
export interface EngineTraits {
  /** Whether a run writes into host memory that it is given as an output. The browser's build leaves it as it was. */
  readonly fillsHostOutputs: boolean;
  /** Calls of the engine pass through here, since the browser's build must not be entered twice at once. */
  readonly enter: <T>(call: () => Promise<T>) => Promise<T>;
}

/** A session of the engine behind our interface. */
export class OrtSession implements Session {
  readonly device: Device;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #traits: EngineTraits;
  #session: InferenceSession | undefined;

  constructor(session: InferenceSession, device: Device, traits: EngineTraits) {
    this.#session = session;
    this.#traits = traits;
    this.device = device;
    this.inputs = session.inputNames;
    this.outputs = session.outputNames;
  }

  async run(feeds: Readonly<Record<string, Value>>, into?: Readonly<Record<string, Value>>): Promise<Record<string, Value>> {
    const session = this.#session;
    if (session === undefined) throw new SessionError("session: expected an open session, got one that was disposed");
    const inputs: Record<string, OrtTensor> = {};
    for (const name of this.inputs) {
      const value = own(feeds, name);
      if (value === undefined) throw new SessionError(`session: expected a value for input "${name}", got none`);
      setOwn(inputs, name, (value as EngineValue).tensor);
    }
    const outputs: Record<string, OrtTensor | null> = {};
    for (const name of this.outputs) {
      const value = own(into, name) as EngineValue | undefined;
      const isFilled = value !== undefined && (this.#traits.fillsHostOutputs || value.location === "device");
      setOwn(outputs, name, isFilled ? value.tensor : null);
    }
    if (into !== undefined) refuseSharedMemory(feeds, into);
    let results: Record<string, OrtTensor>;
    try {
      results = await this.#traits.enter(() => session.run(inputs, outputs) as Promise<Record<string, OrtTensor>>);
    } catch (cause) {
      throw new SessionError(`engine: ${engineMessage(cause)}`, { cause });
    }
    const values: Record<string, Value> = {};
    for (const name of this.outputs) {
      const result = own(results, name) as OrtTensor;
      const place = own(into, name) as EngineValue | undefined;
      if (place !== undefined && own(outputs, name) === null) copyInto(place, result);
      setOwn(values, name, place ?? new OrtValue(result));
    }
    return values;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) await this.#traits.enter(() => session.release());
  }
}

function copyInto(place: EngineValue, result: OrtTensor): void {
  if (place.dtype !== result.type || place.data.length !== result.size) {
    throw new SessionError(
      `session: expected memory for ${result.type} [${result.dims.join(", ")}], got ${place.dtype} [${place.shape.join(", ")}]`,
    );
  }
  (place.data as Float32Array).set(result.data as Float32Array);
}

/**
 * An output that shares memory with an input, or with part of it, is silently wrong: refuse it. But an output of `inPlace` may be the very value of
 * the input that is named there.
 */
export function refuseSharedMemory(
  feeds: Readonly<Record<string, Value>>,
  into: Readonly<Record<string, Value>>,
  inPlace: Readonly<Record<string, string>> = {},
): void {
  const fed = new Map<unknown, [name: string, value: EngineValue][]>();
  for (const name in feeds) {
    const value = own(feeds, name) as EngineValue;
    const memory = memoryOf(value);
    const there = fed.get(memory);
    if (there === undefined) fed.set(memory, [[name, value]]);
    else there.push([name, value]);
  }
  for (const name in into) {
    const value = own(into, name) as EngineValue;
    const source = fed
      .get(memoryOf(value))
      ?.find(([input, other]) => !(input === own(inPlace, name) && other === value) && overlap(value, other));
    if (source !== undefined)
      throw new SessionError(
        `session: expected outputs with memory of their own, got "${name}" sharing it with input "${source[0]}"`,
      );
  }
}

const memoryOf = (value: EngineValue): unknown => (value.location === "host" ? value.data.buffer : value.tensor.gpuBuffer);

function overlap(a: EngineValue, b: EngineValue): boolean {
  if (a.location === "device") return true;
  const [x, y] = [a.data, b.data];
  return x.byteOffset < y.byteOffset + y.byteLength && y.byteOffset < x.byteOffset + x.byteLength;
}

/** Memory for an output. */
export const zeroed = (dtype: DType, shape: readonly number[]): TensorData => ({
  dtype,
  shape,
  data: DTYPES[dtype].create(sizeOf(shape)),
});
