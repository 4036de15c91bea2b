/**
 * @module Rows of attention of one new token to those before it.
 */
import type { Domain, OpCase } from "./case.js";
import { exactly, float, normal, typed } from "./case.js";

/** Numbers for the filled places of [N, g, C, d], and 0 behind them: the engine's kernel makes it 0 where memory is not shared. */
const filled =
  (lengths: readonly number[], [groups, room, size]: readonly [number, number, number]): Domain =>
  (random, count) =>
    normal(random, count).map((x, i) => {
      const place = Math.floor(i / size) % room;
      return place < (lengths[Math.floor(i / (size * room * groups))] as number) ? x : 0;
    });

function attending(heads: number, groups: number, room: number, lengths: readonly number[], scale = 0): OpCase {
  const [texts, size] = [lengths.length, 8];
  const past = float([texts, groups, room, size], filled(lengths, [groups, room, size]));
  return {
    op: "GroupQueryAttention",
    variant: `${heads} heads on ${groups}, after ${lengths.join(" and ")}`,
    operands: [
      float([texts, 1, heads * size]),
      float([texts, 1, groups * size]),
      float([texts, 1, groups * size]),
      past,
      past,
      typed("int32", [texts], exactly(lengths)),
      typed("int32", [], exactly([Math.max(...lengths) + 1])),
    ],
    attributes: { num_heads: heads, kv_num_heads: groups, scale },
  };
}

export const attentionCases: readonly OpCase[] = [
  attending(2, 2, 4, [2]),
  attending(4, 2, 5, [4, 1, 0], 0.5),
  attending(3, 1, 3, [0]),
];
