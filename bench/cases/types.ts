/**
 * @module The interface of benchmark cases and contenders. This is the whole interface between the harness and whoever is measured.
 *
 * To plug a contender in: write a module that exports `createContender` (see ContenderModule), name it in the case's list, done. It runs in a
 * process of its own, is set up once, and is then asked, turn by turn with the others, for a few steps at a time.
 */
import type { NamedTensor } from "../tensor-file.js";

/** The setup of a contender, passed before its first step. */
export interface SetupOptions {
  /** A safetensors file with the case's inputs, the same for all contenders; read it with `readTensors`. */
  readonly inputsFile: string;
  /** Number of threads to compute with. */
  readonly threads: number;
  /** The case's numbers: learning rate, sizes, whatever is not a tensor. */
  readonly settings: Readonly<Record<string, number>>;
}

/** One competitor in one case. */
export interface Contender {
  readonly name: string;
  /** Loads, compiles, warms what is done once. Raises NotAvailable where a package is missing. */
  setup(options: SetupOptions): Promise<{ version: string; notes: string }>;
  /**
   * Goes on for `n` steps from where the last call ended. A step is everything that a training loop does: the batch (next one of the file's, going
   * round) handed to the library, forward, backward, update, and the loss of that batch, before the update, read back as a number. Cases that
   * train nothing report a checksum as their loss.
   */
  steps(n: number): Promise<{ msPerStep: number[]; losses: number[] }>;
  close(): Promise<void>;
}

/** The exports of a contender's module. `variant` is that of its ContenderSpec. */
export interface ContenderModule {
  createContender(variant: string | undefined): Contender;
}

/** A case's reference to a contender. */
export interface ContenderSpec {
  /** `descent`, or a peer's name as `--peers` takes it. */
  readonly name: string;
  /** One library, used in several ways: each is run and shown, the fastest is what Descent is compared with. */
  readonly variant?: string;
  /** The work of a step, where the case is about rates: shown as GFLOP/s, and as a share of those of the variant `base`. */
  readonly rate?: { readonly flops: number; readonly base: string };
  /** A compiled module, or a Python script; relative to the folder bench. */
  readonly program: { readonly module: string } | { readonly python: string };
}

/** A benchmark. */
export interface BenchCase {
  readonly name: string;
  /** One line: what a step is. */
  readonly title: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Weights and batches, generated from a fixed seed. */
  inputs(): NamedTensor[];
  /** After how many steps from the same start the losses are compared, and by how much they may differ. */
  readonly agreement: { readonly steps: number; readonly tolerance: number };
  readonly contenders: readonly ContenderSpec[];
}

/** A contender's package or interpreter is missing: it is left out, and the reason, with the command that mends it, is shown. */
export class NotAvailable extends Error {}

/** Runs and times `n` steps one by one; `step` returns the loss. */
export async function timeSteps(
  n: number,
  step: () => number | Promise<number>,
): Promise<{ msPerStep: number[]; losses: number[] }> {
  const msPerStep: number[] = [];
  const losses: number[] = [];
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    losses.push(await step());
    msPerStep.push(performance.now() - start);
  }
  return { msPerStep, losses };
}
