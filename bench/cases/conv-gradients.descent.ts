/**
 * @module Descent in the case conv-gradients: one convolution, or one of its gradients, as the ops' own rules give it.
 */
import { grad } from "../../src/autodiff/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { fromNumbers, Graph, input, sizeOf } from "../../src/graph/index.js";
import { conv } from "../../src/ops/index.js";
import type { Executable, Value } from "../../src/runtime/index.js";
import { compile } from "../../src/runtime/index.js";
import { Random } from "../../src/util/random.js";
import { engineVersion } from "../engine-version.js";
import type { Face } from "./conv-gradients.js";
import { SHAPES } from "./conv-gradients.js";
import type { Contender } from "./types.js";
import { timeSteps } from "./types.js";

export function createContender(variant: string | undefined): Contender {
  let executable: Executable;
  let next: () => Promise<number>;
  return {
    name: "descent",
    async setup({ threads }) {
      const [name, face] = (variant ?? "").split(": ") as [string, Face];
      const shape = SHAPES[name];
      if (shape === undefined) throw new Error(`conv-gradients: no shape "${name}"`);
      const { n, c, size, m, kernel, stride = 1, groups = 1 } = shape;
      const x = input("x", [n, c, size, size]);
      const w = input("w", [m, c / groups, kernel, kernel]);
      const y = conv(x, w, { padding: kernel >> 1, stride, groups });
      const dy = input("dy", y.shape);
      const result: Record<Face, () => Tensor> = {
        forward: () => y,
        "to the input": () => grad(y.mul(dy).sum(), [x])[0] as Tensor,
        "to the weights": () => grad(y.mul(dy).sum(), [w])[0] as Tensor,
      };
      const out = result[face]();
      executable = await compile(new Graph({ out }), { threads });
      const { runtime } = executable;
      const random = new Random(1, "conv-gradients");
      const feeds: Record<string, Value> = {};
      for (const t of [x, w, dy]) {
        const leaf = t.node.attributes["name"] as string;
        if (!executable.inputs.includes(leaf)) continue;
        const dims = t.shape as readonly number[];
        const numbers = Array.from({ length: sizeOf(dims) }, () => random.uniform(-1, 1));
        feeds[leaf] = runtime.upload(fromNumbers("float32", dims, numbers));
      }
      const into = { out: runtime.allocate("float32", out.shape as readonly number[]) };
      next = async () => {
        await executable.run(feeds, into);
        return Number((await runtime.read(into.out)).data[0]);
      };
      return { version: engineVersion(), notes: "" };
    },
    steps: (n) => timeSteps(n, next),
    close: () => executable.dispose(),
  };
}
