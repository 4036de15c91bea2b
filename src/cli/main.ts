#!/usr/bin/env node
/** @module The command `descent`. It loads the rest of itself by hand, because that fails where hardly any file may be open, and in a Node
 * that is too old to read it. */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isTooOld = major < 20 || (major === 20 && minor < 19);
if (isTooOld) {
  process.stderr.write(
    `descent: expected Node 20.19 or later, got ${process.versions.node}; install a newer one (https://nodejs.org)\n`,
  );
  process.exitCode = 1;
}
try {
  if (!isTooOld) await import("./start.js");
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== "EMFILE" && code !== "ENFILE") throw error;
  process.stderr.write(`descent: too many open files; raise the limit (ulimit -n) (${message})\n`);
  process.exitCode = 1;
}
