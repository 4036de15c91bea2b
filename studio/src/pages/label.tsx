/** The page on which people label: one item at a time, the next one ready before it is needed. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useRef, useState } from "react";
import { ClassesEditor } from "../editors/classes.js";
import type { EditorProps } from "../editors/editor.js";
import { useItems } from "../items-ahead.js";
import { useKeys } from "../keys.js";
import { outbox } from "../outbox.js";
import { OfflineError, server } from "../server.js";
import type { Item, Kind, Me, Value } from "../server.js";
import { percent, useWords } from "../words.js";
import type { Words } from "../words.js";

const SpansEditor = lazy(async () => ({ default: (await import("../editors/spans.js")).SpansEditor }));
const FramesEditor = lazy(async () => ({ default: (await import("../editors/frames.js")).FramesEditor }));
const RegionsEditor = lazy(async () => ({ default: (await import("../editors/regions.js")).RegionsEditor }));

const EDITORS: Readonly<Record<Kind, React.ComponentType<EditorProps>>> = {
  "text-classes": ClassesEditor,
  "image-classes": ClassesEditor,
  spans: SpansEditor,
  frames: FramesEditor,
  boxes: RegionsEditor,
  polygons: RegionsEditor,
};

const FIELDS: Readonly<Record<Kind, string>> = {
  "text-classes": "classes",
  "image-classes": "classes",
  spans: "spans",
  frames: "frames",
  boxes: "boxes",
  polygons: "polygons",
};

/** The value that labelling begins with: the person's own, or the model's proposal where several parts are easier to mend than to make. */
function beginning(item: Item, kind: Kind): Value {
  if (item.own !== undefined) return item.own.value;
  if (item.prediction !== undefined && kind !== "text-classes" && kind !== "image-classes") return item.prediction.value;
  return { [FIELDS[kind]]: [] } as unknown as Value;
}

/** Counts again a moment after an answer, when it is stored: once for as many as come in the meantime. */
function useRecount(): () => void {
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey: ["progress"] });
    }, 300);
  };
}

export function LabelPage({ me }: { readonly me: Me }) {
  const words = useWords();
  const items = useItems();
  const { item } = items;
  const recount = useRecount();
  const model = useQuery({
    queryKey: ["model"],
    queryFn: server.model,
    refetchInterval: 4000,
    enabled: me.project?.learns === true,
  });
  const progress = useQuery({ queryKey: ["progress"], queryFn: server.progress, refetchInterval: 10_000 });
  const answer = (position: number, seen: number, value: Value, state: "submitted" | "skipped", seconds: number): void => {
    outbox.add(position, { action: crypto.randomUUID(), value, state, seconds, revision: outbox.revisionOf(position, seen) });
    items.pass(position);
    recount();
  };
  const undo = async (): Promise<void> => {
    if (!(await outbox.settled())) return;
    try {
      const { position, annotation } = await server.undo();
      outbox.noteRevision(position, annotation?.revision ?? 0);
      items.show(await server.item(position));
      recount();
    } catch {
      // Nothing to undo: what is shown stays.
    }
  };
  useKeys(({ key }) => {
    if (key.toLowerCase() !== "u") return false;
    void undo();
    return true;
  });
  const scheme = me.project?.scheme;
  if (scheme === undefined) return null;
  const own = progress.data?.people.find(({ id }) => id === me.person?.id);
  const finished = progress.data?.finished ?? 0;
  return (
    <div className="columns">
      <section className="stage" aria-live="polite">
        {item === undefined ? (
          <Waiting asked={items.asked} retry={items.retry} />
        ) : (
          <Suspense fallback={<p>{words.loading}</p>}>
            <Stage
              key={`${item.position} ${item.own?.revision ?? 0}`}
              item={item}
              scheme={scheme}
              onAnswer={answer}
              onUndo={() => void undo()}
            />
          </Suspense>
        )}
      </section>
      <aside>
        <p>{words.progress(finished, progress.data?.items ?? me.project?.items ?? 0)}</p>
        <progress
          max={progress.data?.items ?? 1}
          value={finished}
          aria-label={words.progress(finished, progress.data?.items ?? 0)}
        />
        {own === undefined ? null : (
          <p className="quiet">
            {words.submitted + words.colon + own.submitted} · {words.skipped + words.colon + own.skipped}
          </p>
        )}
        {me.project?.learns !== true ? null : model.data == null || model.data.trainedOn === 0 ? (
          <p className="quiet">{words.learning}</p>
        ) : (
          <p className="quiet">
            {words.learned(model.data.trainedOn)}
            {model.data.agreement === undefined ? "" : `${words.semicolon}${words.rightSoFar(percent(model.data.agreement))}`}
          </p>
        )}
        {me.project?.instructions === "" ? null : (
          <details open>
            <summary>{words.instructions}</summary>
            <p className="instructions" dir="auto">
              {me.project?.instructions}
            </p>
          </details>
        )}
        <KeysDialog kind={scheme.kind} />
      </aside>
    </div>
  );
}

function Waiting({ asked, retry }: Pick<ReturnType<typeof useItems>, "asked" | "retry">) {
  const words = useWords();
  if (asked?.came === "failed")
    return (
      <p role="alert">
        {words.failed + words.colon + (asked.error instanceof OfflineError ? words.unreachable : asked.error.message)}{" "}
        <button type="button" onClick={retry}>
          {words.again}
        </button>
      </p>
    );
  if (asked?.came !== "ended") return <p>{words.loading}</p>;
  return (
    <div className="finished">
      <h2>{words.finished}</h2>
      <p>{words.finishedMore}</p>
    </div>
  );
}

interface StageProps {
  readonly item: Item;
  readonly scheme: NonNullable<Me["project"]>["scheme"];
  readonly onAnswer: (position: number, seen: number, value: Value, state: "submitted" | "skipped", seconds: number) => void;
  readonly onUndo: () => void;
}

function Stage({ item, scheme, onAnswer, onUndo }: StageProps) {
  const words = useWords();
  const [value, setValue] = useState(() => beginning(item, scheme.kind));
  const [active, setActive] = useState(0);
  const began = useRef(performance.now());
  const seconds = (): number => Math.min(86_400, (performance.now() - began.current) / 1000);
  const seen = item.own?.revision ?? 0;
  const isReady = !("classes" in value) || scheme.several || value.classes.length === 1;
  const submit = (given: Value): void => onAnswer(item.position, seen, given, "submitted", seconds());
  const skip = (): void => onAnswer(item.position, seen, value, "skipped", seconds());
  const accept = (): void => {
    if (item.prediction !== undefined) submit(item.prediction.value);
  };
  useKeys(({ key }) => {
    if (key === "Enter" && isReady) submit(value);
    else if (key.toLowerCase() === "s") skip();
    else if (key.toLowerCase() === "a" && item.prediction !== undefined) accept();
    else return false;
    return true;
  });
  const Editor = EDITORS[scheme.kind];
  const proposed =
    item.prediction !== undefined && "classes" in item.prediction.value ? item.prediction.value.classes.join(", ") : undefined;
  return (
    <>
      <h2 className="quiet">
        {words.position(item.position + 1)}
        {item.payload.name === undefined ? null : (
          <>
            {" · "}
            <bdi>{item.payload.name}</bdi>
          </>
        )}
      </h2>
      <Editor
        item={item}
        scheme={scheme}
        value={value}
        onChange={setValue}
        onSubmit={submit}
        active={active}
        onActive={setActive}
      />
      {proposed === undefined || item.prediction === undefined ? null : (
        <p className="proposal">
          {words.proposal + words.colon}
          <strong>
            <bdi>{proposed}</bdi>
          </strong>
          {words.comma + words.sure(percent(item.prediction.confidence))}{" "}
          <button type="button" onClick={accept} aria-keyshortcuts="a">
            {words.accept} <kbd>a</kbd>
          </button>
          {!(item.prediction.explanation ?? []).some(({ weight }) => weight > 0) ? null : (
            <span className="quiet"> {words.reasons}</span>
          )}
        </p>
      )}
      <div className="actions">
        <button type="button" className="main" disabled={!isReady} onClick={() => submit(value)} aria-keyshortcuts="Enter">
          {words.submit} <kbd>Enter</kbd>
        </button>
        <button type="button" onClick={skip} aria-keyshortcuts="s">
          {words.skip} <kbd>s</kbd>
        </button>
        <button type="button" onClick={onUndo} aria-keyshortcuts="u">
          {words.undo} <kbd>u</kbd>
        </button>
      </div>
    </>
  );
}

/** Keys of a kind, and what they do. */
function keysOf(kind: Kind, { keys }: Words): readonly (readonly [key: string, does: string])[] {
  const isText = kind === "spans" || kind === "frames";
  const isRegion = kind === "boxes" || kind === "polygons";
  return [
    ["1 2 3 …", keys.label],
    ["Enter", keys.submit],
    ["s", keys.skip],
    ["u", keys.undo],
    ...(kind === "text-classes" || kind === "image-classes" ? [["a", keys.accept] as const] : []),
    ...(isText
      ? ([
          ["← →", keys.move],
          ["Delete", keys.remove],
        ] as const)
      : []),
    ...(kind === "frames" ? [["p", keys.predicate] as const] : []),
    ...(isRegion
      ? ([
          ["n", keys.draw],
          ["[ ]", keys.next],
          ["Delete", keys.remove],
        ] as const)
      : []),
    ["?", keys.help],
  ];
}

function KeysDialog({ kind }: { readonly kind: Kind }) {
  const words = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const open = (): void => dialog.current?.showModal();
  useKeys(({ key }) => {
    if (key !== "?") return false;
    open();
    return true;
  });
  return (
    <>
      <button type="button" onClick={open}>
        {words.help} <kbd>?</kbd>
      </button>
      <dialog ref={dialog} className="dialog" aria-labelledby="keys-title">
        <h2 id="keys-title">{words.help}</h2>
        <dl className="keys">
          {keysOf(kind, words).map(([key, does]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <button type="submit">{words.close}</button>
        </form>
      </dialog>
    </>
  );
}
