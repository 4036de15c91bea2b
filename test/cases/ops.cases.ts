/**
 * @module Every row of the op cases, and the ops that need none.
 */
import type { OpCase } from "./case.js";
import { attentionCases } from "./attention.cases.js";
import { einsumCases } from "./einsum.cases.js";
import { elementwiseCases } from "./elementwise.cases.js";
import { indexingCases } from "./indexing.cases.js";
import { linalgCases } from "./linalg.cases.js";
import { normalizationCases } from "./normalization.cases.js";
import { recurrentCases } from "./recurrent.cases.js";
import { reduceCases } from "./reduce.cases.js";
import { resizeCases } from "./resize.cases.js";
import { shapeCases } from "./shape.cases.js";
import { windowCases } from "./window.cases.js";

export const OP_CASES: readonly OpCase[] = [
  ...elementwiseCases,
  ...reduceCases,
  ...linalgCases,
  ...shapeCases,
  ...einsumCases,
  ...resizeCases,
  ...indexingCases,
  ...attentionCases,
  ...windowCases,
  ...normalizationCases,
  ...recurrentCases,
];

/** Ops of the table without a row, each with its reason. */
export const WITHOUT_CASE: ReadonlyMap<string, string> = new Map([
  ...["ReorderInput", "ReorderOutput", "BlockedConv", "BlockedGlobalAveragePool", "BlockedMaxPool"].map(
    (name): [string, string] => [
      name,
      "written by the last pass, in the order that this processor has: test/runtime/blocks.test.ts holds it against the plain graph",
    ],
  ),
  ...["Deferred", "Sized"].map((name): [string, string] => [
    name,
    "stands for another op's gradient while shapes are free: test/runtime/free-shapes.test.ts holds it against the graph with fixed shapes",
  ]),
]);

/** Kernels of the reference interpreter without golden values, each with its reason. */
export const WITHOUT_GOLDEN: ReadonlyMap<string, string> = new Map([
  ["StopGradient", "the identity"],
  ["CustomGradient", "the identity of its first input"],
  ["SimplifiedLayerNormalization", "RMSNormalization, under the name that the engine has for it"],
  [
    "Scan",
    "its step is a function: test/onnx/opsets.test.ts holds files with steps against the engine, test/models CRFs against pytorch-crf",
  ],
  ["RandomBits", "no other library has this generator; the kernel is written apart from the lowering that it is compared with"],
]);
