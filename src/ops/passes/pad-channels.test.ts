import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateReference } from "../../../test/reference/index.js";
import { Graph, input, symbol } from "../../graph/index.js";
import { pad } from "../index.js";
import { padChannelsByConvolution } from "./pad-channels.js";

const x = input("x", [symbol("N"), 2, 1, 3]);
const feeds = new Map([[x, { dtype: "float32" as const, shape: [1, 2, 1, 3], data: Float64Array.of(1, -2, 3, 4, 5, -6) }]]);
const opsOf = (graph: Graph): string[] => graph.nodes.map((node) => node.op);

test("zeros around channels are put there by a convolution, with the same values", () => {
  const graph = new Graph({ y: pad(x, [0, 1, 0, 0], [0, 2, 0, 0]) });
  const padded = padChannelsByConvolution(graph);
  assert.ok(opsOf(padded).includes("Conv") && !opsOf(padded).includes("Pad"));
  const [expected, got] = [graph, padded].map(({ outputs }) => evaluateReference([...outputs.values()], feeds)[0]);
  assert.deepEqual(got?.shape, [1, 5, 1, 3]);
  assert.deepEqual(got, expected);
});

test("other paddings stay", () => {
  for (const y of [
    pad(x, [0, 1, 0, 1], [0, 1, 0, 0]),
    pad(x, [0, -1, 0, 0], [0, 1, 0, 0]),
    pad(x, [0, 1, 0, 0], [0, 0, 0, 0], "constant", 2),
  ])
    assert.ok(opsOf(padChannelsByConvolution(new Graph({ y }))).includes("Pad"));
});
