#!/usr/bin/env node
/** @module The command `descent`. It loads the rest of itself by hand, because that fails where hardly any file may be open. */
try {
  await import("./start.js");
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== "EMFILE" && code !== "ENFILE") throw error;
  process.stderr.write(`descent: too many open files; raise the limit (ulimit -n) (${message})\n`);
  process.exitCode = 1;
}
