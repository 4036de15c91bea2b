/**
 * @module Agreement among the ranks of a training before its first step: that they train the same, and who reads and writes the run.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "../../data/node.js";
import { isText } from "../../data/node.js";
import type { ProcessGroup } from "../../parallel/index.js";
import { broadcastJson, gatherJson, nameOfRank } from "../../parallel/index.js";
import type { Device, DeviceChoice } from "../../runtime/index.js";
import { RUN_FILES } from "../../run/run-folder.js";
import { splitRunPath } from "../../run/run-folder-node.js";
import { ConfigError } from "../../util/errors.js";
import { kebabCase } from "../../util/option.js";
import { defined, own, setOwn } from "../../util/record.js";
import { descentVersion } from "../../util/version-node.js";
import type { Opened } from "./open-run-node.js";
import type { TrainingSetup } from "./setup-node.js";
import type { TrainTaskOptions } from "./training-options.js";

/** Starts of text and bytes that a hash takes, so that `ab` `c` is not `a` `bc`. */
function hashOf(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 16);
}

function* partsOf(dataset: Dataset): Generator<string | Uint8Array> {
  for (const [name, column] of dataset.entries()) {
    yield name;
    if (isText(column)) {
      yield JSON.stringify(column.values);
      continue;
    }
    const { data, encoded } = column;
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (encoded !== undefined) yield encoded;
  }
}

/** Options that are each rank's own, or the first one's. */
const OWN_OPTIONS: ReadonlySet<string> = new Set(["threads", "device", "lang", "check"]);

/** ConfigError with the first thing that ranks were told differently, before any of them acts on it. */
async function checkSameAsked(asked: TrainTaskOptions, resume: string | undefined, group: ProcessGroup): Promise<void> {
  const told = { ...asked, resume, version: await descentVersion() };
  const all = await gatherJson(
    group,
    Object.entries(defined(told)).map(([name, value]) => [name, JSON.stringify(value)] as const),
  );
  const [first = new Map<string, string>(), ...others] = all.map((entries) => new Map(entries));
  for (const [i, other] of others.entries())
    for (const name of ["version", ...first.keys(), ...other.keys()]) {
      if (first.get(name) === other.get(name) || OWN_OPTIONS.has(name)) continue;
      const what = name === "version" ? "version of Descent" : `--${kebabCase(name)}`;
      const [here, there] = [first, other].map((of) => of.get(name) ?? "none");
      throw new ConfigError(
        `ranks: expected the same ${what} on all of them, got ${here} on ${nameOfRank(group, 0)} and ${there} on ${nameOfRank(group, i + 1)}; start all of them with one command, and install the same on every host`,
      );
    }
}

/** Values that must be equal on all ranks, by the name under which a difference is reported. */
async function fingerprint(setup: TrainingSetup, library: string): Promise<Record<string, string>> {
  const { prepared, resolved, step } = setup;
  const { threads: _threads, device: _device, ...options } = resolved;
  const shapes = [...step.types.parameters].map(([path, p]) => `${path} ${p.dtype} ${p.dims.join("×")}`);
  return {
    "version of MPI": library,
    "examples in the training part": String(prepared.train.length),
    "training data": hashOf(partsOf(prepared.train)),
    "validation data": hashOf(partsOf(prepared.validation)),
    options: hashOf([JSON.stringify(defined(options))]),
    model: hashOf([...shapes, ...weightParts(setup)]),
  };
}

function* weightParts({ weights }: TrainingSetup): Generator<string | Uint8Array> {
  for (const [path, { data }] of weights ?? []) {
    yield path;
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

/**
 * Compares what the ranks are about to train.
 *
 * Errors: ConfigError with the first difference, and the rank that differs from rank 0.
 */
export async function checkSameOnRanks(setup: TrainingSetup, group: ProcessGroup): Promise<void> {
  if (group.size === 1) return;
  const all = await gatherJson(group, await fingerprint(setup, group.library));
  const first = all[0] as Record<string, string>;
  for (const [rank, other] of all.entries())
    for (const [name, value] of Object.entries(other))
      if (value !== first[name])
        throw new ConfigError(
          `ranks: expected the same ${name} on all of them, got ${first[name]} on ${nameOfRank(group, 0)} and ${value} on ${nameOfRank(group, rank)}; install and copy the same to every host`,
        );
}

/** Ranks that do not see the folder that rank 0 has locked; all ranks ask. */
export async function blindRanks(folder: string, group: ProcessGroup): Promise<number[]> {
  await group.meet();
  // The lock names one process at one time: a folder of the same name has another one.
  const locks = await gatherJson(group, await readFile(join(folder, RUN_FILES.lock), "utf8").catch(() => ""));
  return locks.flatMap((lock, rank) => (lock === locks[0] ? [] : [rank]));
}

/** Says that some hosts do not see the run's folder, and what follows from it. Returns whether this rank's is one. */
export async function noteUnshared(out: string, group: ProcessGroup, note: (text: string) => void): Promise<boolean> {
  const blind = await blindRanks(out, group);
  const named = blind.map((rank) => nameOfRank(group, rank)).join(", ");
  if (blind.length > 0)
    note(
      `${out} lies on ${group.hosts[0]} alone, ${named} ${blind.length === 1 ? "does" : "do"} not see it: to resume, start rank 0 on that host again, or put --out into a folder that all hosts share`,
    );
  return blind.includes(group.rank);
}

/** ConfigError where rank 0 does not see the run to resume and another rank does. */
async function checkSeen(run: string, group: ProcessGroup): Promise<void> {
  const sees = await gatherJson(group, existsSync(join(run, RUN_FILES.config)));
  const other = sees.indexOf(true);
  if (other > 0)
    throw new ConfigError(
      `--resume ${run}: expected the run on ${group.hosts[0]}, the host of rank 0, got one on ${group.hosts[other]} alone; start rank 0 there (mpirun --host ${group.hosts[other]},…), or copy the run into a folder that all hosts share`,
    );
}

/** The run to resume as rank 0 has opened it, for ranks that do not read or lock it. */
export async function openTogether(
  group: ProcessGroup,
  asked: TrainTaskOptions,
  resume: string | undefined,
  open: () => Promise<Opened>,
): Promise<Opened> {
  if (group.size === 1) return open();
  await checkSameAsked(asked, resume, group);
  if (resume !== undefined) await checkSeen(splitRunPath(resume).run, group);
  const opened = group.rank === 0 ? await open() : undefined;
  const described = await broadcastJson(group, () => {
    const { writer: _writer, checkpoint, resumed, ...rest } = opened as Opened;
    const { files, ...about } = checkpoint ?? {};
    const { graph, ...others } = resumed ?? {};
    return Promise.resolve({
      ...rest,
      resumed: resumed === undefined ? undefined : others,
      about: checkpoint === undefined ? undefined : about,
      files: Object.keys(files ?? {}),
      graph: graph?.where,
    });
  });
  const files: Record<string, Uint8Array> = {};
  const { files: read = {} } = opened?.checkpoint ?? {};
  for (const name of described.files) setOwn(files, name, await group.broadcast(own(read, name), 0));
  const graph =
    described.graph === undefined
      ? undefined
      : { bytes: await group.broadcast(opened?.resumed?.graph?.bytes, 0), where: described.graph };
  if (opened !== undefined) return opened;
  const { about, resumed, files: _files, graph: _graph, ...rest } = described;
  return {
    ...rest,
    checkpoint: about && ({ ...about, files } as Opened["checkpoint"]),
    resumed: resumed && ({ ...resumed, graph } as Opened["resumed"]),
  };
}

/** The device of a training in several processes, or of an exact one: the processor. ConfigError for another. */
export function parallelDevice(asked: DeviceChoice, what: string): Device {
  if (asked !== "auto" && asked !== "cpu") throw new ConfigError(`--device: expected cpu ${what}, got ${asked}`);
  return "cpu";
}
