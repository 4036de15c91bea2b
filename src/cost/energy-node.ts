/**
 * @module Energy by the processor's own counters (RAPL), where the system shows them; otherwise by a model, and named so.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where Linux shows the counters. */
export const POWERCAP = "/sys/class/powercap";

/** Watts of a busy core, where nothing is measured: a server's share of its processor's rated power. */
export const WATTS_PER_CORE = 8;

interface Counter {
  readonly path: string;
  /** Microjoules at which it begins anew. */
  readonly range: number;
}

/** A meter of the whole processor's energy. */
export interface EnergyMeter {
  /** Joules since the last reading; undefined where the counters can no longer be read. */
  read(): number | undefined;
}

const numberIn = (path: string): number => Number(readFileSync(path, "utf8").trim());

/** Counters of packages: `intel-rapl:0`, `intel-rapl:1`; those of their parts (`intel-rapl:0:0`) are in these. */
function countersIn(folder: string): readonly Counter[] {
  return readdirSync(folder)
    .filter((name) => /^(intel|amd)-rapl:\d+$/.test(name))
    .map((name) => ({ path: join(folder, name, "energy_uj"), range: numberIn(join(folder, name, "max_energy_range_uj")) }));
}

/** Opens the counters; undefined where the system shows none, or only to root. */
export function openEnergyMeter(folder: string = POWERCAP): EnergyMeter | undefined {
  try {
    const counters = countersIn(folder);
    if (counters.length === 0) return undefined;
    let last = counters.map(({ path }) => numberIn(path));
    return {
      read: () => {
        try {
          const now = counters.map(({ path }) => numberIn(path));
          const total = counters.reduce((sum, { range }, i) => {
            const used = (now[i] as number) - (last[i] as number);
            return sum + (used < 0 ? used + range : used);
          }, 0);
          last = now;
          return total / 1e6;
        } catch {
          return undefined;
        }
      },
    };
  } catch {
    return undefined;
  }
}
