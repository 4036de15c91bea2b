/**
 * @module Loaded into a command before it starts (`node --import`): counts what makes files last or gives them their names (fsync,
 * rename, mkdir, link), and kills the process without warning at the call that `DESCENT_KILL_AT` numbers, just before or just after it.
 * Without that variable it writes the number of calls to the file `DESCENT_KILL_COUNT` names.
 */
import fs, { writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [at, isAfter] = [Number(process.env["DESCENT_KILL_AT"] ?? 0), process.env["DESCENT_KILL_AFTER"] === "1"];
const calls: string[] = [];

type Call = (...args: never[]) => unknown;

const kill = (): void => void process.kill(process.pid, "SIGKILL");

/** Wraps one function of an object, asynchronous or not. */
function watch(target: object, name: string): void {
  const original = Reflect.get(target, name) as Call;
  const watched = function (this: unknown, ...args: never[]): unknown {
    calls.push(name);
    const isChosen = calls.length === at;
    if (isChosen && !isAfter) kill();
    const result = Reflect.apply(original, this, args);
    if (!isChosen || !isAfter) return result;
    if (result instanceof Promise) return result.finally(kill);
    kill();
    return result;
  };
  Reflect.set(target, name, watched);
}

for (const name of ["mkdirSync", "renameSync", "linkSync", "fsyncSync", "fdatasyncSync"]) watch(fs, name);
for (const name of ["mkdir", "rename", "link"]) watch(fs.promises, name);
const handle = await fs.promises.open(process.execPath, "r");
watch(Object.getPrototypeOf(handle) as object, "sync");
watch(Object.getPrototypeOf(handle) as object, "datasync");
await handle.close();
// What modules import by name follows.
syncBuiltinESMExports();

const count = process.env["DESCENT_KILL_COUNT"];
if (count !== undefined) process.on("exit", () => writeFileSync(count, JSON.stringify(calls)));
