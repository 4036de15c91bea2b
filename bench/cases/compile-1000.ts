/**
 * @module `compile-1000`: from classes to a session ready to run: trace, gradients, optimizer, lowering and compilation of a training graph of
 * about 1,000 nodes. Nothing is trained; the checksum is the number of nodes.
 */
import type { BenchCase } from "./types.js";

export const compile1000: BenchCase = {
  name: "compile-1000",
  title: "trace, gradient and compilation of a training graph of about 1,000 nodes (deep MLP, AdamW)",
  settings: { layers: 32, width: 64 },
  inputs: () => [],
  agreement: { steps: 1, tolerance: 0 },
  contenders: [{ name: "descent", program: { module: "cases/compile-1000.descent.js" } }],
};
