/**
 * @module The measured rates of this machine, kept in a file of the user, so that they are measured once.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, homedir } from "node:os";
import { dirname, join } from "node:path";
import * as z from "zod";
import type { DeviceChoice } from "../runtime/index.js";
import { platformRuntime, resolveDevice } from "../runtime/index.js";
import type { Machine } from "./machine.js";
import { measureMachine } from "./measure-machine.js";
import { makeFolders } from "../util/folders-node.js";

const rate = z.number().positive();
/** A file of another version is measured anew. */
const VERSION = 3;
const machineSchema = z.object({
  version: z.literal(VERSION),
  processor: z.string(),
  machine: z.object({
    device: z.enum(["cpu", "wasm", "webgpu", "cuda"]),
    threads: z.int().positive(),
    channelBlock: z.int().positive(),
    productFlops: rate,
    smallProductFlops: rate,
    convolutionFlops: rate,
    plainConvolutionFlops: rate,
    depthwiseFlops: rate,
    memoryBandwidth: rate,
    cacheBandwidth: rate,
    copyBandwidth: rate,
    strideBandwidth: rate,
    transposeBandwidth: rate,
    normalizationBandwidth: rate,
    poolingRate: rate,
    scatterRate: rate,
    functionRate: rate,
    nodeSeconds: rate,
  }),
});

/** The folder of caches: `$XDG_CACHE_HOME/descent`, or `~/.cache/descent`. */
export const cacheFolder = (env: Readonly<Record<string, string | undefined>> = process.env): string =>
  join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "descent");

const processorName = (): string => cpus()[0]?.model.trim() ?? "unknown";

/** Reads the file; undefined where there is none, or it is of another processor, version or form. */
function readMachine(path: string): Machine | undefined {
  try {
    const read = machineSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    return read.processor === processorName() ? read.machine : undefined;
  } catch {
    // Whatever is wrong with a cache, it is made anew.
    return undefined;
  }
}

function writeMachine(path: string, machine: Machine): void {
  try {
    makeFolders(dirname(path));
    const aside = `${path}.${process.pid}`;
    writeFileSync(aside, `${JSON.stringify({ version: VERSION, processor: processorName(), machine }, undefined, 2)}\n`);
    renameSync(aside, path);
  } catch {
    // A home that cannot be written costs a measurement each time, no more.
  }
}

/** Options of measuring a machine. */
export interface MachineOptions {
  readonly device?: DeviceChoice;
  readonly threads?: number | undefined;
  /** Measures anew, whatever the file says. */
  readonly remeasure?: boolean;
  /** Says that a measurement begins. */
  readonly note?: (text: string) => void;
  readonly folder?: string;
}

/** The rates of this machine: from the file, or measured in about four seconds and kept there. */
export async function thisMachine(options: MachineOptions = {}): Promise<Machine> {
  const { threads = availableParallelism(), remeasure = false, note = () => undefined, folder = cacheFolder() } = options;
  const device = await resolveDevice(await platformRuntime(), options.device ?? "cpu");
  const path = join(folder, `machine-${device}-${threads}.json`);
  const kept = remeasure ? undefined : readMachine(path);
  if (kept !== undefined) return kept;
  note(`measuring this machine (${device}, ${threads} threads), about 4 seconds; kept in ${path}`);
  const machine = await measureMachine({ device, threads });
  writeMachine(path, machine);
  return machine;
}

/** Reads what the file says, without measuring; undefined where there is none. */
export function knownMachine(
  device: string,
  threads: number = availableParallelism(),
  folder: string = cacheFolder(),
): Machine | undefined {
  return readMachine(join(folder, `machine-${device}-${threads}.json`));
}
