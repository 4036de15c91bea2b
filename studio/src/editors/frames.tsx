/** Predicates and their arguments: P makes the selection a predicate, a label's key an argument of the predicate that is chosen. */
import { useState } from "react";
import { colorOf } from "../colors.js";
import { keyOf, LABEL_KEYS, useKeys } from "../keys.js";
import { useWords } from "../words.js";
import type { EditorProps } from "./editor.js";
import { LabelButton } from "./label-button.js";
import { MarkedText, useWordCursor } from "./marked-text.js";

const PREDICATE = "#555";

export function FramesEditor({ item, scheme, value, onChange, active, onActive }: EditorProps) {
  const words = useWords();
  const text = item.payload.text ?? "";
  const frames = "frames" in value ? value.frames : [];
  const [chosen, setChosen] = useState(0);
  const frame = frames[Math.min(chosen, frames.length - 1)];
  const { selected, move, setExact } = useWordCursor(text);
  const addPredicate = (): void => {
    if (selected === undefined) return;
    setExact(undefined);
    const { start, end } = selected;
    const there = frames.findIndex(({ predicate }) => predicate.start === start && predicate.end === end);
    setChosen(there < 0 ? frames.length : there);
    if (there < 0) onChange({ frames: [...frames, { predicate: { start, end }, arguments: [] }] });
  };
  const addArgument = (index: number, place = selected): void => {
    const label = scheme.labels[index];
    onActive(index);
    if (frame === undefined || label === undefined || place === undefined) return;
    const added = { start: place.start, end: place.end, label: label.name };
    const others = frame.arguments.filter(({ start, end }) => start !== added.start || end !== added.end);
    const changed = { ...frame, arguments: [...others, added].sort((a, b) => a.start - b.start) };
    onChange({ frames: frames.map((one) => (one === frame ? changed : one)) });
    setExact(undefined);
  };
  const remove = (): void => {
    if (frame === undefined || selected === undefined) return;
    const under = frame.arguments.find(({ start, end }) => start < selected.end && end > selected.start);
    if (under === undefined) onChange({ frames: frames.filter((one) => one !== frame) });
    else
      onChange({
        frames: frames.map((one) =>
          one === frame ? { ...frame, arguments: frame.arguments.filter((argument) => argument !== under) } : one,
        ),
      });
  };
  useKeys(({ key, shiftKey }) => {
    const index = LABEL_KEYS.indexOf(key.toLowerCase());
    if (key.toLowerCase() === "p") addPredicate();
    else if (index >= 0 && index < scheme.labels.length) addArgument(index);
    else if (key === "ArrowRight" || key === "ArrowLeft") move(key === "ArrowRight" ? 1 : -1, shiftKey);
    else if (key === "ArrowDown" || key === "ArrowUp")
      setChosen((at) => Math.max(0, Math.min(frames.length - 1, at + (key === "ArrowDown" ? 1 : -1))));
    else if (key === "Delete" || key === "Backspace") remove();
    else return false;
    return true;
  });
  const marks =
    frame === undefined
      ? []
      : [
          { ...frame.predicate, id: "predicate", name: words.predicate, color: PREDICATE },
          ...frame.arguments.map((argument, i) => ({
            ...argument,
            id: String(i),
            name: argument.label,
            color: colorOf(scheme.labels.findIndex(({ name }) => name === argument.label)),
          })),
        ];
  return (
    <div className="editor">
      <MarkedText
        text={text}
        label={words.position(item.position + 1)}
        marks={marks}
        selected={selected}
        onSelect={(selection) => setExact(selection)}
        onMark={(id) => {
          if (frame === undefined) return;
          if (id === "predicate") onChange({ frames: frames.filter((one) => one !== frame) });
          else
            onChange({
              frames: frames.map((one) =>
                one === frame ? { ...frame, arguments: frame.arguments.filter((_, i) => String(i) !== id) } : one,
              ),
            });
        }}
      />
      <div className="labels" role="group" aria-label={words.labels}>
        <button type="button" className="label" aria-keyshortcuts="p" onClick={addPredicate}>
          {words.predicate} <kbd>p</kbd>
        </button>
        {scheme.labels.map((label, i) => (
          <LabelButton
            key={label.name}
            index={i}
            label={label}
            keyName={keyOf(i)}
            pressed={active === i}
            onPress={() => addArgument(i)}
          />
        ))}
      </div>
      <ol className="frames" aria-label={words.frames}>
        {frames.length === 0 ? <li>{words.newFrame}</li> : null}
        {frames.map(({ predicate, arguments: roles }, i) => (
          <li key={`${predicate.start} ${predicate.end}`}>
            <button type="button" className="plain" aria-pressed={frames[i] === frame} onClick={() => setChosen(i)}>
              <strong>
                <bdi>{text.slice(predicate.start, predicate.end)}</bdi>
              </strong>{" "}
              {roles.map(({ start, end, label }, j) => (
                <span key={`${start} ${end} ${label}`}>
                  {j === 0 ? "" : " · "}
                  <bdi>{label}</bdi>
                  {words.colon}
                  <bdi>{text.slice(start, end)}</bdi>
                </span>
              ))}
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}
