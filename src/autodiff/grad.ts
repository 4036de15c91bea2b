/**
 * @module Reverse mode over any graph, by the op table alone: the walk knows no op by name.
 */
import type { Attributes, Node } from "../graph/index.js";
import {
  bindFromLength,
  formatShape,
  FreeDimensionError,
  isFloat,
  isLeaf,
  isStatic,
  reachableNodes,
  sameShape,
  symbolName,
  symbolsOf,
  Tensor,
  withScope,
} from "../graph/index.js";
import type { GradientRule, OptionalTensor } from "../ops/index.js";
import { bindAttributes, deferred, identity, onesLike, opOf, sizedBy, sumTo, zerosLike } from "../ops/index.js";
import { DTypeError, NoGradientError, ShapeError } from "../util/errors.js";

/** Options of `grad`: the gradient that arrives at y, of y's shape; 1 for a scalar y. */
export interface GradOptions {
  /** Gradient that arrives at y, of y's shape; left out, y must be a scalar, and it is 1. */
  readonly dy?: Tensor;
}

/**
 * The gradient of the scalar y with respect to x: a graph of x's shape, which can be differentiated again.
 *
 * Errors: ShapeError if y is not a scalar and no `dy` is given; NoGradientError if a path from x to y passes an op without one.
 * Differs from PyTorch: an x that y does not depend on has the gradient 0.
 *
 * @example
 * import { grad, tensor } from "descentjs";
 * const x = tensor([1, 2, 3]);
 * console.log(await grad(x.square().sum(), x).data()); // Float32Array(3) [ 2, 4, 6 ]
 */
export function grad(y: Tensor, x: Tensor, options?: GradOptions): Tensor;
export function grad(y: Tensor, xs: readonly Tensor[], options?: GradOptions): Tensor[];
export function grad(y: Tensor, xs: Tensor | readonly Tensor[], options: GradOptions = {}): Tensor | Tensor[] {
  const targets = xs instanceof Tensor ? [xs] : xs;
  if (options.dy === undefined && y.rank !== 0) {
    throw new ShapeError(`grad: expected a scalar, got ${formatShape(y.shape)}; reduce it with sum() or mean(), or give dy`);
  }
  const gradients = vjpOf([y], [options.dy ?? onesLike(y)], targets);
  return xs instanceof Tensor ? (gradients[0] as Tensor) : gradients;
}

/**
 * The value and its gradients, as one graph would share them. y is a scalar, or `dy` has its shape; each gradient has the shape of its x.
 *
 * @example
 * import { evaluate, tensor, valueAndGrad } from "descentjs";
 * const x = tensor([1, 2, 3]);
 * const { value, gradients } = valueAndGrad(x.square().sum(), [x]);
 * const { y, dx } = await evaluate({ y: value, dx: gradients[0]! });
 * console.log(y.data, dx.data); // Float32Array(1) [ 14 ] Float32Array(3) [ 2, 4, 6 ]
 */
export function valueAndGrad(
  y: Tensor,
  xs: readonly Tensor[],
  options: GradOptions = {},
): { value: Tensor; gradients: Tensor[] } {
  return { value: y, gradients: grad(y, xs, options) };
}

/** The gradients that a node sends back to its inputs. */
export type NodeRule = GradientRule<Attributes, readonly OptionalTensor[]>;

/** Another rule for a node than its op's own; undefined keeps that. What else than gradients is propagated so: relevance, multipliers. */
export type RuleChoice = (node: Node) => NodeRule | undefined;

/**
 * Σ dyᵢ·∂yᵢ/∂x for several outputs at once; by other rules, where `choose` gives one. Each dy has the shape of its y, each result that of its x.
 * DTypeError for integers.
 */
export function vjpOf(ys: readonly Tensor[], dys: readonly Tensor[], xs: readonly Tensor[], choose?: RuleChoice): Tensor[] {
  for (const x of xs) {
    if (!isFloat(x.dtype)) throw new DTypeError(`grad: expected a floating-point tensor to differentiate by, got ${x.dtype}`);
  }
  const nodes = dependentNodes(ys, xs);
  const arriving = new Map<Tensor, Tensor[]>();
  const arrive = (t: Tensor, dy: Tensor): void => {
    const list = arriving.get(t);
    if (list === undefined) arriving.set(t, [dy]);
    else list.push(dy);
  };
  ys.forEach((y, i) => arrive(y, checked(dys[i] as Tensor, y, "grad: dy")));

  const total = (t: Tensor): Tensor | null => {
    const list = arriving.get(t);
    if (list === undefined) return null;
    const sum = list.reduce((a, b) => a.add(b));
    arriving.set(t, [sum]);
    return sum;
  };
  for (const node of [...nodes].sort((a, b) => b.id - a.id)) {
    if (isLeaf(node)) continue;
    const needs = node.inputs.map((input) => input !== null && isFloat(input.dtype) && nodes.has(input.node));
    if (!needs.includes(true)) continue;
    const outputs = node.outputs.map(total);
    if (outputs.every((dy) => dy === null)) continue;
    // A gradient belongs to the layer whose gradient it is: costs and profiles go by that.
    withScope(node.scope, () => {
      const gradients = gradientsOrDeferred({ node, dys: outputs, needs, choose });
      node.inputs.forEach((input, i) => {
        const dx = gradients[i] ?? null;
        if (input !== null && dx !== null && needs[i])
          arrive(input, checked(sumTo(dx, input.shape), input, `gradient of ${node.op}`));
      });
    });
  }
  return xs.map((x) => withInputs(total(x) ?? zerosLike(x), x));
}

/** A gradient whose graph no longer has the inputs that tell its free dimensions keeps x, which has them. */
function withInputs(dx: Tensor, x: Tensor): Tensor {
  if (isStatic(dx.shape)) return dx;
  const told = new Set<string>();
  for (const node of reachableNodes([dx])) if (node.op === "Input") for (const t of node.outputs) tellSymbols(t, told);
  const needed = new Set(dx.shape.flatMap((d) => [...symbolsOf(d)]));
  if ([...needed].every((name) => told.has(name))) return dx;
  const inputs = reachableNodes([x]).filter((node) => node.op === "Input");
  return inputs.reduce((y, node) => sizedBy(y, node.outputs[0] as Tensor), dx);
}

/** Symbols that can be read off a tensor's shape. */
function tellSymbols(t: Tensor, into: Set<string>): void {
  for (const d of t.shape) {
    const name = symbolName(d);
    if (name !== undefined) into.add(name);
  }
}

type Maybe = Tensor | null;

/** A node on the way back: the gradients that arrive at its outputs, and which of its inputs need one. */
interface Backward {
  readonly node: Node;
  readonly dys: readonly Maybe[];
  readonly needs: readonly boolean[];
  readonly choose: RuleChoice | undefined;
}

/** The gradients of a node; where its rule has to know the free dimensions, nodes that wait for them. */
function gradientsOrDeferred(backward: Backward): readonly Maybe[] {
  try {
    return gradientsOf(backward);
  } catch (error) {
    if (!(error instanceof FreeDimensionError)) throw error;
    return deferredGradients(backward);
  }
}

function deferredGradients({ node, dys, needs, choose }: Backward): readonly Maybe[] {
  const given = [...node.inputs, ...node.outputs, ...dys];
  const present = given.filter((t) => t !== null);
  const positions = given.map((t) => (t === null ? -1 : present.indexOf(t)));
  const needed = needs.flatMap((isNeeded, i) => (isNeeded ? [i] : []));
  const rule = (bound: readonly Tensor[]): readonly Tensor[] => {
    const at = (i: number): Maybe => bound[positions[i] as number] ?? null;
    const inputs = node.inputs.map((_, i) => at(i));
    const outputs = node.outputs.map((_, i) => at(inputs.length + i) as Tensor);
    const arriving = dys.map((_, i) => at(inputs.length + outputs.length + i));
    const attributes = bindAttributes(node.attributes, bindingsOf(present, bound));
    const gradients = gradientsOf({ node: { ...node, attributes, inputs, outputs }, dys: arriving, needs, choose });
    return needed.map((i) => {
      const [x, dx] = [inputs[i] as Tensor, gradients[i] ?? null];
      return dx === null ? zerosLike(x) : sumTo(dx, x.shape);
    });
  };
  const made = deferred(
    present,
    rule,
    needed.map((i) => positions[i] as number),
  );
  return needs.map((isNeeded, i) => (isNeeded ? (made[needed.indexOf(i)] as Tensor) : null));
}

/** Collects the sizes bound to free dimensions, by the tensors that had them. */
function bindingsOf(free: readonly Tensor[], bound: readonly Tensor[]): ReadonlyMap<string, number> {
  const bindings = new Map<string, number>();
  free.forEach((t, i) => {
    t.shape.forEach((d, axis) => {
      const length = bound[i]?.shape[axis];
      if (typeof length === "number") bindFromLength(d, length, bindings);
    });
  });
  return bindings;
}

/** The gradients of a node by the rule chosen, or its entry in the table; NoGradientError where that gives a reason in its place. */
function gradientsOf(backward: Backward): readonly Maybe[] {
  const { node, dys, needs, choose } = backward;
  const op = opOf(node);
  const chosen = choose?.(node);
  if (op.expand !== undefined && chosen === undefined) return expandedGradients(backward);
  const rule = chosen ?? op.gradient;
  if (typeof rule !== "function") {
    throw new NoGradientError(
      `${node.scope === "" ? "" : `${node.scope}: `}${op.name}: has no gradient, since ${rule.none}; use stopGradient before it`,
    );
  }
  const y = node.outputs[0] as Tensor;
  let first = dys[0] ?? null;
  return rule({
    node,
    inputs: node.inputs,
    outputs: node.outputs,
    y,
    attributes: node.attributes,
    get dy() {
      return (first ??= zerosLike(y));
    },
    dys,
    needs,
  });
}

/**
 * Gradients of a fused node, through its definition. Each input stands for itself under another name, so that an input which
 * depends on another one is not followed.
 */
function expandedGradients({ node, dys, needs, choose }: Backward): Maybe[] {
  const inputs = node.inputs.map((t) => (t === null ? null : identity(t)));
  const outputs = withScope(node.scope, () => opOf(node).expand?.({ inputs, attributes: node.attributes }) ?? []);
  const used = outputs.filter((_, i) => dys[i] !== null);
  const targets = inputs.filter((_, i) => needs[i]) as Tensor[];
  const gradients = vjpOf(
    used,
    dys.filter((dy) => dy !== null),
    targets,
    choose,
  );
  return needs.map((needed) => (needed ? (gradients.shift() as Tensor) : null));
}

function checked(dx: Tensor, x: Tensor, where: string): Tensor {
  if (!sameShape(dx.shape, x.shape))
    throw new ShapeError(`${where}: expected ${formatShape(x.shape)}, got ${formatShape(dx.shape)}`);
  if (dx.dtype !== x.dtype) throw new DTypeError(`${where}: expected ${x.dtype}, got ${dx.dtype}`);
  return dx;
}

/** Nodes that lie on a path from some x to some y; those of the xs included. */
function dependentNodes(ys: readonly Tensor[], xs: readonly Tensor[]): Set<Node> {
  const result = new Set(xs.map((x) => x.node));
  const sources = new Set(xs);
  for (const node of reachableNodes(ys)) {
    if (
      node.inputs.some(
        (input) =>
          input !== null &&
          isFloat(input.dtype) &&
          (sources.has(input) || (result.has(input.node) && !isSourceOnly(input, sources, result))),
      )
    ) {
      result.add(node);
    }
  }
  return result;
}

/** A sibling output of a source's node does not depend on the source. */
function isSourceOnly(input: Tensor, sources: ReadonlySet<Tensor>, result: ReadonlySet<Node>): boolean {
  const { node } = input;
  const isSourceNode = node.outputs.some((output) => sources.has(output));
  return isSourceNode && !node.inputs.some((t) => t !== null && result.has(t.node));
}
