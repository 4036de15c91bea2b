/**
 * @module `npm run bench`: Descent against its peers, in one run, as ratios. Exits 0 done, 1 if a contender was refused or failed, 2 on bad usage.
 */
import { fileURLToPath } from "node:url";
import { DescentError } from "../src/util/errors.js";
import { parseBenchArguments, USAGE } from "./arguments.js";
import { CASES } from "./cases/index.js";
import { labelOf } from "./contender-client.js";
import { keep, table } from "./report.js";
import { runCase, type CaseResult } from "./run-case.js";

const KEPT_FOLDER = fileURLToPath(new URL("../../benchmarks/", import.meta.url)); // from dist/bench

async function main(argv: readonly string[]): Promise<number> {
  const args = parseBenchArguments(argv, CASES);
  const { cases, threads, rounds, sliceMs, peers } = args;
  if (args.help) {
    console.log(USAGE);
    return 0;
  }
  if (args.list) {
    for (const { name, title, contenders } of cases) console.log(`${name}: ${title}\n  ${contenders.map(labelOf).join(", ")}`);
    return 0;
  }
  const log = (line: string): void => console.error(line);
  const results: CaseResult[] = [];
  for (const benchCase of cases) {
    const result = await runCase(benchCase, { threads, rounds, sliceMs, log, ...(peers && { peers }) });
    results.push(result);
    (args.json ? console.error : console.log)(`\n${table(result)}\n`);
  }
  if (args.json)
    console.log(
      JSON.stringify(
        results.flatMap(({ comparisons }) => comparisons),
        null,
        2,
      ),
    );
  if (args.save) keep(KEPT_FOLDER, results);
  return results.some(({ contenders }) => contenders.some(({ status }) => status === "refused" || status === "failed")) ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof DescentError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
