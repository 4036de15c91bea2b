/** All items with all answers, for those who review: a list that only draws what is seen. */
import { useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { measureElement, useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { imageOf, server } from "../server.js";
import type { Me, ReviewedItem, Value } from "../server.js";
import { useWords } from "../words.js";
import type { Words } from "../words.js";

/** Items that are fetched together. */
const PAGE = 50;
/** A dragged scroll bar passes hundreds of pages in a second: what is seen is fetched at most so often, in milliseconds. */
const FETCH_MS = 100;
/** Characters of a text that a row can show. */
const EXCERPT = 500;
/** Heights in pixels, as in the style sheet: of a row without answers, and of each answer beyond what fits beside the text. */
const ROW = 72;
const ANSWER = 34;

/** An answer as a line of text. */
function valueText(value: Value, text: string | undefined, { colon, comma }: Words): string {
  if ("classes" in value) return value.classes.join(comma) || "–";
  if ("spans" in value)
    return value.spans.map(({ start, end, label }) => label + colon + (text ?? "").slice(start, end)).join(" · ") || "–";
  if ("frames" in value)
    return (
      value.frames
        .map(({ predicate, arguments: roles }) => {
          const said = (place: { start: number; end: number }): string => (text ?? "").slice(place.start, place.end);
          return `${said(predicate)} (${roles.map((role) => role.label + colon + said(role)).join(comma)})`;
        })
        .join(" · ") || "–"
    );
  if ("boxes" in value)
    return (
      value.boxes
        .map(
          ({ label, x, y, width, height }) =>
            `${label} ${Math.round(x)},${Math.round(y)} ${Math.round(width)}×${Math.round(height)}`,
        )
        .join(" · ") || "–"
    );
  return value.polygons.map(({ label, points }) => `${label} (${points.length})`).join(" · ") || "–";
}

const pageQuery = (page: number, disputed: boolean) => ({
  queryKey: ["items", disputed, page],
  // The signal ends a request for what was scrolled past.
  queryFn: ({ signal }: { readonly signal: AbortSignal }) => server.items(page * PAGE, PAGE, disputed, signal),
  staleTime: 5000,
  gcTime: 60_000,
});

/** The latest value, a new one at most every so many milliseconds. */
function useThrottled(value: number, ms: number): number {
  const [given, setGiven] = useState(value);
  const changed = useRef(0);
  useEffect(() => {
    if (value === given) return undefined;
    const give = (): void => {
      changed.current = performance.now();
      setGiven(value);
    };
    const timer = setTimeout(give, changed.current + ms - performance.now());
    return () => clearTimeout(timer);
  }, [value, given, ms]);
  return given;
}

interface AnswerProps {
  readonly item: ReviewedItem;
  readonly annotation: ReviewedItem["annotations"][number];
  readonly name: string | undefined;
}

function Answer({ item: { position, payload, decision, gold, disputed }, annotation: { value, state }, name }: AnswerProps) {
  const words = useWords();
  const queries = useQueryClient();
  const refresh = (): Promise<void> => queries.invalidateQueries({ queryKey: ["items"] });
  const isDecided = decision !== undefined && JSON.stringify(decision) === JSON.stringify(value);
  return (
    <li>
      <span>
        {name === undefined ? null : (
          <>
            <bdi>{name}</bdi>
            {words.colon}
          </>
        )}
        {state === "skipped" ? words.skipped : <bdi>{valueText(value, payload.text, words)}</bdi>}
      </span>
      {state === "skipped" || !disputed ? null : (
        <button type="button" aria-pressed={isDecided} onClick={() => void server.decide(position, value).then(refresh)}>
          {isDecided ? words.decided : words.decide}
        </button>
      )}
      {state === "skipped" ? null : (
        <button type="button" onClick={() => void server.gold(position, gold === undefined ? value : null).then(refresh)}>
          {gold === undefined ? words.makeGold : words.notGold}
        </button>
      )}
    </li>
  );
}

interface RowProps {
  readonly index: number;
  /** Pixels from the top of the list. */
  readonly start: number;
  /** Undefined while it is fetched. */
  readonly item: ReviewedItem | undefined;
  readonly names: ReadonlyMap<string, string>;
  readonly measure: (element: HTMLElement | null) => void;
}

/** A row of the list: drawn once for as long as it is seen, however often the list scrolls. */
const Row = memo(function Row({ index, start, item, names, measure }: RowProps) {
  const words = useWords();
  const nameOf = (id: string): string | undefined => (id === "me" ? undefined : (names.get(id) ?? id.slice(0, 6)));
  return (
    <article
      ref={measure}
      data-index={index}
      className={item?.disputed === true && item.decision === undefined ? "row disputed" : "row"}
      style={{ transform: `translateY(${start}px)` }}
    >
      {item === undefined ? (
        <span className="quiet">{words.loading}</span>
      ) : (
        <>
          <span className="quiet">{item.position + 1}</span>
          {item.payload.image === undefined ? (
            <bdi className="excerpt">{item.payload.text?.slice(0, EXCERPT)}</bdi>
          ) : (
            <span className="pictured">
              <img src={imageOf(item.position)} alt="" loading="lazy" height="48" /> <bdi>{item.payload.name}</bdi>
            </span>
          )}
          <ul>
            {item.annotations.map((annotation) => (
              <Answer key={annotation.person} item={item} annotation={annotation} name={nameOf(annotation.person)} />
            ))}
          </ul>
        </>
      )}
    </article>
  );
});

interface ListProps {
  readonly count: number;
  readonly disputed: boolean;
  /** People who answer each item. */
  readonly overlap: number;
  /** Reports the last row that is drawn. */
  readonly onSeen: (index: number) => void;
}

/** Draws the rows that are seen, and fetches what they show. */
function ItemList({ count, disputed, overlap, onSeen }: ListProps) {
  const words = useWords();
  const holder = useRef<HTMLDivElement>(null);
  const height = ROW + ANSWER * Math.max(0, overlap - 1);
  const rows = useVirtualizer({
    count,
    getScrollElement: () => holder.current,
    estimateSize: () => height,
    overscan: 6,
    // A new row has the usual height until the browser has laid it out: asking sooner would make it do that twice.
    measureElement: (element, entry, instance) => (entry === undefined ? height : measureElement(element, entry, instance)),
  });
  const drawn = rows.getVirtualItems();
  const [first, last] = [drawn[0]?.index ?? 0, drawn.at(-1)?.index ?? 0];
  useEffect(() => onSeen(last), [onSeen, last]);
  const from = useThrottled(Math.floor(first / PAGE), FETCH_MS);
  const pageCount = Math.max(1, Math.ceil((last - first + 1) / PAGE)) + 1;
  const wanted = Array.from({ length: pageCount }, (_, i) => from + i).filter((page) => page * PAGE < count);
  const pages = useQueries({ queries: wanted.map((page) => pageQuery(page, disputed)) });
  const progress = useQuery({ queryKey: ["progress"], queryFn: server.progress, staleTime: 60_000 });
  const names = useMemo(() => new Map(progress.data?.people.map(({ id, name }) => [id, name])), [progress.data]);
  return (
    <div ref={holder} className="scroll" tabIndex={0} role="region" aria-label={words.items}>
      <div className="all-rows" style={{ height: rows.getTotalSize(), "--row": `${height}px` } as React.CSSProperties}>
        {drawn.map(({ key, index, start }) => (
          <Row
            key={key}
            index={index}
            start={start}
            item={pages[Math.floor(index / PAGE) - from]?.data?.[index % PAGE]}
            names={names}
            measure={rows.measureElement}
          />
        ))}
      </div>
    </div>
  );
}

export function ItemsPage({ me }: { readonly me: Me }) {
  const words = useWords();
  const [disputed, setDisputed] = useState(false);
  // How many are disputed is known when the last page of them is there.
  const [pages, setPages] = useState(1);
  const last = useQuery({ ...pageQuery(pages - 1, true), enabled: disputed });
  const agreement = useQuery({ queryKey: ["agreement"], queryFn: server.agreement });
  const count = disputed ? (pages - 1) * PAGE + (last.data?.length ?? 0) : (me.project?.items ?? 0);
  const mayBeMore = disputed && last.data?.length === PAGE;
  const onSeen = useCallback(
    (index: number): void => {
      if (mayBeMore && index >= count - PAGE / 2) setPages((known) => known + 1);
    },
    [mayBeMore, count],
  );
  return (
    <section className="list">
      <div className="actions">
        {[false, true].map((which) => (
          <button key={String(which)} type="button" aria-pressed={disputed === which} onClick={() => setDisputed(which)}>
            {which ? words.disputed : words.all}
          </button>
        ))}
        <span className="quiet">
          {words.agreement + words.colon}
          {agreement.data?.overall === undefined
            ? words.noAgreement
            : `${agreement.data.measure === "alpha" ? words.alpha : words.f1} ${agreement.data.overall.toFixed(3)}`}
        </span>
      </div>
      <ItemList key={String(disputed)} count={count} disputed={disputed} overlap={me.project?.overlap ?? 1} onSeen={onSeen} />
    </section>
  );
}
