/**
 * @module The first value of a step that is not finite, and where it comes from.
 */
import type { Parameter, Tensor } from "../graph/index.js";
import { Graph, isFloat, toNumbers } from "../graph/index.js";
import type { CompileOptions, Runtime, Value } from "../runtime/index.js";
import { compile } from "../runtime/index.js";
import { setOwn } from "../util/record.js";

/**
 * Runs the part of a step that gives its loss with every value in sight. Returns the first input, parameter or op (by its layer's path) whose value
 * is not finite; undefined where all are.
 */
export async function firstNotFinite(
  step: Graph,
  runtime: Runtime,
  options: CompileOptions,
  parameters: ReadonlyMap<string, Parameter>,
  valueOf: (input: string) => Value,
): Promise<string | undefined> {
  // The nodes of the loss, in order: gradients and updates come after it, wherever they stand in the whole step.
  const loss = new Graph(new Map([["loss", step.outputs.get("loss") as Tensor]]));
  const probes = loss.nodes.flatMap((node) => node.outputs.filter((t) => isFloat(t.dtype)).map((t) => [t, node] as const));
  const graph = new Graph(new Map(probes.map(([t], i) => [`probe${i}`, t])));
  await using probing = await compile(graph, options);
  const feeds: Record<string, Value> = {};
  for (const name of probing.inputs) setOwn(feeds, name, valueOf(name));
  const outputs = await probing.run(feeds);
  for (const [i, [, node]] of probes.entries()) {
    const value = await runtime.read(outputs[`probe${i}`] as Value);
    if (toNumbers(value).every(Number.isFinite)) continue;
    if (node.op === "Input") return `the input "${String(node.attributes["name"])}"`;
    if (node.op === "Parameter") {
      const path = [...parameters].find(([, p]) => p.node === node)?.[0];
      return `parameter ${path}, which an earlier update made so`;
    }
    return node.scope === "" ? node.op : `${node.op} in ${node.scope}`;
  }
  return undefined;
}
