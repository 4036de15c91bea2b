/**
 * @module Partition SHAP: Owen values down a tree of parts that belong together, for texts and images.
 */
import type { SamplingMethod } from "../method.js";
import type { Branch } from "../part-tree.js";
import { partTree } from "../part-tree.js";

/** A branch whose value is to be shared out, with what else is present while it is, and the scores without and with it. */
interface Open {
  readonly branch: Branch;
  readonly context: Uint8Array;
  readonly without: number;
  readonly within: number;
  readonly weight: number;
}

/**
 * Owen values: the two halves of a branch share its change of the score as a game of two, with and without each other; the widest changes are opened
 * first, until `samples` answers are used. What is not opened is shared out evenly.
 *
 * Shapes: F parts → F values, of sum score − E score of the background.
 * Cost:   2 answers a branch and context, at most `samples`.
 * Source: Owen, Values of games with a priori unions, 1977; Lundberg, shap.PartitionExplainer.
 * Differs from the source: the tree is made of what is near (words in order, positions of superpixels), not of correlations.
 * Checked against: exact Shapley values of additive games; the sum.
 */
export const partitionShap: SamplingMethod = {
  name: "partition-shap",
  kind: "sampling",
  asserts:
    "As Shapley values, where neighbouring parts are added together before others are: what each phrase or region changes, and each part within it.",
  misleads:
    "Parts that work together across the tree's branches are credited by the tree; parts whose branch was never opened share alike.",
  source: "Owen 1977; Lundberg and Lee 2017, arXiv:1705.07874",
  needs: ["background", "parts"],
  sumsTo: "difference",
  defaults: { samples: 512, superpixels: 50 },
  run: async (context) => {
    const { game, settings, progress, signal } = context;
    const { players, names, partOf, play } = await game();
    const root = partTree(context, players, partOf);
    const none = new Uint8Array(players);
    const [without, within] = (await play(joined([none, including(none, root)]), 2)) as unknown as readonly [number, number];
    const values = new Float64Array(players);
    const open: Open[] = [{ branch: root, context: none, without, within, weight: 1 }];
    let used = 2;
    while (open.length > 0) {
      signal?.throwIfAborted();
      open.sort((a, b) => urgency(b) - urgency(a));
      const affordable = Math.floor((settings.samples - used) / 2);
      const chosen = open.splice(0, Math.max(0, Math.min(32, affordable)));
      if (chosen.length === 0) break;
      const inner = chosen.filter(({ branch }) => branch.halves !== undefined);
      for (const leaf of chosen) if (leaf.branch.halves === undefined) share(leaf, values);
      const masks = inner.flatMap((one) => (one.branch.halves ?? []).map((half) => including(one.context, half)));
      const scores = await play(joined(masks), masks.length);
      used += masks.length;
      inner.forEach((one, k) => open.push(...opened(one, scores[2 * k] as number, scores[2 * k + 1] as number)));
      progress(Math.min(1, used / settings.samples));
    }
    for (const rest of open) share(rest, values);
    return { baselineScore: without, parts: { names, values, partOf }, figures: { coalitions: used } };
  },
};

const urgency = ({ branch, weight, without, within }: Open): number =>
  branch.halves === undefined ? Infinity : weight * Math.abs(within - without) * branch.members.length + 1e-12;

/** A branch's change goes to its members alike. */
function share({ branch, weight, without, within }: Open, values: Float64Array): void {
  const each = (weight * (within - without)) / branch.members.length;
  for (const i of branch.members) values[i] = (values[i] as number) + each;
}

/** The four halves of a game of two: each half without the other, and with it. */
function opened({ branch, context, without, within, weight }: Open, first: number, second: number): Open[] {
  const [a, b] = branch.halves as readonly [Branch, Branch];
  const half = weight / 2;
  return [
    { branch: a, context, without, within: first, weight: half },
    { branch: a, context: including(context, b), without: second, within, weight: half },
    { branch: b, context, without, within: second, weight: half },
    { branch: b, context: including(context, a), without: first, within, weight: half },
  ];
}

function including(context: Uint8Array, { members }: Branch): Uint8Array {
  const result = context.slice();
  for (const i of members) result[i] = 1;
  return result;
}

function joined(masks: readonly Uint8Array[]): Uint8Array {
  const width = masks[0]?.length ?? 0;
  const result = new Uint8Array(masks.length * width);
  masks.forEach((mask, i) => result.set(mask, i * width));
  return result;
}
