/**
 * @module Reference kernels: attention of one new token to those before it.
 */
import type { Kernel, RefValue } from "./value.js";
import { at, build, buildAt } from "./value.js";

export const attention: Readonly<Record<string, Kernel>> = {
  GroupQueryAttention: (call) => {
    const [query, key, value, pastKey, pastValue, lengths] = [0, 1, 2, 3, 4, 5].map((i) => call.x(i)) as [
      RefValue,
      RefValue,
      RefValue,
      RefValue,
      RefValue,
      RefValue,
    ];
    const size = pastKey.shape[3] as number;
    const perGroup = call.number("num_heads") / call.number("kv_num_heads");
    const scale = call.number("scale", 0) || 1 / Math.sqrt(size);
    const written = (past: RefValue, x: RefValue): RefValue =>
      buildAt(past.dtype, past.shape, (index) => {
        const [n, g, place, i] = index as [number, number, number, number];
        return place === at(lengths, [n]) ? at(x, [n, 0, g * size + i]) : at(past, index);
      });
    const [keys, values] = [written(pastKey, key), written(pastValue, value)];
    const width = query.shape[2] as number;
    const mixed = build(query.dtype, query.shape, () => 0);
    for (let n = 0; n < (query.shape[0] as number); n++) {
      for (let head = 0; head < width / size; head++) {
        const group = Math.floor(head / perGroup);
        const scores = Array.from({ length: at(lengths, [n]) + 1 }, (_, place) => {
          let product = 0;
          for (let i = 0; i < size; i++) product += at(query, [n, 0, head * size + i]) * at(keys, [n, group, place, i]);
          return product * scale;
        });
        const largest = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - largest));
        const sum = weights.reduce((a, b) => a + b, 0);
        for (let i = 0; i < size; i++) {
          const terms = weights.map((weight, place) => (weight / sum) * at(values, [n, group, place, i]));
          mixed.data[n * width + head * size + i] = terms.reduce((a, b) => a + b, 0);
        }
      }
    }
    return [mixed, keys, values];
  },
};
