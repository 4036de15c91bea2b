/** All items with all answers, for those who review: a list that only draws what is seen. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { imageOf, server } from "../server.js";
import type { Me, ReviewedItem, Value } from "../server.js";
import { useWords } from "../words.js";
import type { Words } from "../words.js";

/** Items that are fetched together. */
const PAGE = 50;

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

const useItemsPage = (page: number, disputed: boolean) =>
  useQuery({ queryKey: ["items", disputed, page], queryFn: () => server.items(page * PAGE, PAGE, disputed), staleTime: 5000 });

function Row({ index, disputed }: { readonly index: number; readonly disputed: boolean }) {
  const words = useWords();
  const { data } = useItemsPage(Math.floor(index / PAGE), disputed);
  const item = data?.[index % PAGE];
  if (item === undefined) return <span className="quiet">{data === undefined ? words.loading : ""}</span>;
  return <ItemRow item={item} />;
}

function ItemRow({ item }: { readonly item: ReviewedItem }) {
  const words = useWords();
  const queries = useQueryClient();
  const { position, payload, annotations, decision, gold } = item;
  const progress = useQuery({ queryKey: ["progress"], queryFn: server.progress, staleTime: 60_000 });
  const nameOf = (id: string): string => progress.data?.people.find((person) => person.id === id)?.name ?? id.slice(0, 6);
  const refresh = (): Promise<void> => queries.invalidateQueries({ queryKey: ["items"] });
  const isDecided = (value: Value): boolean => decision !== undefined && JSON.stringify(decision) === JSON.stringify(value);
  return (
    <article className={item.disputed && decision === undefined ? "row disputed" : "row"}>
      <span className="quiet">{position + 1}</span>
      {payload.image === undefined ? (
        <bdi className="excerpt">{payload.text}</bdi>
      ) : (
        <span className="excerpt">
          <img src={imageOf(position)} alt={payload.name ?? ""} loading="lazy" height="48" /> {payload.name}
        </span>
      )}
      <ul>
        {annotations.map(({ person, value, state }) => (
          <li key={person}>
            <span>
              {person === "me" ? "" : <bdi>{nameOf(person) + words.colon}</bdi>}
              {state === "skipped" ? words.skipped : valueText(value, payload.text, words)}
            </span>
            {state === "skipped" || !item.disputed ? null : (
              <button
                type="button"
                aria-pressed={isDecided(value)}
                onClick={() => void server.decide(position, value).then(refresh)}
              >
                {isDecided(value) ? words.decided : words.decide}
              </button>
            )}
            {state === "skipped" ? null : (
              <button type="button" onClick={() => void server.gold(position, gold === undefined ? value : null).then(refresh)}>
                {gold === undefined ? words.makeGold : words.notGold}
              </button>
            )}
          </li>
        ))}
      </ul>
    </article>
  );
}

export function ItemsPage({ me }: { readonly me: Me }) {
  const words = useWords();
  const [disputed, setDisputed] = useState(false);
  // How many are disputed is known when the last page of them is there.
  const [pages, setPages] = useState(1);
  const holder = useRef<HTMLDivElement>(null);
  const last = useItemsPage(pages - 1, disputed);
  const agreement = useQuery({ queryKey: ["agreement"], queryFn: server.agreement });
  const count = disputed ? (pages - 1) * PAGE + (last.data?.length ?? 0) : (me.project?.items ?? 0);
  const rows = useVirtualizer({ count, getScrollElement: () => holder.current, estimateSize: () => 72, overscan: 6 });
  const seen = rows.getVirtualItems().at(-1)?.index ?? 0;
  useEffect(() => {
    if (disputed && last.data?.length === PAGE && seen >= count - PAGE / 2) setPages(pages + 1);
  }, [disputed, last.data, seen, count, pages]);
  useEffect(() => {
    holder.current?.scrollTo(0, 0);
    setPages(1);
  }, [disputed]);
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
      <div ref={holder} className="scroll" tabIndex={0} role="region" aria-label={words.items}>
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map(({ key, index, start }) => (
            <div
              key={key}
              ref={rows.measureElement}
              data-index={index}
              style={{ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${start}px)` }}
            >
              <Row index={index} disputed={disputed} />
            </div>
          ))}
        </div>
      </div>
    </section>
  );
}
