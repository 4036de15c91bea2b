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
  /** Whether boxes and outlines are fractions of an image whose size the file does not say. */
  readonly fractions?: boolean;
  /** The part of the data that the file has the image in, by its own name. */
  readonly subset?: string;
}

/** Annotations of several images out of one file. */
export interface AnnotationList {
  readonly annotations: readonly Annotation[];
  /** Every class in the order of the file, whether it occurs or not; left out where only the boxes name them. */
  readonly classes?: readonly string[];
  /** The reader's decisions, in sentences. */
  readonly notes?: readonly string[];
  /** Shapes that enclose nothing, points and lines, which are left out. */
  readonly openShapes?: number;
}

/** Says how many shapes were left out because they enclose nothing. */
export const openNotes = (count: number): string[] =>
  count === 0
    ? []
    : [`${count === 1 ? "1 shape that is a point or a line" : `${count} shapes that are points or lines`} left out`];

/** Reads a file of annotations; with `skip`, which is called with each fault, bad ones are left out. */
export type ParseAnnotations = (text: string, where: string, skip?: (message: string) => void) => AnnotationList;

/** The boxes of an annotation in pixels of its image. */
export function boxesIn(
  { boxes, fractions }: Annotation,
  { width, height }: { readonly width: number; readonly height: number },
): readonly AnnotatedBox[] {
  if (fractions !== true) return boxes;
  return boxes.map((one) => ({
    ...one,
    box: [one.box[0] * width, one.box[1] * height, one.box[2] * width, one.box[3] * height],
    outline: one.outline?.map(([x, y]) => [x * width, y * height] as const),
  }));
}

/** An outline as a box: the rectangle around it. */
export const outlined = (outline: Outline, label: string): AnnotatedBox => ({
  box: boundsOf(outline),
  label,
  fromOutline: true,
  outline,
});

/** Corners of a rectangle turned about (x, y) by an angle in degrees, clockwise as images are seen. */
export function turnedCorners([x1, y1, x2, y2]: BoxCorners, [x, y]: readonly [number, number], degrees: number): Outline {
  const [sine, cosine] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const corners = [
    [x1, y1],
    [x2, y1],
    [x2, y2],
    [x1, y2],
  ] as const;
  return corners.map(([cx, cy]) => [x + (cx - x) * cosine - (cy - y) * sine, y + (cx - x) * sine + (cy - y) * cosine]);
}

/** The rectangle around an ellipse that is turned by an angle in degrees. */
export function aroundEllipse(cx: number, cy: number, rx: number, ry: number, degrees: number): BoxCorners {
  const [sine, cosine] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const [w, h] = [Math.hypot(rx * cosine, ry * sine), Math.hypot(rx * sine, ry * cosine)];
  return [cx - w, cy - h, cx + w, cy + h];
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
