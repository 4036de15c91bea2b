/** @module `npm run demo`: sets up a fresh clone, then runs `descent demo`. */
import { join } from "node:path";
import { build, install, root, run } from "./setup.mjs";

install();
build();
run(process.execPath, [join(root, "dist", "src", "cli", "main.js"), "demo", ...process.argv.slice(2)], { cwd: process.cwd() });
