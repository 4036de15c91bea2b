/** Boxes and polygons in an image: drawn with the mouse by Annotorious, and with the keys. */
import { createImageAnnotator, ShapeType } from "@annotorious/annotorious";
import type { ImageAnnotation, ImageAnnotator } from "@annotorious/annotorious";
import "@annotorious/annotorious/annotorious.css";
import { useCallback, useMemo, useRef, useState } from "react";
import { colorOf } from "../colors.js";
import { keyOf, LABEL_KEYS, useKeys } from "../keys.js";
import { imageOf } from "../server.js";
import type { Value } from "../server.js";
import { useWords } from "../words.js";
import type { EditorProps } from "./editor.js";
import { LabelButton } from "./label-button.js";

type Point = [x: number, y: number];

/** A box as two corners, or the points of a polygon; its label. */
interface Region {
  readonly id: string;
  readonly label: string;
  readonly points: readonly Point[];
}

const boundsOf = (points: readonly Point[]) => ({
  minX: Math.min(...points.map(([x]) => x)),
  minY: Math.min(...points.map(([, y]) => y)),
  maxX: Math.max(...points.map(([x]) => x)),
  maxY: Math.max(...points.map(([, y]) => y)),
});

function regionsOf(value: Value): Region[] {
  if ("boxes" in value)
    return value.boxes.map(({ x, y, width, height, label }, i) => ({
      id: `kept-${i}`,
      label,
      points: [
        [x, y],
        [x + width, y + height],
      ],
    }));
  if ("polygons" in value) return value.polygons.map(({ points, label }, i) => ({ id: `kept-${i}`, label, points }));
  return [];
}

function annotationOf({ id, label, points }: Region, isBox: boolean): ImageAnnotation {
  const bounds = boundsOf(points);
  const { minX: x, minY: y } = bounds;
  const bodies = [{ id: `${id}-label`, annotation: id, purpose: "tagging", value: label }];
  const selector = isBox
    ? { type: ShapeType.RECTANGLE, geometry: { bounds, x, y, w: bounds.maxX - x, h: bounds.maxY - y } }
    : { type: ShapeType.POLYGON, geometry: { bounds, points: points.map(([px, py]) => [px, py]) } };
  return { id, bodies, target: { annotation: id, selector } };
}

function regionOf({ id, bodies, target }: ImageAnnotation, usual: string): Region {
  const label = bodies.find(({ purpose }) => purpose === "tagging")?.value ?? usual;
  const geometry = target.selector.geometry as unknown as { bounds: ReturnType<typeof boundsOf>; points?: Point[] };
  const { minX, minY, maxX, maxY } = geometry.bounds;
  return {
    id,
    label,
    points: geometry.points ?? [
      [minX, minY],
      [maxX, maxY],
    ],
  };
}

const rounded = (value: number, most: number): number => Math.round(100 * Math.min(most, Math.max(0, value))) / 100;

function valueOf(
  regions: readonly Region[],
  isBox: boolean,
  { width, height }: { readonly width: number; readonly height: number },
): Value {
  const inside = regions.map(({ label, points }) => ({
    label,
    points: points.map(([x, y]): Point => [rounded(x, width), rounded(y, height)]),
  }));
  if (!isBox) return { polygons: inside };
  return {
    boxes: inside.map(({ label, points }) => {
      const { minX, minY, maxX, maxY } = boundsOf(points);
      return { x: minX, y: minY, width: rounded(maxX - minX, width), height: rounded(maxY - minY, height), label };
    }),
  };
}

/** Takes the corners that the mouse drags out of the order of Tab: they have no names and hear no keys, and the editor's own keys do the same. */
function hideHandles(holder: HTMLElement): MutationObserver {
  const observer = new MutationObserver(() => {
    for (const handle of holder.querySelectorAll('.a9s-annotationlayer [role="button"]')) {
      handle.setAttribute("role", "presentation");
      handle.setAttribute("tabindex", "-1");
    }
  });
  observer.observe(holder, { childList: true, subtree: true });
  return observer;
}

/** A point that the arrows move, and those that were set. */
interface Pen {
  readonly at: Point;
  readonly points: readonly Point[];
}

const STEPS: Readonly<Record<string, Point>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function RegionsEditor({ item, scheme, value, onChange, active, onActive }: EditorProps) {
  const words = useWords();
  const isBox = scheme.kind === "boxes";
  const image = useMemo(() => item.payload.image ?? { file: "", width: 1, height: 1 }, [item]);
  const [regions, setRegions] = useState<readonly Region[]>(() => regionsOf(value));
  const [selected, setSelected] = useState<string>();
  const [pen, setPen] = useState<Pen>();
  const annotator = useRef<ImageAnnotator>(undefined);
  const usual = scheme.labels[active]?.name ?? "";
  const latest = useRef({ regions, usual });
  latest.current = { regions, usual };

  const change = useCallback(
    (next: readonly Region[]): void => {
      setRegions(next);
      onChange(valueOf(next, isBox, image));
    },
    [onChange, isBox, image],
  );
  const changed = useRef(change);
  changed.current = change;

  // The picture is Annotorious' own; what it reports comes here, and what the keys do goes there.
  const attach = useCallback(
    (element: HTMLImageElement | null) => {
      if (element === null) return undefined;
      const own = createImageAnnotator(element, {
        drawingEnabled: true,
        // A box is dragged; of a polygon each corner is clicked.
        drawingMode: isBox ? "drag" : "click",
        style: (annotation) => {
          const index = scheme.labels.findIndex(({ name }) => name === annotation.bodies[0]?.value);
          const color = colorOf(Math.max(0, index)) as `#${string}`;
          return { fill: color, fillOpacity: 0.2, stroke: color, strokeWidth: 2 };
        },
      });
      own.setDrawingTool(isBox ? "rectangle" : "polygon");
      own.setAnnotations(
        latest.current.regions.map((region) => annotationOf(region, isBox)),
        true,
      );
      own.on("createAnnotation", (annotation) => {
        const region = regionOf(annotation, latest.current.usual);
        own.updateAnnotation(annotationOf(region, isBox));
        changed.current([...latest.current.regions.filter(({ id }) => id !== region.id), region]);
        // The next drag draws again, which it would not while Annotorious has something selected; keys go on with the new one.
        setTimeout(() => {
          own.cancelSelected();
          setSelected(region.id);
        });
      });
      own.on("updateAnnotation", (annotation) => {
        const region = regionOf(annotation, latest.current.usual);
        changed.current(latest.current.regions.map((one) => (one.id === region.id ? { ...region, label: one.label } : one)));
      });
      own.on("deleteAnnotation", ({ id }) => changed.current(latest.current.regions.filter((one) => one.id !== id)));
      own.on("selectionChanged", (all) => setSelected(all[0]?.id));
      annotator.current = own;
      const handles = hideHandles(element.parentElement ?? element);
      return () => {
        annotator.current = undefined;
        handles.disconnect();
        own.destroy();
      };
    },
    [isBox, scheme],
  );

  // What the keys or buttons changed is drawn again.
  const draw = (next: readonly Region[], chosen: string | undefined): void => {
    change(next);
    annotator.current?.setAnnotations(
      next.map((region) => annotationOf(region, isBox)),
      true,
    );
    setSelected(chosen);
  };
  const relabel = (index: number): void => {
    const label = scheme.labels[index]?.name;
    onActive(index);
    if (label !== undefined && selected !== undefined)
      draw(
        regions.map((one) => (one.id === selected ? { ...one, label } : one)),
        selected,
      );
  };
  const begin = (): void => {
    const { width, height } = image;
    if (!isBox) setPen({ at: [width / 2, height / 2], points: [] });
    else {
      const id = crypto.randomUUID();
      draw(
        [
          ...regions,
          {
            id,
            label: usual,
            points: [
              [width * 0.375, height * 0.375],
              [width * 0.625, height * 0.625],
            ],
          },
        ],
        id,
      );
    }
  };
  const nudge = ([dx, dy]: Point, resize: boolean, fine: boolean): boolean => {
    const step = fine ? 1 : Math.max(1, Math.max(image.width, image.height) / 50);
    if (pen !== undefined) {
      setPen({ ...pen, at: [rounded(pen.at[0] + dx * step, image.width), rounded(pen.at[1] + dy * step, image.height)] });
      return true;
    }
    if (selected === undefined) return false;
    const moved = regions.map((one) => {
      if (one.id !== selected) return one;
      const { minX, minY, maxX, maxY } = boundsOf(one.points);
      const points = one.points.map(([x, y]): Point => {
        if (!resize) {
          const [toX, toY] = [
            Math.max(-minX, Math.min(image.width - maxX, dx * step)),
            Math.max(-minY, Math.min(image.height - maxY, dy * step)),
          ];
          return [x + toX, y + toY];
        }
        const [w, h] = [Math.max(1, maxX - minX + dx * step), Math.max(1, maxY - minY + dy * step)];
        return [minX + ((x - minX) / (maxX - minX)) * w, minY + ((y - minY) / (maxY - minY)) * h];
      });
      return { ...one, points };
    });
    draw(moved, selected);
    return true;
  };
  const penKey = (key: string): boolean => {
    if (pen === undefined) return false;
    if (key === " ") setPen({ ...pen, points: [...pen.points, pen.at] });
    else if (key === "Escape") setPen(undefined);
    else if (key === "Enter" && pen.points.length >= 3) {
      const id = crypto.randomUUID();
      draw([...regions, { id, label: usual, points: pen.points }], id);
      setPen(undefined);
    } else return key === "Enter";
    return true;
  };
  useKeys(({ key, shiftKey, altKey }) => {
    const index = LABEL_KEYS.indexOf(key.toLowerCase());
    const step = STEPS[key];
    if (penKey(key)) return true;
    if (step !== undefined) return nudge(step, shiftKey, altKey);
    if (index >= 0 && index < scheme.labels.length) relabel(index);
    else if (key.toLowerCase() === "n") begin();
    else if (key === "]" || key === "[") {
      const at = regions.findIndex(({ id }) => id === selected);
      setSelected(regions[(at + (key === "]" ? 1 : -1) + regions.length) % Math.max(1, regions.length)]?.id);
    } else if (key === "Delete" || key === "Backspace")
      draw(
        regions.filter(({ id }) => id !== selected),
        undefined,
      );
    else return false;
    return true;
  });
  return (
    <div className="editor">
      <div
        className="canvas"
        style={{ aspectRatio: `${image.width} / ${image.height}`, maxWidth: `min(100%, ${Math.max(320, image.width)}px)` }}
      >
        <img
          ref={attach}
          className="picture"
          src={imageOf(item.position)}
          width={image.width}
          height={image.height}
          alt={item.payload.name ?? ""}
        />
        <svg className="over" viewBox={`0 0 ${image.width} ${image.height}`} aria-hidden="true">
          {regions
            .filter(({ id }) => id === selected)
            .map(({ id, points }) => {
              const { minX, minY, maxX, maxY } = boundsOf(points);
              return (
                <rect
                  key={id}
                  className="chosen"
                  x={minX}
                  y={minY}
                  width={maxX - minX}
                  height={maxY - minY}
                  vectorEffect="non-scaling-stroke"
                />
              );
            })}
          {pen === undefined ? null : (
            <>
              <polyline
                className="pen"
                points={[...pen.points, pen.at].map((point) => point.join(",")).join(" ")}
                vectorEffect="non-scaling-stroke"
              />
              <circle className="point" cx={pen.at[0]} cy={pen.at[1]} r={Math.max(image.width, image.height) / 120} />
            </>
          )}
        </svg>
      </div>
      <div className="labels" role="group" aria-label={words.active}>
        {scheme.labels.map((label, i) => (
          <LabelButton
            key={label.name}
            index={i}
            label={label}
            keyName={keyOf(i)}
            pressed={active === i}
            onPress={() => relabel(i)}
          />
        ))}
      </div>
      <p className="status" role="status">
        {regions.length > 0 ? null : isBox ? words.boxHelp : words.polygonHelp}
      </p>
      <ul className="regions">
        {regions.map(({ id, label, points }) => {
          const { minX, minY, maxX, maxY } = boundsOf(points);
          const place = [minX, minY, maxX, maxY].map(Math.round).join(", ");
          return (
            <li key={id}>
              <button type="button" className="plain" aria-pressed={id === selected} onClick={() => setSelected(id)}>
                <bdi>{label}</bdi> ({place})
              </button>
              <button
                type="button"
                className="plain"
                aria-label={`${words.remove}: ${label} (${place})`}
                onClick={() =>
                  draw(
                    regions.filter((one) => one.id !== id),
                    undefined,
                  )
                }
              >
                ×
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
