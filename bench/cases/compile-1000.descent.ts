/**
 * @module Descent in the case compile-1000. Sessions that nobody uses are dropped first: none is found in the cache.
 */
import { crossEntropy } from "../../src/losses/index.js";
import { Mlp } from "../../src/models/index.js";
import { adamW } from "../../src/optim/index.js";
import { clearCompiled, compile, platformRuntime } from "../../src/runtime/index.js";
import { trainingStep } from "../../src/train/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { engineVersion } from "../engine-version.js";
import type { Contender } from "./types.js";
import { timeSteps } from "./types.js";

export function createContender(): Contender {
  let once: () => Promise<number>;
  return {
    name: "descent",
    async setup({ threads, settings }) {
      const runtime = await platformRuntime();
      const { layers = 1, width = 1 } = settings;
      once = async () => {
        await clearCompiled(runtime);
        const model = new Mlp({ inFeatures: width, hidden: Array.from({ length: layers }, () => width), outFeatures: 10 });
        const step = trainingStep({
          model,
          loss: ({ image, label }) => crossEntropy(model.forward(image as Tensor), label as Tensor),
          optimizer: adamW(),
        });
        const { graph } = step.graphFor({
          image: { shape: [32, width], dtype: "float32" },
          label: { shape: [32], dtype: "int32" },
        });
        const names = new Map([...step.types.parameters].map(([path, p]) => [p as Tensor, path]));
        await using executable = await compile(graph, { names, threads });
        return executable.graph.nodes.filter((node) => node.inputs.length > 0).length;
      };
      const nodes = await once();
      return { version: engineVersion(), notes: `${nodes} nodes` };
    },
    steps: (n) => timeSteps(n, once),
    close: async () => {},
  };
}
