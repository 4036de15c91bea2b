/**
 * @module Results that constants of a file make larger than memories are: an engine takes long to fail on them, or the machine with it.
 */
import { sizeOf } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import type { NodeProto, TensorProto } from "./messages.js";
import { headOfTensor, storedTypeNamed } from "./numbers.js";

/** The most elements of one result: 16 GiB of float32. */
const MOST = 2 ** 32;
/** Lengths of a shape, and whatever else is read here, are no more than these. */
const FEW = 64;

type Constants = ReadonlyMap<string, readonly number[]>;

/** The least number of elements that a node's result has by what is constant; 0 where nothing is known. */
function leastSize({ opType, inputs }: NodeProto, constants: Constants): number {
  const at = (i: number): readonly number[] | undefined => constants.get(inputs[i] ?? "");
  const product = (lengths: readonly number[] = []): number => sizeOf(lengths.map((d) => Math.max(1, d)));
  switch (opType) {
    case "ConstantOfShape":
      return product(at(0));
    case "Expand":
    case "Tile":
      return product(at(1));
    case "Resize":
      return product(at(3));
    case "OneHot":
      return product(at(1));
    case "Pad": {
      const pads = at(1) ?? [];
      const axes = pads.length / 2;
      return product(pads.slice(0, axes).map((before, axis) => before + (pads[axis + axes] ?? 0)));
    }
    case "Range": {
      const [from, to, step] = [0, 1, 2].map((i) => at(i)?.[0]);
      return from === undefined || to === undefined || !step ? 0 : Math.ceil((to - from) / step);
    }
    default:
      return 0;
  }
}

/** Small tensors of numbers, as lengths. */
function valuesOf(tensor: TensorProto, where: string): readonly number[] | undefined {
  const { dims, dataType, external, strings } = tensor;
  const isFew = dims.every((d) => d >= 0) && sizeOf(dims) <= FEW;
  const isHere = external === undefined && strings === undefined && storedTypeNamed(dataType) !== undefined;
  return isFew && isHere ? Array.from(headOfTensor(tensor, FEW, where)) : undefined;
}

/** The value of a Constant node, where it is a few numbers. */
function constantOf({ attributes }: NodeProto, where: string): readonly number[] | undefined {
  const [attribute] = attributes;
  if (attribute?.type === "tensor") return valuesOf(attribute.value, where);
  if (attribute?.type === "ints") return attribute.value;
  return attribute?.type === "int" ? [attribute.value] : undefined;
}

/**
 * Refuses nodes whose result no memory holds, in branches and bodies too.
 *
 * Errors: DataError, naming the node and the number of elements.
 */
export function checkSizes(
  { nodes, initializers = [] }: { readonly nodes: readonly NodeProto[]; readonly initializers?: readonly TensorProto[] },
  where: string,
  outer: Constants = new Map(),
): void {
  const constants = new Map(outer);
  const keep = (name: string, values: readonly number[] | undefined): void => {
    if (values !== undefined) constants.set(name, values);
  };
  for (const tensor of initializers) keep(tensor.name, valuesOf(tensor, where));
  for (const node of nodes) if (node.opType === "Constant") keep(node.outputs[0] ?? "", constantOf(node, where));
  for (const node of nodes) {
    const size = leastSize(node, constants);
    if (size > MOST) {
      const name = node.name === "" ? (node.outputs[0] ?? "") : node.name;
      throw new DataError(
        `${where}: node "${name}" (${node.opType}): expected a result of at most ${MOST} elements, got ${size} elements`,
      );
    }
    for (const a of node.attributes) if (a.type === "graph") checkSizes(a.value, where, constants);
  }
}
