/**
 * @module Sessions on the CPU that copy nothing. The engine's own binding for Node copies every output into new memory, also those that
 * it was given memory for, and the discarded arrays keep the garbage collector busy; here the engine writes where the caller says.
 */
import type { Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";
import type { DType, TensorData, TypedArray } from "../graph/index.js";
import { checkData } from "../graph/index.js";
import { SessionError } from "../util/errors.js";
import type { SharedArena } from "./ort-arena-node.js";
import type { DirectEngine, OpenSession, Pointer } from "./ort-direct-node.js";
import type { EngineValue } from "./ort-common.js";
import { engineMessage, refuseSharedMemory, toOrtTensor } from "./ort-common.js";
import type { Device, Session, Value } from "./runtime.js";
import { own, setOwn } from "../util/record.js";
import { TaskQueue } from "../util/task-queue.js";

/** Frees native memory whose owner was collected without being disposed of, some time later. */
const dropped = new FinalizationRegistry<() => void>((free) => free());

/** Numbers in an array, for the binding's sessions and for direct ones. */
export class HostValue implements EngineValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly location = "host";
  readonly #Tensor: TensorConstructor;
  #data: TypedArray | undefined;
  #tensor: OrtTensor | undefined;
  #pointer: Pointer | undefined;
  #free: (() => void) | undefined;

  /** Errors: DTypeError or ShapeError for an array that is not what it is said to be. */
  constructor(Tensor: TensorConstructor, given: TensorData) {
    checkData("value", given);
    const { dtype, shape, data } = given;
    this.#Tensor = Tensor;
    this.dtype = dtype;
    this.shape = [...shape];
    this.#data = data;
  }

  get data(): TypedArray {
    if (this.#data === undefined) throw new SessionError("session: expected a value that is alive, got one that was disposed");
    return this.#data;
  }

  get tensor(): OrtTensor {
    const { dtype, shape, data } = this;
    return (this.#tensor ??= toOrtTensor(this.#Tensor, { dtype, shape, data }));
  }

  /** The engine's view of the data, made at the first use. */
  pointerFor(engine: DirectEngine): Pointer {
    const { dtype, shape, data } = this;
    if (this.#pointer !== undefined) return this.#pointer;
    const pointer = engine.wrap({ dtype, shape, data });
    this.#pointer = pointer;
    this.#free = () => engine.free("releaseValue", pointer);
    dropped.register(this, this.#free, this);
    return pointer;
  }

  [Symbol.dispose](): void {
    if (this.#free !== undefined) {
      dropped.unregister(this);
      this.#free();
    }
    this.#free = undefined;
    this.#pointer = undefined;
    this.#tensor = undefined;
    this.#data = undefined;
  }
}

/** Matches the engine's error for a run that was interrupted. */
const STOPPED = /terminate flag/;

/** The longest that timers and signals wait while runs follow each other. */
const TURN_MS = 8;
let turnAt = 0;

/** The shared arena, and the memory that a session's runs take of it, in proportion to others. */
interface SharedBytes {
  readonly arena: SharedArena;
  readonly bytes: number;
}

export interface DirectSessionOptions {
  readonly inPlace?: Readonly<Record<string, string>> | undefined;
  readonly shared?: SharedBytes | undefined;
  readonly aside?: boolean | undefined;
}

/** A session of the engine on the CPU. */
export class DirectSession implements Session {
  readonly device: Device = "cpu";
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #engine: DirectEngine;
  readonly #Tensor: TensorConstructor;
  readonly #inPlace: Readonly<Record<string, string>>;
  readonly #inputNames: ReturnType<DirectEngine["names"]>;
  readonly #outputNames: ReturnType<DirectEngine["names"]>;
  readonly #inputValues: BigUint64Array;
  readonly #outputValues: BigUint64Array;
  readonly #free: () => void;
  readonly #shared: SharedBytes | undefined;
  /** Runs in another thread, one at a time: they share places for their values. */
  readonly #aside: TaskQueue | undefined;
  #session: Pointer | undefined;
  #runs = 0;

  constructor(
    engine: DirectEngine,
    Tensor: TensorConstructor,
    { session, inputs, outputs }: OpenSession,
    { inPlace = {}, shared, aside = false }: DirectSessionOptions = {},
  ) {
    this.#inPlace = inPlace;
    this.#shared = shared;
    this.#aside = aside ? new TaskQueue() : undefined;
    this.#engine = engine;
    this.#Tensor = Tensor;
    this.#session = session;
    this.inputs = inputs;
    this.outputs = outputs;
    this.#inputNames = engine.names(inputs);
    this.#outputNames = engine.names(outputs);
    this.#inputValues = new BigUint64Array(inputs.length);
    this.#outputValues = new BigUint64Array(outputs.length);
    this.#free = () => engine.free("releaseSession", session);
    dropped.register(this, this.#free, this);
  }

  /** Runs synchronously in this thread, then yields to the event loop if it has not had a turn for TURN_MS; in another thread where that was asked for, or there is something to do meanwhile. */
  run(
    feeds: Readonly<Record<string, Value>>,
    into?: Readonly<Record<string, Value>>,
    meanwhile?: () => void,
  ): Promise<Record<string, Value>> {
    const run = (): Promise<Record<string, Value>> => this.#run(feeds, into, meanwhile);
    return this.#aside === undefined ? run() : this.#aside.run(run);
  }

  async #run(
    feeds: Readonly<Record<string, Value>>,
    into: Readonly<Record<string, Value>> | undefined,
    meanwhile: (() => void) | undefined,
  ): Promise<Record<string, Value>> {
    const session = this.#begin(feeds, into);
    const given = [this.#inputNames.addresses, this.#inputValues, this.#outputNames.addresses, this.#outputValues] as const;
    try {
      if (meanwhile === undefined && this.#aside === undefined) this.#engine.run(session, ...given);
      else await this.#engine.runAside(meanwhile, session, ...given);
    } catch (cause) {
      const message = engineMessage(cause);
      throw new SessionError(STOPPED.test(message) ? "session: the run was stopped" : `engine: ${message}`, { cause });
    }
    const values: Record<string, Value> = {};
    for (const [i, name] of this.outputs.entries())
      setOwn(values, name, own(into, name) ?? new HostValue(this.#Tensor, this.#engine.take(this.#outputValues[i] as Pointer)));
    if (this.#aside === undefined && performance.now() - turnAt > TURN_MS) {
      await new Promise((resolve) => setImmediate(resolve));
      turnAt = performance.now();
    }
    return values;
  }

  /** Puts the values of a run in their places. Returns the session. */
  #begin(feeds: Readonly<Record<string, Value>>, into?: Readonly<Record<string, Value>>): Pointer {
    const session = this.#session;
    if (session === undefined) throw new SessionError("session: expected an open session, got one that was disposed");
    for (const [i, name] of this.inputs.entries()) {
      const value = own(feeds, name);
      if (value === undefined) throw new SessionError(`session: expected a value for input "${name}", got none`);
      this.#inputValues[i] = this.#pointerOf(value);
    }
    for (const [i, name] of this.outputs.entries()) {
      const value = own(into, name);
      this.#outputValues[i] = value === undefined ? 0n : this.#pointerOf(value);
    }
    if (into !== undefined) refuseSharedMemory(feeds, into, this.#inPlace);
    this.#shared?.arena.beforeRun(this.#shared.bytes, this.#runs++);
    return session;
  }

  #pointerOf(value: Value): Pointer {
    if (value instanceof HostValue) return value.pointerFor(this.#engine);
    throw new SessionError(`session: expected a value in memory, got one on a ${value.location}; read it and upload it here`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A run in another thread still reads the session.
    await this.#aside?.run(() => undefined);
    if (this.#session === undefined) return;
    this.#session = undefined;
    dropped.unregister(this);
    this.#free();
  }
}
