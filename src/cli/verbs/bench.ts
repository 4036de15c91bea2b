/** @module `descent bench`: the repository's benchmarks, against the peers. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ConfigError, DescentError } from "../../util/errors.js";
import { flag, integer, text } from "../../util/option.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  positionals: [{ name: "CASE", help: "the cases to run, such as mlp-step; all if left out", optional: true, many: true }],
  options: {
    peers: text({ help: "only these peers, separated by commas", metavar: "A,B" }),
    rounds: integer({ help: "rounds per contender", minimum: 1, default: 10 }),
    threads: integer({ help: "threads per contender", minimum: 1, default: 2 }),
    save: flag({ help: "keep the result in benchmarks/", default: true }),
    list: flag({ help: "list the cases and their contenders" }),
  },
  examples: ["descent bench mlp-step", "descent bench mlp-step --peers pytorch"],
  engine: true,
  async run({ positionals, options, json, signal, print }) {
    const main = fileURLToPath(new URL("../../../bench/main.js", import.meta.url));
    if (!existsSync(main))
      throw new ConfigError("bench: expected a clone of the repository, got an installed package; the peers are not part of it");
    const args = [...positionals, "--rounds", String(options.rounds), "--threads", String(options.threads)];
    if (options.peers !== undefined) args.push("--peers", options.peers);
    if (!options.save) args.push("--no-save");
    if (options.list) args.push("--list");
    if (json) args.push("--json");
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "inherit"], signal });
    let output = "";
    for await (const chunk of child.stdout.setEncoding("utf8")) {
      output += String(chunk);
      if (!json) print(String(chunk).trimEnd());
    }
    const status = await new Promise<number>((resolve) => {
      if (child.exitCode !== null) resolve(child.exitCode);
      else child.on("close", (code) => resolve(code ?? 1));
    });
    // The harness has already printed what was wrong.
    if (status !== 0) throw new DescentError(`bench: ended with status ${status}`, { exitCode: status === 2 ? 2 : 1 });
    return json ? (JSON.parse(output) as unknown) : undefined;
  },
});
