/** Spans of a text: selected with the mouse or with the arrows, marked with a label's key. */
import { useState } from "react";
import { colorOf } from "../colors.js";
import { keyOf, LABEL_KEYS, useKeys } from "../keys.js";
import type { LabelledSpan, Scheme } from "../server.js";
import { useWords } from "../words.js";
import type { EditorProps } from "./editor.js";
import { LabelButton } from "./label-button.js";
import { MarkedText, useWordCursor } from "./marked-text.js";

/** The spans with one more; those that it may not overlap make room. */
export function withSpan(spans: readonly LabelledSpan[], added: LabelledSpan, overlap: Scheme["overlap"]): LabelledSpan[] {
  const same = (one: LabelledSpan): boolean => one.start === added.start && one.end === added.end;
  const crosses = (one: LabelledSpan): boolean => {
    if (one.end <= added.start || added.end <= one.start) return false;
    if (overlap === "any") return false;
    const nested = (one.start <= added.start && added.end <= one.end) || (added.start <= one.start && one.end <= added.end);
    return overlap === "none" || !nested;
  };
  const kept = spans.filter((one) => !crosses(one) && !(same(one) && (overlap !== "any" || one.label === added.label)));
  return [...kept, added].sort((a, b) => a.start - b.start || b.end - a.end);
}

export function SpansEditor({ item, scheme, value, onChange, active, onActive }: EditorProps) {
  const words = useWords();
  const text = item.payload.text ?? "";
  const spans = "spans" in value ? value.spans : [];
  const { selected, move, setExact } = useWordCursor(text);
  const [touched, setTouched] = useState(false);
  const mark = (index: number): void => {
    const label = scheme.labels[index];
    onActive(index);
    if (label === undefined || selected === undefined) return;
    onChange({ spans: withSpan(spans, { start: selected.start, end: selected.end, label: label.name }, scheme.overlap) });
    setExact(undefined);
  };
  const removeAtCursor = (): void => {
    if (selected === undefined) return;
    const under = spans.filter(({ start, end }) => start < selected.end && end > selected.start);
    const smallest = under.sort((a, b) => a.end - a.start - (b.end - b.start))[0];
    onChange({ spans: spans.filter((one) => one !== smallest) });
  };
  useKeys(({ key, shiftKey }) => {
    const index = LABEL_KEYS.indexOf(key.toLowerCase());
    if (index >= 0 && index < scheme.labels.length) mark(index);
    else if (key === "ArrowRight" || key === "ArrowLeft") {
      setTouched(true);
      move(key === "ArrowRight" ? 1 : -1, shiftKey);
    } else if (key === "Delete" || key === "Backspace") removeAtCursor();
    else return false;
    return true;
  });
  const labelIndex = (name: string): number => scheme.labels.findIndex((label) => label.name === name);
  return (
    <div className="editor">
      <MarkedText
        text={text}
        label={words.position(item.position + 1)}
        marks={spans.map((span, i) => ({ ...span, id: String(i), name: span.label, color: colorOf(labelIndex(span.label)) }))}
        selected={touched || selected?.exact === true ? selected : undefined}
        onSelect={(selection) => {
          const label = scheme.labels[active];
          if (label !== undefined) onChange({ spans: withSpan(spans, { ...selection, label: label.name }, scheme.overlap) });
        }}
        onMark={(id) => onChange({ spans: spans.filter((_, i) => String(i) !== id) })}
      />
      <div className="labels" role="group" aria-label={words.active}>
        {scheme.labels.map((label, i) => (
          <LabelButton
            key={label.name}
            index={i}
            label={label}
            keyName={keyOf(i)}
            pressed={active === i}
            onPress={() => (touched ? mark(i) : onActive(i))}
          />
        ))}
      </div>
      <p className="status" role="status">
        {spans.length === 0
          ? words.none
          : spans.map(({ start, end, label }, i) => (
              <span key={`${start} ${end} ${label}`}>
                {i === 0 ? "" : " · "}
                <bdi>{label}</bdi>
                {words.colon}
                <bdi>{text.slice(start, end)}</bdi>
              </span>
            ))}
      </p>
    </div>
  );
}
