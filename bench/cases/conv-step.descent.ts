/**
 * @module Descent in the case conv-step: convolution, batch norm and relu from the public ops, all gradients in one graph with the update.
 */
import { grad } from "../../src/autodiff/index.js";
import type { TensorData } from "../../src/graph/index.js";
import { Graph, input, Parameter } from "../../src/graph/index.js";
import { Module, BatchNorm2d, Conv2d } from "../../src/nn/index.js";
import { randomInputs, relu, resolveMode } from "../../src/ops/index.js";
import type { Tensor } from "../../src/graph/index.js";
import type { Executable, Value } from "../../src/runtime/index.js";
import { compile } from "../../src/runtime/index.js";
import { engineVersion } from "../engine-version.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import type { Contender } from "./types.js";
import { timeSteps } from "./types.js";

class Block extends Module {
  conv = new Conv2d(64, 64, { kernelSize: 3, padding: 1, bias: false });
  bn = new BatchNorm2d(64);

  override forward(x: Tensor): Tensor {
    return x.pipe(this.conv, this.bn, relu);
  }
}

export function createContender(): Contender {
  let executable: Executable;
  let next: () => Promise<number>;
  return {
    name: "descent",
    async setup({ inputsFile, threads, settings }) {
      const tensors = readTensors(inputsFile);
      const { learningRate = 0 } = settings;
      const model = new Block();
      const image = input("image", [32, 64, 28, 28]);
      const upstream = input("upstream", [32, 64, 28, 28]);
      const loss = model.forward(image).mul(upstream).sum().div(32);
      const { map } = resolveMode([loss], "train", randomInputs());
      const trained = [...model.parameters()].map(([path, p]) => [path, p] as const);
      const gradients = grad(map(loss), [image, ...trained.map(([, p]) => p)]);
      const outputs = new Map<string, Tensor>([
        ["loss", map(loss)],
        ["dx", gradients[0] as Tensor],
      ]);
      trained.forEach(([path, p], i) => outputs.set(`next:${path}`, p.sub((gradients[i + 1] as Tensor).mul(learningRate))));
      executable = await compile(new Graph(outputs), {
        threads,
        names: new Map([...model.state()].map(([path, p]) => [p as Tensor, path])),
      });
      const { runtime } = executable;
      const data = (name: string): TensorData => {
        const { shape, values } = tensorOf(tensors, name);
        return { dtype: "float32", shape, data: values };
      };
      const current = new Map<string, Value>();
      const spare = new Map<string, Value>();
      for (const [path, p] of trained) {
        current.set(path, runtime.upload({ ...data(path), data: data(path).data.slice() }));
        spare.set(path, runtime.allocate("float32", p instanceof Parameter ? p.dims : []));
      }
      const images = rowsOf(tensorOf(tensors, "images")).map(({ shape, values }) =>
        runtime.upload({ dtype: "float32", shape, data: values }),
      );
      const fixed = { upstream: runtime.upload(data("upstream")) };
      const into = { loss: runtime.allocate("float32", []), dx: runtime.allocate("float32", [32, 64, 28, 28]) };
      let at = 0;
      next = async () => {
        const feeds = { ...fixed, ...Object.fromEntries(current), image: images[at++ % images.length] as Value };
        const out: Record<string, Value> = { ...into };
        for (const [path, value] of spare) out[`next:${path}`] = value;
        await executable.run(feeds, out);
        for (const [path] of trained) {
          const old = current.get(path) as Value;
          current.set(path, spare.get(path) as Value);
          spare.set(path, old);
        }
        const dx = (await runtime.read(into.dx)).data as Float32Array;
        return Number((await runtime.read(into.loss)).data[0]) + (dx[0] as number) + (dx.at(-1) as number);
      };
      return { version: engineVersion(), notes: "" };
    },
    steps: (n) => timeSteps(n, next),
    close: () => executable.dispose(),
  };
}
