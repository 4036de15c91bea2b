/**
 * @module An icicle: nested amounts as bars from the top down, each as wide as its share of the one above. Layers by their cost, calls by their time.
 */
import type { Bilingual, ChartOptions } from "./frame.js";
import { escapeXml, inLanguage, short, spokenLanguage, svgLabel, svgRoot, textAt, textWidth } from "./frame.js";

/** A part with its own amount, and parts of its own. */
export interface IciclePart {
  readonly name: string;
  /** The share that is not in its parts. */
  readonly own: number;
  readonly parts: readonly IciclePart[];
  /** Which of the chart's kinds it is, for its colour. */
  readonly kind?: number;
}

/** Options of an icicle. */
export interface IcicleOptions extends ChartOptions {
  readonly root: IciclePart;
  readonly format: (amount: number) => string;
  /** Names of the kinds, for the legend; at most six. */
  readonly kinds?: readonly Bilingual[];
}

const [ROW, GAP, LEGEND] = [24, 1, 26];
/** Bars narrower than this are left out: nobody could point at them. */
const LEAST_WIDTH = 0.6;

const totals = new WeakMap<IciclePart, number>();

/** The amount of a part with all that is in it. */
export function icicleTotal(part: IciclePart): number {
  const known = totals.get(part);
  if (known !== undefined) return known;
  const total = part.parts.reduce((sum, inner) => sum + icicleTotal(inner), part.own);
  totals.set(part, total);
  return total;
}

interface Bar {
  readonly part: IciclePart;
  readonly x: number;
  readonly width: number;
  readonly depth: number;
  readonly path: string;
}

/** The bars of all parts that are wide enough, from the top down. */
function barsOf(root: IciclePart, width: number): Bar[] {
  const bars: Bar[] = [];
  const pending: Bar[] = [{ part: root, x: 0, width, depth: 0, path: root.name }];
  for (let bar = pending.pop(); bar !== undefined; bar = pending.pop()) {
    if (bar.width < LEAST_WIDTH) continue;
    bars.push(bar);
    const all = icicleTotal(bar.part);
    let { x } = bar;
    for (const part of bar.part.parts) {
      const share = all === 0 ? 0 : (icicleTotal(part) / all) * bar.width;
      const path = bar.depth === 0 ? part.name : `${bar.path}.${part.name}`;
      pending.push({ part, x, width: share, depth: bar.depth + 1, path });
      x += share;
    }
  }
  return bars;
}

/** A name cut to a width, or nothing where not even its first letters fit. */
function fitting(name: string, width: number): string {
  if (textWidth(name) <= width - 6) return name;
  const letters = Math.floor((width - 12) / 6.7);
  return letters < 3 ? "" : `${name.slice(0, letters)}…`;
}

/** Draws an icicle chart. Pointing at a bar shows its path, amount and share. */
export function icicleChart(options: IcicleOptions): string {
  const { root, format, kinds = [], width = 960, language } = options;
  const bars = barsOf(root, width);
  const deepest = Math.max(0, ...bars.map(({ depth }) => depth));
  const top = kinds.length === 0 ? 0 : LEGEND;
  const height = options.height ?? top + (deepest + 1) * ROW;
  const all = icicleTotal(root);
  const drawn = bars.map(({ part, x, width: wide, depth, path }) => {
    const amount = icicleTotal(part);
    const told = `${path}: ${format(amount)}, ${((100 * amount) / (all || 1)).toFixed(1)} %`;
    const y = top + depth * ROW;
    const label = fitting(part.name, wide);
    const fill = depth === 0 || part.kind === undefined ? 'fill="#8b98a9"' : `class="f${part.kind}"`;
    return (
      `<g><title>${escapeXml(told)}</title><rect x="${short(x)}" y="${y}" width="${short(Math.max(0.4, wide - GAP))}" height="${ROW - GAP}" rx="2" ${fill}/>` +
      (label === "" ? "" : textAt(x + 5, y + 16, escapeXml(label), "on")) +
      "</g>"
    );
  });
  let at = 4;
  const legend = kinds.map((kind, i) => {
    const spot = `<rect x="${short(at)}" y="6" width="12" height="12" rx="2" class="f${i}"/>${textAt(at + 17, 16, svgLabel(kind, language))}`;
    at += 34 + textWidth(inLanguage(kind, spokenLanguage(options)));
    return spot;
  });
  return svgRoot([...legend, ...drawn].join(""), { ...options, width, height });
}

/** Gathers amounts by dotted path into nested parts, in the order given. */
export function icicleOf(
  name: string,
  amounts: readonly { readonly path: string; readonly amount: number; readonly kind?: number }[],
): IciclePart {
  interface Growing {
    readonly name: string;
    own: number;
    readonly parts: Map<string, Growing>;
    kind?: number;
    most: number;
  }
  const root: Growing = { name, own: 0, parts: new Map(), most: 0 };
  for (const { path, amount, kind } of amounts) {
    let part = root;
    for (const step of path.split(".")) {
      const inner = part.parts.get(step) ?? { name: step, own: 0, parts: new Map<string, Growing>(), most: 0 };
      part.parts.set(step, inner);
      part = inner;
      // A part has the kind of the largest thing in it.
      if (kind !== undefined && amount >= part.most) Object.assign(part, { kind, most: amount });
    }
    part.own += amount;
  }
  const made = (part: Growing): IciclePart => ({
    name: part.name,
    own: part.own,
    parts: [...part.parts.values()].map(made),
    kind: part.kind,
  });
  return made(root);
}
