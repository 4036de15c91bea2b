/**
 * @module The model of docs/scaling.md: seconds of a step by what is computed and what is sent, from 1 rank to 1,024.
 *
 *     step = compute + sum,  sum = buckets · 2 log₂N · α + 2 (N − 1)/N · bytes / β
 *
 * Source: Thakur, Rabenseifner, Gropp 2005, "Optimization of collective communication operations in MPICH" (halving and doubling); Huang et al. 2019
 * (GPipe's bubble); Shoeybi et al. 2019 (Megatron's four sums a layer).
 */
import { formatTable } from "../src/util/text.js";

/** The link between hosts: seconds until a message arrives, and bytes per second. */
export interface Network {
  readonly name: string;
  readonly alpha: number;
  readonly beta: number;
}

export const NETWORKS: readonly Network[] = [
  { name: "10 Gbit/s, TCP", alpha: 30e-6, beta: 1.25e9 },
  { name: "25 Gbit/s, TCP", alpha: 30e-6, beta: 3.125e9 },
  { name: "100 Gbit/s, RDMA", alpha: 2e-6, beta: 12.5e9 },
];

/** Bytes that Descent sums at once. */
const BUCKET = 2 ** 20;

/** Seconds of a sum of so many bytes over ranks. */
export const sumSeconds = (bytes: number, ranks: number, { alpha, beta }: Network): number =>
  ranks === 1 ? 0 : Math.ceil(bytes / BUCKET) * 2 * Math.log2(ranks) * alpha + ((2 * (ranks - 1)) / ranks) * (bytes / beta);

/** Floating-point operations per second of a host: some 32 cores. */
export const RATE = 1e12;

/** Seconds of forward and backward passes over tokens: 6 operations for each parameter and token. */
export const computeSeconds = (parameters: number, tokens: number): number => (6 * parameters * tokens) / RATE;

/** The share of a step that computes, where each rank has tokens of its own. */
export function dataEfficiency(parameters: number, tokens: number, ranks: number, network: Network): number {
  const compute = computeSeconds(parameters, tokens);
  return compute / (compute + sumSeconds(4 * parameters, ranks, network));
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** Data-parallel training of the GPT of 29.5 M parameters. */
export function dataTable(tokens: number): string {
  const ranks = [2, 4, 16, 64, 256, 1024];
  return formatTable(
    ["ranks", ...NETWORKS.map(({ name }) => name)],
    ranks.map((n) => [String(n), ...NETWORKS.map((network) => percent(dataEfficiency(29.5e6, tokens, n, network)))]),
  );
}

/** A model that no host holds: 7 billion parameters, 32 layers, 4,096 wide, sequences of 2,048 tokens. */
const LARGE = { parameters: 7e9, layers: 32, width: 4096, length: 2048 };

/** Bytes of what a layer hands to the next, for one sequence. */
const activationBytes = 4 * LARGE.width * LARGE.length;

/** GPipe: p stages, m micro-batches of one sequence; a stage sends to the next and back. */
export function pipelineEfficiency(stages: number, microBatches: number, { alpha, beta }: Network): number {
  const one = computeSeconds(LARGE.parameters, LARGE.length) / stages;
  const sent = stages === 1 ? 0 : 2 * (alpha + activationBytes / beta);
  return (microBatches * one) / ((microBatches + stages - 1) * (one + sent));
}

/** Megatron: each layer in t parts, with two sums forward and two backward. */
export function tensorEfficiency(parts: number, network: Network): number {
  const one = computeSeconds(LARGE.parameters, LARGE.length) / parts;
  return one / (one + 4 * LARGE.layers * sumSeconds(activationBytes, parts, network));
}

/** Splits of the large model over so many hosts. */
export const splitTable = (): string =>
  formatTable(
    ["split of 7 B parameters", ...NETWORKS.map(({ name }) => name)],
    [2, 8, 32].flatMap((parts) => [
      [`${parts} stages, 64 micro-batches`, ...NETWORKS.map((network) => percent(pipelineEfficiency(parts, 64, network)))],
      [`${parts} parts of each layer`, ...NETWORKS.map((network) => percent(tensorEfficiency(parts, network)))],
    ]),
  );
