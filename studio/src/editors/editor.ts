/** Props of every kind of labelling. */
import type { Item, Scheme, Value } from "../server.js";

export interface EditorProps {
  readonly item: Item;
  readonly scheme: Scheme;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  /** The value is the answer: submit it. */
  readonly onSubmit: (value: Value) => void;
  /** Index of the label that new marks get. */
  readonly active: number;
  readonly onActive: (index: number) => void;
}
