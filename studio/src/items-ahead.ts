/** The items to come: fetched before they are needed, each shown once. */
import { useCallback, useEffect, useRef, useState } from "react";
import { outbox } from "./outbox.js";
import { imageOf, OfflineError, server, ServerError } from "./server.js";
import type { Item } from "./server.js";

/** Items that are in the page before they are shown. */
const AHEAD = 3;
/** Questions that are asked again, and after how many milliseconds: a server that did not answer, and one that had nothing more, for what others leave. */
const AGAIN_MS = { failed: 2000, ended: 10_000 };

/** The outcome of the last question for items. */
type Asked =
  | { readonly came: "items" | "ended" }
  | { readonly came: "failed"; readonly error: Error; readonly again: boolean }
  | undefined;

const mayWork = (error: unknown): boolean =>
  error instanceof OfflineError || (error instanceof ServerError && error.status >= 500);

export function useItems() {
  const [queue, setQueue] = useState<readonly Item[]>([]);
  const [asked, setAsked] = useState<Asked>();
  const asking = useRef(false);
  const fill = useCallback(async (held: readonly Item[]): Promise<void> => {
    if (asking.current) return;
    asking.current = true;
    const wanted = AHEAD - held.length;
    // What the page has, and what the server does not know yet to be answered: it would come again.
    const had = [...held.map(({ position }) => position), ...outbox.positions()];
    try {
      const { items } = await server.next(wanted, had);
      for (const { position, payload } of items) if (payload.image !== undefined) new Image().src = imageOf(position);
      setQueue((now) => [...now, ...items.filter(({ position }) => now.every((one) => one.position !== position))]);
      setAsked({ came: items.length < wanted ? "ended" : "items" });
    } catch (error) {
      setAsked({ came: "failed", error: error as Error, again: mayWork(error) });
    } finally {
      asking.current = false;
    }
  }, []);
  useEffect(() => {
    if (queue.length >= AHEAD || (asked?.came === "failed" && !asked.again)) return;
    if (asked === undefined || asked.came === "items") {
      void fill(queue);
      return;
    }
    const timer = setTimeout(() => void fill(queue), AGAIN_MS[asked.came]);
    return () => clearTimeout(timer);
  }, [queue, asked, fill]);
  return {
    item: queue[0],
    asked,
    retry: () => void fill(queue),
    pass: (position: number): void => setQueue((now) => now.filter((one) => one.position !== position)),
    show: (item: Item): void => setQueue((now) => [item, ...now.filter((one) => one.position !== item.position)]),
  };
}
