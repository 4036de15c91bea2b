/** Classes of a text or an image: one key or click each. */
import { useMemo } from "react";
import { useKeys, keyOf, LABEL_KEYS } from "../keys.js";
import { imageOf } from "../server.js";
import type { Item } from "../server.js";
import { useWords } from "../words.js";
import type { EditorProps } from "./editor.js";
import { LabelButton } from "./label-button.js";
import { segmentsOf } from "./segments.js";

/** A text whose words are shaded by how much they speak for the proposal. */
function ReasonedText({ item }: { readonly item: Item }) {
  const text = item.payload.text ?? "";
  const reasons = item.prediction?.explanation;
  const segments = useMemo(() => segmentsOf(text.length, reasons ?? []), [text, reasons]);
  const most = Math.max(...(reasons ?? []).map(({ weight }) => Math.abs(weight)), 1e-9);
  return (
    <p className="text" lang="" dir="auto">
      {segments.map(({ start, end, marks }) => {
        const weight = marks[0]?.mark.weight ?? 0;
        const shade = weight > 0 ? `color-mix(in srgb, var(--for) ${Math.round((60 * weight) / most)}%, transparent)` : undefined;
        return (
          <span key={start} style={shade === undefined ? undefined : { background: shade }}>
            {text.slice(start, end)}
          </span>
        );
      })}
    </p>
  );
}

export function ClassesEditor({ item, scheme, value, onChange, onSubmit }: EditorProps) {
  const words = useWords();
  const chosen = "classes" in value ? value.classes : [];
  const choose = (name: string): void => {
    if (!scheme.several) onSubmit({ classes: [name] });
    else onChange({ classes: chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name] });
  };
  useKeys(({ key }) => {
    const label = scheme.labels[LABEL_KEYS.indexOf(key.toLowerCase())];
    if (label === undefined) return false;
    choose(label.name);
    return true;
  });
  const { image } = item.payload;
  return (
    <div className="editor">
      {image === undefined ? (
        <ReasonedText item={item} />
      ) : (
        <img
          className="picture"
          src={imageOf(item.position)}
          width={image.width}
          height={image.height}
          alt={item.payload.name ?? ""}
        />
      )}
      <div className="labels" role="group" aria-label={words.labels}>
        {scheme.labels.map((label, i) => (
          <LabelButton
            key={label.name}
            index={i}
            label={label}
            keyName={keyOf(i)}
            pressed={chosen.includes(label.name)}
            onPress={() => choose(label.name)}
          />
        ))}
      </div>
    </div>
  );
}
