/** A label as a button, with its colour and its key. */
import { colorOf } from "../colors.js";

export interface LabelButtonProps {
  readonly index: number;
  readonly label: { readonly name: string; readonly description?: string | undefined };
  readonly keyName: string | undefined;
  readonly pressed: boolean;
  readonly onPress: () => void;
}

export function LabelButton({ index, label, keyName, pressed, onPress }: LabelButtonProps) {
  return (
    <button
      type="button"
      className="label"
      aria-pressed={pressed}
      aria-keyshortcuts={keyName}
      title={label.description}
      style={{ "--own": colorOf(index) } as React.CSSProperties}
      onClick={onPress}
    >
      <span className="swatch" aria-hidden="true" />
      <bdi>{label.name}</bdi>
      {keyName === undefined ? null : <kbd>{keyName}</kbd>}
    </button>
  );
}
