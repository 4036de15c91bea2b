/**
 * @module The process that one contender runs in: `node contender-process.js MODULE [VARIANT]`. One JSON request a line on stdin, one JSON reply a
 * line on stdout, in turn; the scripts of other languages speak the same.
 *
 *     {"do":"setup", …SetupOptions}  → {"ok":{"version":…,"notes":…}}
 *     {"do":"steps","n":20}          → {"ok":{"msPerStep":[…],"losses":[…]}}
 *     {"do":"close"}                 → {"ok":{}}
 *
 * In place of ok: {"skip":"reason"} where a package is missing, {"error":"message"}. End of input ends the process.
 */
import { createInterface } from "node:readline";
import type { ContenderModule, SetupOptions } from "./cases/types.js";
import { NotAvailable } from "./cases/types.js";

/** A request of the harness. */
export type Request =
  | ({ readonly do: "setup" } & SetupOptions)
  | { readonly do: "steps"; readonly n: number }
  | { readonly do: "close" };

async function main(): Promise<void> {
  const reply = process.stdout.write.bind(process.stdout);
  console.log = console.info = console.warn = console.debug = console.error; // stdout is the protocol's alone
  const [moduleFile = "", variant] = process.argv.slice(2);
  const program = (await import(new URL(moduleFile, import.meta.url).href)) as ContenderModule;
  const contender = program.createContender(variant);
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const request = JSON.parse(line) as Request;
      if (request.do === "setup") reply(`${JSON.stringify({ ok: await contender.setup(request) })}\n`);
      else if (request.do === "steps") reply(`${JSON.stringify({ ok: await contender.steps(request.n) })}\n`);
      else {
        await contender.close();
        reply(`${JSON.stringify({ ok: {} })}\n`);
        break;
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!(error instanceof NotAvailable)) console.error(error);
      reply(`${JSON.stringify(error instanceof NotAvailable ? { skip: message } : { error: message })}\n`);
    }
  }
  process.exit(0); // a library's worker threads would keep the process alive
}

await main();
