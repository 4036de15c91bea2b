/**
 * @module The check that a resumed run gets the data that it began with.
 */
import type { RunConfig } from "../../run/run-folder.js";
import type { Json } from "../../util/described.js";
import { isRecord } from "../../util/described.js";
import { ConfigError } from "../../util/errors.js";
import type { TaskInfo } from "../task.js";

/** Statistics of the same data may differ so much, relatively, where a version sums in another order. */
const LAST_BITS = 1e-9;

/** Tells whether a value agrees with the one recorded before; an entry that an earlier version did not record is no difference. */
function agrees(now: Json, before: Json): boolean {
  if (isRecord(now) && isRecord(before)) return Object.entries(before).every(([name, value]) => agrees(now[name] ?? null, value));
  if (Array.isArray(now) && Array.isArray(before))
    return now.length === before.length && now.every((value, i) => agrees(value as Json, before[i] as Json));
  if (typeof now === "number" && typeof before === "number") return Math.abs(now - before) <= LAST_BITS * Math.abs(before);
  return Object.is(now, before);
}

/** Throws a ConfigError that names the difference where a run is resumed with data other than those it began with. */
export function checkSameData(config: RunConfig, info: TaskInfo, run: string): void {
  const began = config["info"] as Readonly<Record<string, Json>>;
  const now = Object.entries(JSON.parse(JSON.stringify(info)) as Record<string, Json>);
  const changed = now.flatMap(([name, value]) => (began[name] === undefined || agrees(value, began[name]) ? [] : [name]));
  if (changed.length > 0)
    throw new ConfigError(
      `--resume ${run}: expected the data that the run began with, got other ${changed.join(", ")}; put the data back, or start a new run with --init ${run}`,
    );
}
