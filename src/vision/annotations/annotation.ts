/**
 * @module Annotations of an image: labelled boxes, as every format's reader gives them and every writer takes them, and the
 * boxes that nothing can be learned from.
 */

/** Corners (x₁, y₁, x₂, y₂) in pixels of the image; (0, 0) is its upper left corner, (width, height) its lower right one. */
export type BoxCorners = readonly [number, number, number, number];

/** Corners (x, y) of an outline in order, in pixels. */
export type Outline = readonly (readonly [number, number])[];

/** A box with its class; `crowd` and `difficult` ones do not count as missed. */
export interface AnnotatedBox {
  readonly box: BoxCorners;
  readonly label: string;
  /** A region of many objects (COCO's `iscrowd`): nothing is learned from it, and detections in it are neither right nor wrong. */
  readonly crowd?: boolean;
  /** Hard to see (Pascal VOC). Kept when files are written; otherwise a box like any other. */
  readonly difficult?: boolean;
  /** The rectangle around an outline that the file has in place of a box. */
  readonly fromOutline?: boolean;
  /** The outline itself, where a reader was asked for it. */
  readonly outline?: Outline;
  /** Area of the object's outline, in square pixels (COCO). */
  readonly area?: number;
}

/** One image's boxes. */
export interface Annotation {
  /** The image's file, as the annotation names it. */
  readonly image: string;
  /** Undefined where the file does not say. */
  readonly width?: number;
  readonly height?: number;
  readonly boxes: readonly AnnotatedBox[];
}

/** Counts of faults in boxes. */
export interface BoxFaults {
  /** Without width or height: left out. */
  withoutArea: number;
  /** Drawn from right to left or from below, with a negative width or height: turned the right way. */
  turned: number;
  /** The rectangle around an outline. */
  fromOutline: number;
  /** Partly outside the image: cut to it. */
  clipped: number;
  /** Wholly outside the image: left out. */
  outside: number;
}

/** Pairs of a list x₁, y₁, x₂, y₂, … as the corners of an outline, with factors for x and y. */
export const outlineOf = (flat: readonly number[], sx = 1, sy = 1): Outline =>
  Array.from({ length: flat.length / 2 }, (_, i) => [(flat[2 * i] as number) * sx, (flat[2 * i + 1] as number) * sy] as const);

/** The rectangle around an outline. */
export function boundsOf(outline: Outline): BoxCorners {
  const [xs, ys] = [outline.map(([x]) => x), outline.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Counts of faulty boxes, all 0. */
export const noFaults = (): BoxFaults => ({ withoutArea: 0, turned: 0, fromOutline: 0, clipped: 0, outside: 0 });

/** Rounding of a format's fractions may put a box this far outside, in pixels, without a word. */
const ROUNDING = 1;

/** The boxes that can be used, cut to the image; what was wrong is counted in `faults`. */
export function usableBoxes(
  boxes: readonly AnnotatedBox[],
  { width, height }: { readonly width: number; readonly height: number },
  faults: BoxFaults,
): AnnotatedBox[] {
  return boxes.flatMap((entry) => {
    const [xa, ya, xb, yb] = entry.box;
    if (xb < xa || yb < ya) faults.turned++;
    if (entry.fromOutline === true) faults.fromOutline++;
    const [x1, y1, x2, y2] = [Math.min(xa, xb), Math.min(ya, yb), Math.max(xa, xb), Math.max(ya, yb)];
    if (!(x2 > x1 && y2 > y1)) {
      faults.withoutArea++;
      return [];
    }
    const box: BoxCorners = [Math.max(0, x1), Math.max(0, y1), Math.min(width, x2), Math.min(height, y2)];
    if (!(box[2] > box[0] && box[3] > box[1])) {
      faults.outside++;
      return [];
    }
    if (box.some((side, i) => Math.abs(side - ([x1, y1, x2, y2][i] as number)) > ROUNDING)) faults.clipped++;
    return [{ ...entry, box }];
  });
}

/** Describes the faults in sentences; none where there are none. */
export function faultNotes({ withoutArea, turned, fromOutline, clipped, outside }: BoxFaults): string[] {
  const boxes = (n: number): string => (n === 1 ? "1 box" : `${n} boxes`);
  return [
    ...(withoutArea > 0 ? [`${boxes(withoutArea)} without area left out`] : []),
    ...(outside > 0 ? [`${boxes(outside)} outside the image left out`] : []),
    ...(turned > 0 ? [`${boxes(turned)} with a negative width or height turned the right way`] : []),
    ...(fromOutline > 0 ? [`${boxes(fromOutline)} taken as the rectangle around an outline`] : []),
    ...(clipped > 0 ? [`${boxes(clipped)} cut at the image's edge`] : []),
  ];
}
