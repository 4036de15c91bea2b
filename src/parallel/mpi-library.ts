/**
 * @module MPI's C interface, called with koffi: what `mpi.ts` needs of it, and no more. Open MPI's handles are addresses of its variables,
 * MPICH's are numbers that its ABI fixes (`mpi.h` of MPICH 3.1 and later, which MVAPICH and Intel MPI share).
 */
import { ConfigError, SessionError } from "../util/errors.js";
import { loadKoffi } from "../util/koffi-node.js";
import { own } from "../util/record.js";
import type { Launch } from "./launch.js";

/** The address of one of Open MPI's things, or the number of one of MPICH's. */
export type Handle = bigint | number;
type Argument = Handle | ArrayBufferView | null;

/** Where a system keeps its libraries of MPI: Open MPI's first, MPICH's second. */
const LIBRARIES: Readonly<Record<string, Readonly<Record<"Open MPI" | "MPICH", readonly string[]>>>> = {
  linux: { "Open MPI": ["libmpi.so.40", "libmpi.so"], MPICH: ["libmpich.so.12", "libmpi.so.12", "libmpich.so"] },
  darwin: {
    "Open MPI": ["/opt/homebrew/lib/libmpi.40.dylib", "/opt/homebrew/lib/libmpi.dylib", "libmpi.dylib"],
    MPICH: ["/opt/homebrew/lib/libmpich.12.dylib", "libmpich.dylib"],
  },
};

const INSTALL: Readonly<Record<string, string>> = {
  linux:
    "install it on every host (Debian and Ubuntu: apt install openmpi-bin; Fedora and RHEL: dnf install openmpi; Alpine: apk add openmpi), or name the file in DESCENT_MPI",
  darwin: "install it with brew install open-mpi, or name the file in DESCENT_MPI",
  win32: "run Descent on Linux (WSL will do), where Open MPI can be had",
};

/** The functions, and the form of their arguments: h is a handle, q a place for a request. */
const FUNCTIONS = {
  MPI_Init_thread: ["ptr", "ptr", "int", "ptr"],
  MPI_Comm_rank: ["h", "ptr"],
  MPI_Comm_size: ["h", "ptr"],
  MPI_Get_library_version: ["ptr", "ptr"],
  MPI_Get_processor_name: ["ptr", "ptr"],
  MPI_Ibarrier: ["h", "ptr"],
  MPI_Test: ["ptr", "ptr", "place"],
  MPI_Allreduce: ["place", "ptr", "int", "h", "h", "h"],
  MPI_Allgather: ["ptr", "int", "h", "ptr", "int", "h", "h"],
  MPI_Allgatherv: ["ptr", "int", "h", "ptr", "ptr", "ptr", "h", "h"],
  MPI_Alltoall: ["ptr", "int", "h", "ptr", "int", "h", "h"],
  MPI_Ialltoall: ["ptr", "int", "h", "ptr", "int", "h", "h", "ptr"],
  MPI_Iallgather: ["ptr", "int", "h", "ptr", "int", "h", "h", "ptr"],
  MPI_Comm_dup: ["h", "ptr"],
  MPI_Bcast: ["ptr", "int", "h", "int", "h"],
  MPI_Finalize: [],
  MPI_Abort: ["h", "int"],
} as const satisfies Record<string, readonly ("ptr" | "int" | "h" | "place")[]>;

export type MpiFunction = keyof typeof FUNCTIONS;

/** Names of the same things in the two families of MPI. */
export interface MpiConstants {
  readonly world: Handle;
  readonly float: Handle;
  readonly double: Handle;
  readonly byte: Handle;
  readonly int: Handle;
  readonly sum: Handle;
  readonly inPlace: number;
  readonly ignoreStatus: number;
}

const MPICH: MpiConstants = {
  world: 0x44000000,
  float: 0x4c00040a,
  double: 0x4c00080b,
  byte: 0x4c00010d,
  int: 0x4c000405,
  sum: 0x58000003,
  inPlace: -1,
  ignoreStatus: 1,
};

interface Library {
  func(definition: string): (...args: readonly unknown[]) => number;
  symbol(name: string): bigint;
}

interface Koffi {
  load(path: string, options?: { readonly global?: boolean }): Library;
}

/** Loads the first library there is. */
function loadFirst(koffi: Koffi, names: readonly string[]): { library: Library; name: string } | undefined {
  for (const name of names) {
    try {
      // Open MPI's own plugins look for its symbols among the global ones.
      return { library: koffi.load(name, { global: true }), name };
    } catch {
      // The next one may be there.
    }
  }
  return undefined;
}

function openMpiConstants(library: Library): MpiConstants | undefined {
  try {
    const at = (name: string): bigint => library.symbol(`ompi_mpi_${name}`);
    return {
      world: at("comm_world"),
      float: at("float"),
      double: at("double"),
      byte: at("byte"),
      int: at("int"),
      sum: at("op_sum"),
      inPlace: 1,
      ignoreStatus: 0,
    };
  } catch {
    return undefined;
  }
}

/** MPI in this process: its functions, which throw where they fail, and its constants. */
export class MpiLibrary {
  readonly constants: MpiConstants;
  /** Held, never read: were it collected, the functions would be gone from memory. */
  readonly library: Library;
  readonly #functions: ReadonlyMap<MpiFunction, (...args: readonly unknown[]) => number>;

  private constructor(library: Library, constants: MpiConstants) {
    this.library = library;
    this.constants = constants;
    const handle = typeof constants.world === "bigint" ? "void *" : "int";
    const types = { ptr: "void *", int: "int", h: handle, place: "intptr_t" };
    this.#functions = new Map(
      Object.entries(FUNCTIONS).map(([name, parameters]) => [
        name as MpiFunction,
        library.func(`int ${name}(${parameters.map((p) => types[p]).join(", ")})`),
      ]),
    );
  }

  /** Finds the library of the launcher's family. ConfigError with what to install where there is none, or one that cannot be called. */
  static async load(
    launch: Launch,
    platform: string = process.platform,
    given = process.env["DESCENT_MPI"],
  ): Promise<MpiLibrary> {
    const koffi = await loadKoffi<Koffi>();
    const known = own(LIBRARIES, platform);
    const family = launch.launcher === "MPICH" ? "MPICH" : "Open MPI";
    const names = given !== undefined && given !== "" ? [given] : (known?.[family] ?? []);
    const found = loadFirst(koffi, names);
    if (found === undefined)
      throw new ConfigError(
        `mpi: expected the library of ${family} (${names.join(", ")}) for the ${launch.size} ranks that ${launch.launcher} started, found none; ${own(INSTALL, platform) ?? "install Open MPI"}`,
      );
    const constants = openMpiConstants(found.library) ?? (/mpich|\.so\.12/.test(found.name) ? MPICH : undefined);
    if (constants === undefined)
      throw new ConfigError(
        `mpi: expected Open MPI or MPICH, got ${found.name}, which is neither; set DESCENT_MPI to another file`,
      );
    return new MpiLibrary(found.library, constants);
  }

  /** Calls a function. Errors: SessionError with its name where it does not succeed. */
  call(name: MpiFunction, ...args: readonly Argument[]): void {
    const status = (this.#functions.get(name) as (...args: readonly unknown[]) => number)(...args);
    if (status !== 0) throw new SessionError(`mpi: ${name} failed with error ${status}`);
  }

  /** Makes a communicator of the same ranks as another one has, all of which call this. */
  duplicate(communicator: Handle): Handle {
    const made = new BigUint64Array(1);
    this.call("MPI_Comm_dup", communicator, made);
    return typeof communicator === "bigint" ? (made[0] as bigint) : (new Int32Array(made.buffer)[0] as number);
  }
}
