/**
 * @module The benchmark's command line, parsed and checked.
 */
import { parseArgs } from "node:util";
import { ConfigError } from "../src/util/errors.js";
import { unknownName } from "../src/util/nearest.js";
import type { BenchCase } from "./cases/types.js";

export const USAGE = `npm run bench -- [CASE…] [options]

Times training steps of Descent and of its peers in one run, and prints ratios (over 1: Descent is the faster).

  --peers A,B       only these peers (--list names them); the result is then not kept
  --json            print [{ case, descentMs, peer, peerMs, ratio }] on stdout, everything else on stderr
  --rounds N        turns per contender (default 10)
  --slice-ms MS     length of a turn (default 400)
  --threads N       threads per contender (default 2)
  --no-save         do not keep the result in benchmarks/
  --list            the cases and their contenders
  --help            this text

Peers from npm are installed by: npm ci --prefix bench
PyTorch is used where DESCENT_BENCH_PYTHON names a Python that has it.`;

/** The options of the command line. */
export interface BenchArguments {
  readonly cases: readonly BenchCase[];
  readonly peers?: readonly string[];
  readonly json: boolean;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly threads: number;
  readonly save: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

/** Parses the arguments against the cases there are; raises ConfigError on whatever is unknown or out of range. */
export function parseBenchArguments(argv: readonly string[], known: readonly BenchCase[]): BenchArguments {
  const { values, positionals } = parse(argv);
  const cases = positionals.map((name) => {
    const found = known.find((benchCase) => benchCase.name === name);
    if (found === undefined)
      throw new ConfigError(
        `bench: ${unknownName(
          "case",
          name,
          known.map((benchCase) => benchCase.name),
        )}`,
      );
    return found;
  });
  const selected = cases.length > 0 ? cases : known;
  const peers = values.peers?.split(",").map((peer) => peer.trim());
  const peerNames = new Set(
    selected.flatMap(({ contenders }) => contenders.map(({ name }) => name)).filter((name) => name !== "descent"),
  );
  for (const peer of peers ?? []) {
    if (!peerNames.has(peer)) throw new ConfigError(`bench: --peers: ${unknownName("peer", peer, peerNames)}`);
  }
  return {
    cases: selected,
    ...(peers !== undefined && { peers }),
    json: values.json,
    rounds: whole("--rounds", values.rounds),
    sliceMs: whole("--slice-ms", values["slice-ms"]),
    threads: whole("--threads", values.threads),
    save: !values["no-save"] && peers === undefined,
    list: values.list,
    help: values.help,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        peers: { type: "string" },
        json: { type: "boolean", default: false },
        rounds: { type: "string", default: "10" },
        "slice-ms": { type: "string", default: "400" },
        threads: { type: "string", default: "2" },
        "no-save": { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (cause) {
    throw new ConfigError(`bench: ${(cause as Error).message.split("\n")[0]}; --help lists the options`, { cause });
  }
}

function whole(option: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1)
    throw new ConfigError(`bench: ${option}: expected a whole number of at least 1, got "${text}"`);
  return value;
}
