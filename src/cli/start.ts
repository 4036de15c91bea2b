/** @module The command `descent` as a process: its arguments, streams and signals. */
import { runCommandLine } from "./command.js";
import { rankIo } from "./ranks.js";
import { VERBS } from "./verbs.js";

// A reader that has seen enough (`descent … | head`) is no failure; another one has to be told, if there is anybody.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.stderr.write(`descent: standard output: ${error.message}\n`);
  process.exit(error.code === "EPIPE" ? 0 : 1);
});
// Remarks that nobody reads, or that a full disk does not take, are no reason to stop a training.
process.stderr.on("error", () => undefined);
// A remark of Descent's own is a line like its others, not one of Node's with a process's number.
const printers = process.listeners("warning");
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name === "DescentWarning") process.stderr.write(`${warning.message}\n`);
  else for (const print of printers) print(warning);
});

const { io, end } = rankIo({
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  onInterrupt: (callback) => {
    process.on("SIGINT", callback);
    process.on("SIGTERM", callback);
    return () => {
      process.off("SIGINT", callback);
      process.off("SIGTERM", callback);
    };
  },
  exit: (status) => process.exit(status),
});
process.exitCode = await end(await runCommandLine(process.argv.slice(2), VERBS, io));
