/** The frame of the page: who is here, where to go, which language, light or dark, and whether everything is stored. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";
import type { ComponentType, MouseEvent, ReactNode } from "react";
import { useOutbox } from "./outbox.js";
import { ItemsPage } from "./pages/items.js";
import { LabelPage } from "./pages/label.js";
import { JoinPage, SignInPage } from "./pages/sign-in.js";
import { TeamPage } from "./pages/team.js";
import { server } from "./server.js";
import type { Me } from "./server.js";
import { useTitle } from "./title.js";
import { useLanguage, useWords } from "./words.js";

const useMe = () => useQuery({ queryKey: ["me"], queryFn: server.me, staleTime: 60_000 });

const listenToPath = (listener: () => void): (() => void) => {
  addEventListener("popstate", listener);
  return () => removeEventListener("popstate", listener);
};

const usePath = (): string => useSyncExternalStore(listenToPath, () => location.pathname);

/** Shows another page, as a link does. */
function go(path: string): void {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** A link to a page of the studio: a new tab, or a copied address, works as well. */
function Link({ to, children }: { readonly to: string; readonly children: ReactNode }) {
  const path = usePath();
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} aria-current={path === to ? "page" : undefined} onClick={follow}>
      {children}
    </a>
  );
}

function StoredState() {
  const words = useWords();
  const { waiting, offline, refused } = useOutbox();
  return (
    <span className={offline || refused !== undefined ? "state bad" : "state"} role="status">
      {refused === undefined
        ? offline
          ? words.offline(waiting)
          : waiting > 0
            ? words.sending(waiting)
            : words.stored
        : words.refused + words.colon + refused}
    </span>
  );
}

function ThemeButton() {
  const words = useWords();
  const [theme, setTheme] = useState(() => localStorage.getItem("descent-theme") ?? "");
  useEffect(() => {
    if (theme !== "") {
      document.documentElement.style.colorScheme = theme;
      localStorage.setItem("descent-theme", theme);
    }
  }, [theme]);
  const isDark = theme === "" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
  return (
    <button type="button" className="plain" aria-label={words.theme} onClick={() => setTheme(isDark ? "light" : "dark")}>
      ◐
    </button>
  );
}

function Header({ me }: { readonly me: Me | undefined }) {
  const words = useWords();
  const { language, setLanguage } = useLanguage();
  const queries = useQueryClient();
  const reviews = me?.person !== undefined && me.person.role !== "annotator";
  return (
    <header>
      <a className="skip" href="#main">
        {words.skipToMain}
      </a>
      <strong>
        <bdi>{me?.project?.name ?? "Descent"}</bdi>
      </strong>
      {me?.person === undefined ? null : (
        <nav>
          <Link to="/">{words.label}</Link>
          {reviews ? <Link to="/items">{words.items}</Link> : null}
          {reviews ? <Link to="/team">{words.team}</Link> : null}
        </nav>
      )}
      <span className="tools">
        {me?.person === undefined ? null : <StoredState />}
        <button
          type="button"
          className="plain"
          lang={language === "en" ? "zh-CN" : "en"}
          onClick={() => setLanguage(language === "en" ? "zh" : "en")}
        >
          {words.language}
        </button>
        <ThemeButton />
        {me?.team === true && me.person !== undefined ? (
          <button type="button" className="plain" onClick={() => void server.signOut().then(() => queries.invalidateQueries())}>
            <bdi>{me.person.name}</bdi> · {words.signOut}
          </button>
        ) : null}
      </span>
    </header>
  );
}

interface PageEntry {
  readonly title: "label" | "items" | "team";
  readonly page: ComponentType<{ readonly me: Me }>;
}

const LABELLING: PageEntry = { title: "label", page: LabelPage };

/** Pages by path; any other path is the labelling. */
const PAGES: ReadonlyMap<string, PageEntry> = new Map([
  ["/items", { title: "items", page: ItemsPage }],
  ["/team", { title: "team", page: TeamPage }],
]);

/** A page with its heading, which the navigation shows to those who see. */
function Titled({ entry: { title, page: Page }, me }: { readonly entry: PageEntry; readonly me: Me }) {
  const words = useWords();
  useTitle(words[title], me.project?.name);
  return (
    <>
      <h1 className="unseen">{words[title]}</h1>
      <Page me={me} />
    </>
  );
}

/** A page for those who are signed in; for others, the sign-in. */
function Private({ entry }: { readonly entry: PageEntry }) {
  const words = useWords();
  const me = useMe();
  if (me.data === undefined)
    return (
      <>
        <h1 className="unseen">Descent</h1>
        {me.isError ? <p role="alert">{words.failed + words.colon + me.error.message}</p> : <p>{words.loading}</p>}
      </>
    );
  if (me.data.person === undefined) return <SignInPage />;
  // Whoever only labels has no other page, whatever the address says.
  return <Titled entry={me.data.person.role === "annotator" ? LABELLING : entry} me={me.data} />;
}

export function App() {
  const me = useMe();
  const path = usePath();
  return (
    <>
      <Header me={me.data} />
      <main id="main">
        {path === "/join" ? <JoinPage onJoined={() => go("/")} /> : <Private entry={PAGES.get(path) ?? LABELLING} />}
      </main>
    </>
  );
}
