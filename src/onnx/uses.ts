/**
 * @module Finds the readers of a value in a file, followed into functions and branches and out of them again.
 */
import { calledBy, type Functions, functionsOf } from "./functions.js";
import type { GraphProto, ModelProto, NodeProto, TensorProto } from "./messages.js";

/** One place where a value is read. */
export interface Use {
  readonly node: NodeProto;
  readonly index: number;
  readonly scope: Scope;
}

/** A value by its name where it is defined. */
export interface Named {
  readonly scope: Scope;
  readonly name: string;
}

/** The values of a graph, of a branch or body inside of one, or of a function as one node calls it. */
export class Scope {
  readonly #uses = new Map<string, Use[]>();
  readonly #producers = new Map<string, NodeProto>();
  /** Values that depend on what the inputs hold, not only on their shapes. */
  readonly #dynamic = new Set<string>();
  /** Other names of values: of results in the scope around this one, of inputs inside the functions that are called. */
  readonly #leads = new Map<string, Named[]>();
  readonly #around: Scope | undefined;
  readonly nodes: readonly NodeProto[];
  /** Weights that a branch or body brings along. */
  readonly initializers: readonly TensorProto[];

  constructor(nodes: readonly NodeProto[], initializers: readonly TensorProto[] = [], around?: Scope) {
    this.nodes = nodes;
    this.initializers = initializers;
    this.#around = around;
    for (const node of nodes) for (const name of node.outputs) if (name !== "") this.#producers.set(name, node);
  }

  /** Every place where the value is read, here and in branches inside. */
  usesOf(name: string): readonly Use[] {
    return this.#uses.get(name) ?? [];
  }

  /** Other names of the value: a function's input by its inner name, a result by its name in the scope around. */
  leadsOf(name: string): readonly Named[] {
    return this.#leads.get(name) ?? [];
  }

  producerOf(name: string): NodeProto | undefined {
    return this.#producers.get(name) ?? this.#around?.producerOf(name);
  }

  isDynamic(name: string): boolean {
    return this.#dynamic.has(name) || (!this.#producers.has(name) && (this.#around?.isDynamic(name) ?? false));
  }

  addUse(name: string, use: Use): void {
    const list = this.#uses.get(name);
    if (list === undefined) this.#uses.set(name, [use]);
    else list.push(use);
    // A branch reads what is around it by name.
    if (!this.#producers.has(name)) this.#around?.addUse(name, use);
  }

  addLead(name: string, to: Named): void {
    this.#leads.set(name, [...this.leadsOf(name), to]);
  }

  setDynamic(name: string): void {
    this.#dynamic.add(name);
  }
}

/** Ops whose result depends on the shape of their input alone. */
const SHAPES_ONLY: ReadonlySet<string> = new Set(["Shape", "Size", "ConstantOfShape", "EyeLike"]);

class Reader {
  readonly scopes: Scope[] = [];
  readonly #functions: Functions;

  constructor(functions: Functions) {
    this.#functions = functions;
  }

  read(scope: Scope): Scope {
    this.scopes.push(scope);
    for (const node of scope.nodes) {
      node.inputs.forEach((name, index) => {
        if (name !== "") scope.addUse(name, { node, index, scope });
      });
      const called = calledBy(node, this.#functions);
      let isDynamic = !SHAPES_ONLY.has(node.opType) && node.inputs.some((name) => scope.isDynamic(name));
      if (called !== undefined) {
        const inner = new Scope(called.nodes);
        called.inputs.forEach((formal, i) => {
          const name = node.inputs[i] ?? "";
          if (name === "") return;
          if (scope.isDynamic(name)) inner.setDynamic(formal);
          scope.addLead(name, { scope: inner, name: formal });
        });
        this.read(inner);
        this.#lead(inner, called.outputs, scope, node);
        isDynamic = called.outputs.some((name) => inner.isDynamic(name));
      }
      for (const branch of branchesOf(node)) {
        const inner = new Scope(branch.nodes, branch.initializers, scope);
        branch.inputs.forEach(({ name }, i) => {
          inner.setDynamic(name);
          const outside = node.inputs[i] ?? "";
          if (outside !== "") scope.addLead(outside, { scope: inner, name });
        });
        this.read(inner);
        const names = branch.outputs.map(({ name }) => name);
        this.#lead(inner, names, scope, node);
        isDynamic ||= names.some((name) => inner.isDynamic(name));
      }
      if (isDynamic) for (const name of node.outputs) scope.setDynamic(name);
    }
    return scope;
  }

  #lead(inner: Scope, names: readonly string[], scope: Scope, node: NodeProto): void {
    names.forEach((name, i) => {
      const outside = node.outputs[i] ?? "";
      if (outside !== "") inner.addLead(name, { scope, name: outside });
    });
  }
}

/** An op with its domain. */
export const opName = ({ domain, opType }: NodeProto): string => (domain === "" ? opType : `${domain}.${opType}`);

/** A node's name, or that of its first output. */
export const nodeName = ({ name, outputs }: NodeProto): string => (name === "" ? (outputs[0] ?? "") : name);

/** The graphs in a node's attributes: an If's branches, a loop's body. */
export const branchesOf = (node: NodeProto): readonly GraphProto[] =>
  node.attributes.flatMap((a) => (a.type === "graph" ? [a.value] : []));

/** The scopes of a model, the graph's own first. */
export function scopesOf({ graph, functions }: ModelProto): readonly [Scope, ...Scope[]] {
  const reader = new Reader(functionsOf(functions));
  const main = new Scope(graph.nodes, graph.initializers);
  const weights = new Set(graph.initializers.map(({ name }) => name));
  for (const { name } of graph.inputs) if (!weights.has(name)) main.setDynamic(name);
  reader.read(main);
  return [main, ...reader.scopes.slice(1)];
}
