/**
 * @module Long command lines. ONNX Runtime 1.30 reads the process's command line on Linux with a recursive search, which overflows the stack (a crash
 * without a word) somewhere above 14,000 characters: as many images as `*.jpg` names are enough. Such a line runs in a process that gets it from a file.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LONGEST = 4096;
const FILE = "DESCENT_ARGUMENTS";

/** The arguments that this process was given, in its command line or in a file. */
export function givenArguments(): string[] {
  const file = process.env[FILE];
  if (file === undefined) return process.argv.slice(2);
  const args = JSON.parse(readFileSync(file, "utf8")) as string[];
  Reflect.deleteProperty(process.env, FILE);
  return args;
}

export const areTooLong = (args: readonly string[]): boolean =>
  args.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0) > LONGEST;

/** Runs this program again with its arguments in a file; the status that it ends with. */
export async function runWithArgumentsInFile(args: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "descent-arguments-"));
  const file = join(folder, "arguments.json");
  writeFileSync(file, JSON.stringify(args), { mode: 0o600 });
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] as string], {
    stdio: "inherit",
    env: { ...process.env, [FILE]: file },
  });
  // A terminal interrupts both; what is sent to this process alone is passed on.
  const ignore = (): void => undefined;
  const end = (): void => void child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", end);
  try {
    return await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (status) => resolve(status ?? 1));
    });
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", end);
    rmSync(folder, { recursive: true, force: true });
  }
}
