/** A text with its marks, a cursor that moves by words, and a selection made with the mouse or with Shift and the arrows. */
import { useEffect, useMemo, useState } from "react";
import type { CSSProperties } from "react";
import { segmentsOf, wordsOf } from "./segments.js";
import type { Mark } from "./segments.js";

export interface TextMark extends Mark {
  readonly id: string;
  readonly name: string;
  readonly color: string;
}

/** The words that are selected: one is under the cursor at least. */
export interface Selected extends Mark {
  /** Whether somebody selected it with the mouse. */
  readonly exact: boolean;
}

/** The cursor over the words of a text. */
export function useWordCursor(text: string) {
  const words = useMemo(() => wordsOf(text), [text]);
  const [at, setAt] = useState({ anchor: 0, focus: 0 });
  const [exact, setExact] = useState<Mark>();
  useEffect(() => {
    setAt({ anchor: 0, focus: 0 });
    setExact(undefined);
  }, [text]);
  const move = (by: number, extend: boolean): void => {
    setExact(undefined);
    setAt(({ anchor, focus }) => {
      const next = Math.min(Math.max(0, words.length - 1), Math.max(0, focus + by));
      return { anchor: extend ? anchor : next, focus: next };
    });
  };
  const [first, last] = [words[Math.min(at.anchor, at.focus)], words[Math.max(at.anchor, at.focus)]];
  const selected: Selected | undefined =
    exact !== undefined ? { ...exact, exact: true } : first && last && { start: first.start, end: last.end, exact: false };
  return { words, selected, move, setExact };
}

export interface MarkedTextProps {
  readonly text: string;
  readonly marks: readonly TextMark[];
  readonly selected: Selected | undefined;
  readonly onSelect: (selection: Mark) => void;
  readonly onMark: (id: string) => void;
  readonly label: string;
}

/** The offset of a place in the text, below an element whose pieces carry where they begin. */
function offsetAt(node: Node, offset: number): number | undefined {
  const piece = (node instanceof HTMLElement ? node : node.parentElement)?.closest<HTMLElement>("[data-start]");
  return piece === null || piece === undefined
    ? undefined
    : Number(piece.dataset["start"]) + (node.nodeType === Node.TEXT_NODE ? offset : 0);
}

/** Lines below a piece, one for each mark over it. */
function linesBelow(over: readonly { readonly mark: TextMark; readonly line: number }[]): CSSProperties | undefined {
  if (over.length === 0) return undefined;
  const most = Math.max(...over.map(({ line }) => line)) + 1;
  return {
    backgroundImage: over.map(({ mark }) => `linear-gradient(${mark.color}, ${mark.color})`).join(", "),
    backgroundRepeat: "no-repeat",
    backgroundSize: over.map(() => "100% 3px").join(", "),
    backgroundPosition: over.map(({ line }) => `0 calc(1.2em + ${5 * line}px)`).join(", "),
    paddingBottom: `${2 + 5 * most}px`,
  };
}

export function MarkedText({ text, marks, selected, onSelect, onMark, label }: MarkedTextProps) {
  const cuts = selected === undefined ? [] : [selected.start, selected.end];
  const segments = segmentsOf(text.length, marks, cuts);
  const lines = Math.max(0, ...segments.flatMap((segment) => segment.marks.map(({ line }) => line + 1)));
  const takeSelection = (): void => {
    const selection = getSelection();
    if (selection === null || selection.isCollapsed || selection.rangeCount === 0) return;
    const { startContainer, startOffset, endContainer, endOffset } = selection.getRangeAt(0);
    const [start, end] = [offsetAt(startContainer, startOffset), offsetAt(endContainer, endOffset)];
    selection.removeAllRanges();
    if (start === undefined || end === undefined || start === end) return;
    // Spaces at the ends are selected by accident.
    const chosen = text.slice(Math.min(start, end), Math.max(start, end));
    const from = Math.min(start, end) + chosen.length - chosen.trimStart().length;
    if (chosen.trim() !== "") onSelect({ start: from, end: from + chosen.trim().length });
  };
  return (
    <div
      className="text marked"
      dir="auto"
      role="group"
      aria-label={label}
      style={{ lineHeight: `calc(1.7em + ${0.55 * lines}em)` }}
      onMouseUp={takeSelection}
    >
      {segments.map(({ start, end, marks: over }) => {
        const isSelected = selected !== undefined && start >= selected.start && end <= selected.end;
        const begins = over.filter(({ mark }) => mark.start === start);
        return (
          <span key={start} className="piece">
            {begins.map(({ mark }) => (
              <button
                key={mark.id}
                type="button"
                className="tag"
                style={{ background: mark.color }}
                onClick={() => onMark(mark.id)}
                aria-label={`${mark.name}: ${text.slice(mark.start, mark.end)}`}
              >
                <bdi>{mark.name}</bdi>
              </button>
            ))}
            <span data-start={start} className={isSelected ? "selected" : undefined} style={linesBelow(over)}>
              {text.slice(start, end)}
            </span>
          </span>
        );
      })}
    </div>
  );
}
