#!/usr/bin/env node
/** @module The command `descent`. It loads the rest of itself by hand, because that fails where hardly any file may be open, and in a Node
 * that is too old to read it. */
try {
  const { tooOld } = await import("../util/node-version.js");
  const refusal = tooOld(process.versions.node);
  if (refusal === undefined) await import("./start.js");
  else {
    process.stderr.write(`descent: ${refusal}\n`);
    process.exitCode = 1;
  }
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== "EMFILE" && code !== "ENFILE") throw error;
  process.stderr.write(`descent: too many open files; raise the limit (ulimit -n) (${message})\n`);
  process.exitCode = 1;
}
