/**
 * @module A grammar over bytes: what a constrained text may be, as nodes that a stack machine walks. Nothing is built before it is met, so a schema that
 * refers to itself costs what is written of it.
 */

/** A node of the grammar. */
export type GrammarNode =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** One byte of a set: 1 at those that are allowed. */
  | { readonly kind: "byte"; readonly set: Uint8Array }
  | { readonly kind: "sequence"; readonly items: readonly GrammarNode[] }
  | { readonly kind: "choice"; readonly options: readonly GrammarNode[] }
  | { readonly kind: "repeat"; readonly item: GrammarNode; readonly minimum: number; readonly maximum: number }
  /** A node that is made, or known, later. */
  | { readonly kind: "later"; readonly node: () => GrammarNode };

const encoder = new TextEncoder();

export const bytes = (text: string): GrammarNode => ({ kind: "bytes", bytes: encoder.encode(text) });
export const sequence = (...items: readonly GrammarNode[]): GrammarNode => ({ kind: "sequence", items });
export const choice = (...options: readonly GrammarNode[]): GrammarNode => ({ kind: "choice", options });
export const repeat = (item: GrammarNode, minimum = 0, maximum = Infinity): GrammarNode => ({
  kind: "repeat",
  item,
  minimum,
  maximum,
});
export const optional = (item: GrammarNode): GrammarNode => repeat(item, 0, 1);
export const later = (node: () => GrammarNode): GrammarNode => ({ kind: "later", node });

/** One byte of ranges, both ends included. */
export function byteIn(...ranges: readonly (readonly [from: number, to: number])[]): GrammarNode {
  const set = new Uint8Array(256);
  for (const [from, to] of ranges) set.fill(1, from, to + 1);
  return { kind: "byte", set };
}

/** The nodes right below one. */
function childrenOf(node: GrammarNode): readonly GrammarNode[] {
  if (node.kind === "sequence") return node.items;
  if (node.kind === "choice") return node.options;
  if (node.kind === "repeat") return [node.item];
  return node.kind === "later" ? [node.node()] : [];
}

/** Whether some text ends within a node, if those below it are as `ends` knows. */
function canEnd(node: GrammarNode, ends: ReadonlySet<GrammarNode>): boolean {
  if (node.kind === "bytes") return true;
  if (node.kind === "byte") return node.set.includes(1);
  if (node.kind === "sequence") return node.items.every((item) => ends.has(item));
  if (node.kind === "choice") return node.options.some((option) => ends.has(option));
  if (node.kind === "repeat") return node.minimum <= node.maximum && (node.minimum === 0 || ends.has(node.item));
  return ends.has(node.node());
}

/**
 * Whether there is any text that a grammar allows: that a node ends is concluded from those below it, until nothing new follows. Undefined where it has
 * more than `most` nodes.
 */
export function isSatisfiable(root: GrammarNode, most: number): boolean | undefined {
  const all = new Set<GrammarNode>([root]);
  for (const node of all) {
    for (const child of childrenOf(node)) all.add(child);
    if (all.size > most) return undefined;
  }
  const ends = new Set<GrammarNode>();
  for (let before = -1; before !== ends.size;) {
    before = ends.size;
    for (const node of [...all].toReversed()) if (!ends.has(node) && canEnd(node, ends)) ends.add(node);
  }
  return ends.has(root);
}
