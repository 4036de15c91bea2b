/**
 * @module A grammar as an automaton over bytes, whose states are made when they are first met, and the tokens of a vocabulary that each state allows.
 */
import { ConfigError } from "../../util/errors.js";
import type { GrammarNode } from "./grammar.js";

/** A place in the grammar: a node, how far it is, and what comes after. Undefined: the end. */
interface Place {
  readonly id: number;
  readonly node: GrammarNode;
  /** Bytes that were read of a text; of a repetition, how often it must and may still come. */
  readonly at: number;
  readonly most: number;
  readonly next: Place | undefined;
}

/** A state: the places where the next byte may be read, and whether the text may end. */
export interface State {
  readonly id: number;
  readonly places: readonly Place[];
  readonly mayEnd: boolean;
  /** By byte, the next state; undefined where it is not known yet, null where there is none. */
  readonly next: (State | null | undefined)[];
}

/** More states than a text of some thousand tokens passes. */
const MOST_STATES = 100_000;
/** Places of one state: of many choices that begin alike. */
const MOST_PLACES = 2_000;

/** The automaton of one grammar. */
export class Automaton {
  readonly start: State;
  readonly #places = new Map<string, Place>();
  readonly #states = new Map<string, State>();
  readonly #nodeIds = new Map<GrammarNode, number>();

  constructor(root: GrammarNode) {
    const found = new Set<Place | undefined>();
    this.#expand(root, undefined, found, new Set());
    this.start = this.#state(found) as State;
  }

  #idOf(node: GrammarNode): number {
    const known = this.#nodeIds.get(node);
    if (known !== undefined) return known;
    this.#nodeIds.set(node, this.#nodeIds.size);
    return this.#nodeIds.size - 1;
  }

  #place(node: GrammarNode, at: number, most: number, next: Place | undefined): Place {
    const key = `${this.#idOf(node)} ${at} ${most} ${next?.id ?? -1}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#places.size > MOST_STATES) throw new ConfigError("schema: expected one that takes fewer states; make it smaller");
    const made = { id: this.#places.size, node, at, most, next };
    this.#places.set(key, made);
    return made;
  }

  /** Finds the places where a byte is read, from a node on; `undefined` among them is the end. */
  #expand(node: GrammarNode, next: Place | undefined, found: Set<Place | undefined>, seen: Set<Place>): void {
    if (found.size > MOST_PLACES) throw new ConfigError("schema: expected fewer alternatives that begin alike; make it smaller");
    switch (node.kind) {
      case "bytes":
        if (node.bytes.length === 0) this.#continue(next, found, seen);
        else found.add(this.#place(node, 0, 0, next));
        break;
      case "byte":
        found.add(this.#place(node, 0, 0, next));
        break;
      case "sequence": {
        const [first, ...rest] = node.items;
        if (first === undefined) this.#continue(next, found, seen);
        else this.#expand(first, rest.length === 0 ? next : this.#place(this.#tail(node), 0, 0, next), found, seen);
        break;
      }
      case "choice":
        for (const option of node.options) this.#expand(option, next, found, seen);
        break;
      case "repeat":
        this.#continue(this.#place(node, node.minimum, node.maximum, next), found, seen);
        break;
      case "later":
        this.#expand(node.node(), next, found, seen);
        break;
    }
  }

  readonly #tails = new Map<GrammarNode, GrammarNode>();

  /** A sequence without its first item. */
  #tail(node: Extract<GrammarNode, { kind: "sequence" }>): GrammarNode {
    const known = this.#tails.get(node);
    if (known !== undefined) return known;
    const made: GrammarNode = { kind: "sequence", items: node.items.slice(1) };
    this.#tails.set(node, made);
    return made;
  }

  /** Goes on at a place that reads no byte by itself. */
  #continue(place: Place | undefined, found: Set<Place | undefined>, seen: Set<Place>): void {
    if (place === undefined) {
      found.add(undefined);
      return;
    }
    if (seen.has(place)) return;
    seen.add(place);
    const { node, at, most, next } = place;
    if (node.kind !== "repeat") {
      this.#expand(node, next, found, seen);
      return;
    }
    if (most > 0) this.#expand(node.item, this.#place(node, Math.max(0, at - 1), most - 1, next), found, seen);
    if (at === 0) this.#continue(next, found, seen);
  }

  /** The state of places; null for none. */
  #state(found: ReadonlySet<Place | undefined>): State | null {
    if (found.size === 0) return null;
    const places = [...found].filter((place) => place !== undefined).sort((a, b) => a.id - b.id);
    const mayEnd = found.has(undefined);
    const key = `${mayEnd} ${places.map(({ id }) => id).join(" ")}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size > MOST_STATES) throw new ConfigError("schema: expected one that takes fewer states; make it smaller");
    const made: State = { id: this.#states.size, places, mayEnd, next: new Array<State | null | undefined>(256) };
    this.#states.set(key, made);
    return made;
  }

  /** The state after a byte; null where it is not allowed. */
  step(state: State, byte: number): State | null {
    const known = state.next[byte];
    if (known !== undefined) return known;
    const found = new Set<Place | undefined>();
    const seen = new Set<Place>();
    for (const { node, at, next } of state.places) {
      if (node.kind === "byte") {
        if (node.set[byte] === 1) this.#continue(next, found, seen);
      } else if (node.kind === "bytes" && node.bytes[at] === byte) {
        if (at + 1 === node.bytes.length) this.#continue(next, found, seen);
        else found.add(this.#place(node, at + 1, 0, next));
      }
    }
    return (state.next[byte] = this.#state(found));
  }
}

/** A vocabulary as a tree of bytes, in arrays: children of a node lie side by side. */
export class TokenTree {
  readonly size: number;
  readonly #bytes: number[] = [0];
  readonly #tokens: number[][] = [[]];
  readonly #children: number[][] = [[]];
  readonly #byNode: Map<number, number>[] = [new Map()];

  /** `tokens` are the bytes of each; undefined for those that write nothing. */
  constructor(tokens: readonly (Uint8Array | undefined)[]) {
    this.size = tokens.length;
    for (const [id, text] of tokens.entries()) if (text !== undefined && text.length > 0) this.#add(id, text);
  }

  #add(id: number, text: Uint8Array): void {
    let node = 0;
    for (const byte of text) {
      const map = this.#byNode[node] as Map<number, number>;
      let child = map.get(byte);
      if (child === undefined) {
        child = this.#bytes.length;
        map.set(byte, child);
        this.#bytes.push(byte);
        this.#tokens.push([]);
        this.#children.push([]);
        this.#byNode.push(new Map());
        (this.#children[node] as number[]).push(child);
      }
      node = child;
    }
    (this.#tokens[node] as number[]).push(id);
  }

  /** 1 for each token whose bytes lead from a state to another. */
  allowed(automaton: Automaton, state: State): Uint8Array {
    const mask = new Uint8Array(this.size);
    const stack: [number, State][] = [[0, state]];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const [node, from] = top;
      for (const child of this.#children[node] as number[]) {
        const to = automaton.step(from, this.#bytes[child] as number);
        if (to === null) continue;
        for (const id of this.#tokens[child] as number[]) mask[id] = 1;
        stack.push([child, to]);
      }
    }
    return mask;
  }
}

/** Masks that are kept: of a text's inside there is one, whatever its length. */
const MOST_MASKS = 64;

/** A constraint on one text: it masks logits, and follows the tokens that are chosen. */
export class TokenConstraint {
  readonly #automaton: Automaton;
  readonly #tree: TokenTree;
  readonly #tokens: readonly (Uint8Array | undefined)[];
  readonly #ends: ReadonlySet<number>;
  readonly #masks = new Map<State, Uint8Array>();
  #state: State;

  constructor(grammar: GrammarNode, tree: TokenTree, tokens: readonly (Uint8Array | undefined)[], endTokens: Iterable<number>) {
    this.#automaton = new Automaton(grammar);
    this.#tree = tree;
    this.#tokens = tokens;
    this.#ends = new Set(endTokens);
    this.#state = this.#automaton.start;
  }

  /** Whether all is written that may be: only the end is left. */
  get isComplete(): boolean {
    return this.#state.mayEnd && this.#state.places.length === 0;
  }

  #mask(): Uint8Array {
    const known = this.#masks.get(this.#state);
    if (known !== undefined) return known;
    const made = this.#tree.allowed(this.#automaton, this.#state);
    if (this.#masks.size >= MOST_MASKS) this.#masks.delete(this.#masks.keys().next().value as State);
    this.#masks.set(this.#state, made);
    return made;
  }

  /** −∞ for tokens that the grammar does not allow next. ConfigError where the vocabulary has none that it does. */
  apply(logits: Float64Array): void {
    const mask = this.#mask();
    let isAny = false;
    for (let id = 0; id < logits.length; id++) {
      const isAllowed = mask[id] === 1 || (this.#state.mayEnd && this.#ends.has(id));
      if (isAllowed) isAny = true;
      else logits[id] = -Infinity;
    }
    if (!isAny) throw new ConfigError("schema: expected one that the tokens of the model's vocabulary can satisfy, got another");
  }

  /** Goes on behind a token. */
  accept(token: number): void {
    if (this.#ends.has(token)) return;
    let state: State | null = this.#state;
    for (const byte of this.#tokens[token] ?? []) state = state === null ? null : this.#automaton.step(state, byte);
    if (state !== null) this.#state = state;
  }
}
