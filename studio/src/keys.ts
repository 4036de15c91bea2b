/** Keys of labels, in their order, and the page's key handler. */
import { useLayoutEffect, useRef } from "react";
import { flushSync } from "react-dom";

/** Digits first, then letters that mean nothing else here. */
export const LABEL_KEYS = "1234567890qweyofghjklcvb".split("");

export const keyOf = (index: number): string | undefined => LABEL_KEYS[index];

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Calls `handle` for keys of the whole page, but not while somebody types into a field or a dialog is open; true means that the key was used. */
export function useKeys(handle: (event: KeyboardEvent) => boolean): void {
  const latest = useRef(handle);
  useLayoutEffect(() => {
    latest.current = handle;
  });
  // Not a moment later than the item is seen: a key that comes in between would be lost.
  useLayoutEffect(() => {
    const listener = (event: KeyboardEvent): void => {
      // An editor's key is not the page's as well: its listener came first.
      if (event.defaultPrevented) return;
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]") !== null) return;
      // Enter and Space on a button press the button.
      const onButton = event.target instanceof HTMLElement && event.target.closest("button, a") !== null;
      if ((event.key === "Enter" || event.key === " ") && onButton) return;
      // The next key finds what this one has changed, however fast they come.
      if (flushSync(() => latest.current(event))) event.preventDefault();
    };
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, []);
}
