/**
 * @module Metrics of object detection: average precision per class, COCO's mean over overlaps, precision-recall curves. Images are
 * matched one by one as they come; only scores and matches are kept.
 */
import type { PrecisionRecall } from "./precision-recall.js";

/** Corners (x₁, y₁, x₂, y₂). */
export type Corners = readonly [number, number, number, number];

/** A box that a detector gave, corners in pixels. */
export interface DetectedBox {
  readonly box: Corners;
  readonly class: number;
  readonly score: number;
}

/** A box that is there, corners in pixels. */
export interface TrueBox {
  readonly box: Corners;
  readonly class: number;
  /** A region of many objects: any number of detections in it are neither right nor wrong. */
  readonly crowd?: boolean;
  /** Area for the size ranges; left out, the box's area. COCO gives the area of the outline. */
  readonly area?: number;
}

/** COCO's overlaps: 0.5, 0.55, …, 0.95. */
export const COCO_THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) => 0.5 + 0.05 * i);

/** COCO's size ranges in square pixels, ends included. */
export const AREA_RANGES = { all: [0, 1e10], small: [0, 32 ** 2], medium: [32 ** 2, 96 ** 2], large: [96 ** 2, 1e10] } as const;
/** COCO's ranges of areas. */
export type AreaRange = keyof typeof AREA_RANGES;

/** Number of detections that count for an image and class: those with the best scores. */
const MOST_DETECTIONS = 100;

const areaOf = ([x1, y1, x2, y2]: Corners): number => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);

/** Intersection over union; over the detection's own area where the truth is a crowd. */
export function boxOverlap(detected: Corners, truth: Corners, crowd = false): number {
  const width = Math.min(detected[2], truth[2]) - Math.max(detected[0], truth[0]);
  const height = Math.min(detected[3], truth[3]) - Math.max(detected[1], truth[1]);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (crowd ? areaOf(detected) : areaOf(detected) + areaOf(truth) - both);
}

/** The ground-truth box that each detection matches (its index, or −1), best scores first. */
export interface Matching {
  readonly matched: readonly number[];
  /** Neither right nor wrong: in a crowd, or of a size outside the range. */
  readonly ignored: readonly boolean[];
}

/**
 * Gives each detection, best first, the free truth that it overlaps most, if by at least `threshold`; a truth that is ignored only
 * where no other is. Source: pycocotools 2.0, `COCOeval.evaluateImg`.
 */
export function matchBoxes(
  detected: readonly DetectedBox[],
  truth: readonly TrueBox[],
  threshold: number,
  range: AreaRange = "all",
): Matching {
  const [low, high] = AREA_RANGES[range];
  const outside = (area: number): boolean => area < low || area > high;
  const isIgnored = truth.map((t) => t.crowd === true || outside(t.area ?? areaOf(t.box)));
  // Those that count come first, each kind in its order.
  const order = [...truth.keys()].sort((a, b) => Number(isIgnored[a]) - Number(isIgnored[b]) || a - b);
  const taken = new Set<number>();
  const matched: number[] = [];
  const ignored: boolean[] = [];
  for (const { box } of detected) {
    let best = Math.min(threshold, 1 - 1e-10);
    let match = -1;
    for (const g of order) {
      const { box: other, crowd = false } = truth[g] as TrueBox;
      if (taken.has(g) && !crowd) continue;
      if (match >= 0 && !(isIgnored[match] as boolean) && (isIgnored[g] as boolean)) break;
      const overlap = boxOverlap(box, other, crowd);
      if (overlap < best) continue;
      best = overlap;
      match = g;
    }
    if (match >= 0) taken.add(match);
    matched.push(match);
    ignored.push(match >= 0 ? (isIgnored[match] as boolean) : outside(areaOf(box)));
  }
  return { matched, ignored };
}

/** Makes precision fall: at each point, the best at this recall or a higher one. */
function envelope(precision: readonly number[]): number[] {
  const falling = [...precision];
  for (let i = falling.length - 2; i >= 0; i--) falling[i] = Math.max(falling[i] as number, falling[i + 1] as number);
  return falling;
}

/** The area below the falling curve, at every point where recall changes (Pascal VOC from 2010). NaN where nothing is to be found. */
export function allPointAp({ recall, precision, truths }: PrecisionRecall): number {
  if (truths === 0) return NaN;
  const falling = envelope(precision);
  let area = 0;
  recall.forEach((r, i) => (area += (r - (recall[i - 1] ?? 0)) * (falling[i] as number)));
  return area;
}

/** The mean of the falling curve at recall 0, 0.01, …, 1 (COCO). NaN where nothing is to be found. */
export function interpolatedAp({ recall, precision, truths }: PrecisionRecall): number {
  if (truths === 0) return NaN;
  const falling = envelope(precision);
  let sum = 0;
  let i = 0;
  for (let k = 0; k <= 100; k++) {
    while (i < recall.length && (recall[i] as number) < k * 0.01) i++;
    sum += falling[i] ?? 0;
  }
  return sum / 101;
}

/** Counts of one class under one threshold and size range. */
interface Tally {
  readonly hits: { readonly score: number; readonly right: boolean }[];
  truths: number;
}

/** Mean average precisions of a detector, as fractions: at an IoU of 0.5, over 0.5 to 0.95, by size and by class. */
export interface DetectionReport {
  /** Mean over classes of the all-point average precision at an overlap of 0.5. */
  readonly map50: number;
  /** COCO's mean over classes and overlaps 0.5 … 0.95 of the 101-point average precision. */
  readonly map: number;
  /** COCO's at 0.5 and 0.75 alone. */
  readonly cocoMap50: number;
  readonly cocoMap75: number;
  readonly bySize: Readonly<Record<Exclude<AreaRange, "all">, number>>;
  /** COCO's mean over overlaps of the share that is found, with at most 100 detections per image and class. */
  readonly recall: number;
  readonly classes: readonly { readonly ap50: number; readonly ap: number; readonly truths: number }[];
}

const meanOf = (values: readonly number[]): number => {
  const known = values.filter((v) => !Number.isNaN(v));
  return known.length === 0 ? NaN : known.reduce((a, b) => a + b, 0) / known.length;
};

/**
 * Gathers images; classes without a truth count for nothing.
 *
 * Source: COCO's evaluation, Lin et al. 2014, arXiv:1405.0312. Checked against: pycocotools 2.0 on the same detections, 1e-12,
 * detection.test.ts.
 */
export class DetectionMetric {
  readonly #classes: number;
  /** By class, range and threshold. */
  readonly #tallies = new Map<string, Tally>();

  constructor(classes: number) {
    this.#classes = classes;
  }

  #tally(k: number, range: AreaRange, threshold: number): Tally {
    const key = `${k} ${range} ${threshold}`;
    let tally = this.#tallies.get(key);
    if (tally === undefined) this.#tallies.set(key, (tally = { hits: [], truths: 0 }));
    return tally;
  }

  /** One image: what was found and what is there. */
  update(detected: readonly DetectedBox[], truth: readonly TrueBox[]): void {
    for (let k = 0; k < this.#classes; k++) {
      const found = detected
        .filter((d) => d.class === k)
        .sort((a, b) => b.score - a.score)
        .slice(0, MOST_DETECTIONS);
      const there = truth.filter((t) => t.class === k);
      if (found.length + there.length === 0) continue;
      for (const range of Object.keys(AREA_RANGES) as AreaRange[]) {
        const [low, high] = AREA_RANGES[range];
        const truths = there.filter(({ crowd, box, area = areaOf(box) }) => crowd !== true && area >= low && area <= high).length;
        for (const threshold of COCO_THRESHOLDS) {
          const tally = this.#tally(k, range, threshold);
          const { matched, ignored } = matchBoxes(found, there, threshold, range);
          found.forEach(({ score }, i) => {
            if (ignored[i] !== true) tally.hits.push({ score, right: (matched[i] as number) >= 0 });
          });
          tally.truths += truths;
        }
      }
    }
  }

  /** The curve of one class at one overlap. */
  curve(k: number, threshold = 0.5, range: AreaRange = "all"): PrecisionRecall {
    const { hits, truths } = this.#tally(k, range, threshold);
    // Stable: of equal scores, those of earlier images come first.
    const sorted = [...hits].sort((a, b) => b.score - a.score);
    let right = 0;
    const rights = sorted.map((hit) => (right += Number(hit.right)));
    return {
      scores: sorted.map(({ score }) => score),
      recall: rights.map((r) => r / truths),
      precision: rights.map((r, i) => r / (i + 1)),
      truths,
    };
  }

  result(): DetectionReport {
    const classes = Array.from({ length: this.#classes }, (_, k) => k);
    const coco = (k: number, thresholds: readonly number[], range: AreaRange = "all"): number =>
      meanOf(thresholds.map((t) => interpolatedAp(this.curve(k, t, range))));
    const overClasses = (thresholds: readonly number[], range: AreaRange = "all"): number =>
      meanOf(classes.map((k) => coco(k, thresholds, range)));
    const recallOf = (k: number): number =>
      meanOf(
        COCO_THRESHOLDS.map((t) => {
          const { recall, truths } = this.curve(k, t);
          return truths === 0 ? NaN : (recall.at(-1) ?? 0);
        }),
      );
    const [t50, t75] = [COCO_THRESHOLDS[0], COCO_THRESHOLDS[5]] as [number, number];
    const each = classes.map((k) => {
      const curve = this.curve(k, t50);
      return { ap50: allPointAp(curve), ap: coco(k, COCO_THRESHOLDS), truths: curve.truths };
    });
    return {
      map50: meanOf(each.map(({ ap50 }) => ap50)),
      map: overClasses(COCO_THRESHOLDS),
      cocoMap50: overClasses([t50]),
      cocoMap75: overClasses([t75]),
      bySize: {
        small: overClasses(COCO_THRESHOLDS, "small"),
        medium: overClasses(COCO_THRESHOLDS, "medium"),
        large: overClasses(COCO_THRESHOLDS, "large"),
      },
      recall: meanOf(classes.map(recallOf)),
      classes: each,
    };
  }
}
