/**
 * @module The HTTP side of a labelling: `fetch(Request) → Response`. People sign in, get items, answer; whoever may, reviews and decides.
 */
import { timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { Hono } from "hono";
import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { ZodType } from "zod";
import { readBody } from "../http/body.js";
import { answerErrors, guards, unknownRoute } from "../http/guards.js";
import type { Guarded } from "../http/guards.js";
import { HttpError, retryLater } from "../http/http-error.js";
import { parseBody } from "../http/json.js";
import type { OriginRules } from "../http/origin.js";
import type { Role } from "../store/tables.js";
import type { Accounts, Person, SignIn } from "./accounts.js";
import { LockedError } from "./accounts.js";
import { ConflictError, decide, setGold, submit, undo } from "./answers.js";
import { acceptBody, answerBody, decisionBody, goldBody, invitationBody, inviteBody, signInBody } from "./api.js";
import type { Answered, Me, Next } from "./api.js";
import { itemImage } from "./item-image.js";
import type { Learner } from "./learner.js";
import { progress, reviewItems } from "./review.js";
import { pageFile } from "./page-files.js";
import { agreementOf } from "./team-agreement.js";
import type { Item, Workspace } from "./workspace.js";

export interface LabelAppOptions {
  readonly workspace: Workspace;
  readonly accounts: Accounts;
  readonly rules: OriginRules;
  /** The one person of a server that only this machine reaches; left out, people sign in. */
  readonly alone?: { readonly person: Person; readonly token: string };
  /** The folder of the images. */
  readonly folder: string;
  readonly learner?: Learner;
  /** Whether the cookie is for HTTPS only. */
  readonly secure: boolean;
  /** The address of a request's sender, for counting attempts. */
  readonly addressOf: (request: Request) => string;
  readonly report: (error: unknown, id: string) => void;
}

interface Env {
  readonly Variables: Guarded["Variables"] & { person: Person | undefined; token: string | undefined };
}

const COOKIE = "descent_label";
const BODY = { maxBodyBytes: 4 * 2 ** 20, bodyTimeoutMs: 30_000 };
/** Items of one answer at most. */
const MOST_ITEMS = 200;

/** Scripts, styles and pictures come from this server alone; nobody frames the page. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE_HEADERS: readonly (readonly [string, string])[] = [
  ["content-security-policy", POLICY],
  ["x-frame-options", "DENY"],
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  // Another site's page shows none of the pictures, and so learns nothing of them.
  ["cross-origin-resource-policy", "same-origin"],
  ["cache-control", "no-store"],
];

type AppContext = Context<Env>;

async function bodyOf<T>(c: AppContext, schema: ZodType<T>): Promise<T> {
  return parseBody(schema, await readBody(c.req.raw, BODY));
}

/** Whether two secrets are equal, in a time that does not tell where they differ. */
const isSame = (a: string, b: string): boolean => {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
};

/** Finds out who asks; changes need the token beside the cookie, so that another site's page cannot send them. */
const identify =
  ({ alone, accounts }: LabelAppOptions): MiddlewareHandler<Env> =>
  async (c, next) => {
    const secret = getCookie(c, COOKIE);
    const found = alone ?? (secret === undefined ? undefined : await accounts.person(secret));
    c.set("person", found?.person);
    c.set("token", found?.token);
    if (c.req.method !== "GET" && c.req.method !== "HEAD" && found !== undefined) {
      if (!isSame(c.req.header("x-descent-token") ?? "", found.token))
        throw new HttpError(403, "token: expected the one of this page; load the page again");
    }
    await next();
    // A response that a route made itself would lose what was set before.
    for (const [name, value] of PAGE_HEADERS) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  };

const RANKS: Readonly<Record<Role, number>> = { annotator: 0, adjudicator: 1, owner: 2 };

/** The person who asks, who must have a role or a higher one. */
function expectPerson(c: AppContext, least: Role = "annotator"): Person {
  const person = c.get("person");
  if (person === undefined) throw new HttpError(401, "expected someone who is signed in; sign in first", { code: "signed_out" });
  if (RANKS[person.role] < RANKS[least]) throw new HttpError(403, `expected the role ${least}, got ${person.role}`);
  return person;
}

function positionOf(c: AppContext): number {
  const text = c.req.param("position") ?? "";
  if (!/^\d{1,9}$/.test(text)) throw new HttpError(404, "item: expected a number");
  return Number(text);
}

function numberOf(c: AppContext, name: string, usual: number, most: number): number {
  const text = c.req.query(name);
  if (text === undefined) return usual;
  if (!/^\d{1,9}$/.test(text)) throw new HttpError(400, `${name}: expected a number from 0 on`);
  return Math.min(most, Number(text));
}

/** The item of a request, if the person may see it: what he has before him or has answered, or, for those who review, any. */
async function expectItem(c: AppContext, { workspace }: LabelAppOptions): Promise<{ person: Person; item: Item }> {
  const person = expectPerson(c);
  const position = positionOf(c);
  const found = await workspace.find(person.id, position);
  // An item of somebody else is answered as one that is not there.
  if (found === undefined || !(found.isOwn || RANKS[person.role] >= RANKS.adjudicator))
    throw new HttpError(404, `item ${position + 1}: expected one of your items`);
  const { isOwn: _, ...item } = found;
  return { person, item };
}

/** Makes the handler of a labelling. */
export function labelApp(options: LabelAppOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.use(guards({ rules: options.rules }));
  app.use(identify(options));
  app.onError((error, c) =>
    answerErrors<Env>(
      () =>
        ({ message, code }) => ({ error: message, code }),
      options.report,
    )(asHttp(error), c),
  );
  app.notFound(unknownRoute(app, ""));
  app.get("/health", (c) => c.json({ status: "ok" }));
  addPeople(app, options);
  addLabelling(app, options);
  addReview(app, options);
  app.get("/api/*", unknownRoute(app, ""));
  app.get("/*", (c) => pageFile(c.req.path));
  return app;
}

function asHttp(error: Error): Error {
  if (error instanceof ConflictError) return new HttpError(409, error.message, { code: "changed_meanwhile" });
  if (error instanceof LockedError) return retryLater(error.message, error.seconds);
  return error;
}

function signedIn(c: AppContext, { secret, token, person }: SignIn, { secure }: LabelAppOptions): Response {
  setCookie(c, COOKIE, secret, { httpOnly: true, sameSite: "Strict", secure, path: "/", maxAge: 30 * 86_400 });
  return c.json({ person, token });
}

function addPeople(app: Hono<Env>, options: LabelAppOptions): void {
  const { accounts, workspace, alone, learner } = options;
  app.get("/api/me", async (c) => {
    const person = c.get("person");
    const { name, instructions, overlap } = workspace.project;
    const project = {
      name,
      instructions,
      overlap,
      scheme: workspace.scheme,
      items: await workspace.count(),
      learns: learner !== undefined,
    };
    return c.json({
      person,
      token: c.get("token"),
      team: alone === undefined,
      project: person === undefined ? undefined : project,
    } satisfies Me);
  });
  app.post("/api/sign-in", async (c) => {
    const { name, password } = await bodyOf(c, signInBody);
    return signedIn(c, await accounts.signIn(name, password, options.addressOf(c.req.raw)), options);
  });
  app.post("/api/sign-out", async (c) => {
    const secret = getCookie(c, COOKIE);
    if (secret !== undefined) await accounts.signOut(secret);
    deleteCookie(c, COOKIE, { path: "/" });
    return c.json({});
  });
  app.post("/api/invitation", async (c) => {
    const { secret } = await bodyOf(c, invitationBody);
    return c.json({ role: (await accounts.invitation(secret)) ?? null });
  });
  app.post("/api/accept", async (c) => {
    const { secret, name, password } = await bodyOf(c, acceptBody);
    return signedIn(c, await accounts.accept(secret, name, password), options);
  });
  app.post("/api/invite", async (c) => {
    expectPerson(c, "owner");
    const { role } = await bodyOf(c, inviteBody);
    return c.json({ secret: await accounts.invite(role) });
  });
}

function addLabelling(app: Hono<Env>, options: LabelAppOptions): void {
  const { workspace, learner, folder } = options;
  app.get("/api/next", async (c) => {
    const { id } = expectPerson(c);
    const had = (c.req.query("after") ?? "").split(",").filter((text) => /^\d{1,9}$/.test(text));
    const items = await workspace.next(id, Math.max(1, numberOf(c, "count", 1, 10)), had.slice(0, MOST_ITEMS).map(Number));
    return c.json({ items } satisfies Next);
  });
  app.get("/api/items/:position", async (c) => {
    return c.json((await expectItem(c, options)).item);
  });
  app.get("/api/items/:position/image", async (c) => {
    return itemImage(folder, (await expectItem(c, options)).item.payload);
  });
  app.put("/api/items/:position/annotation", async (c) => {
    const { person, item } = await expectItem(c, options);
    const submission = await bodyOf(c, answerBody);
    const annotation = await submit(workspace, person.id, item, submission);
    if (submission.state === "submitted") learner?.noteLabel(item.prediction?.value, annotation.value);
    return c.json({ position: item.position, annotation } satisfies Answered);
  });
  app.post("/api/undo", async (c) => {
    const { id } = expectPerson(c);
    const undone = await undo(workspace, id);
    if (undone === undefined)
      throw new HttpError(409, "undo: expected something to undo, got nothing", { code: "nothing_to_undo" });
    await workspace.reserve(workspace.db, [undone.position], id);
    return c.json(undone satisfies Answered);
  });
  app.get("/api/model", (c) => {
    expectPerson(c);
    return c.json(learner?.state() ?? null);
  });
}

function addReview(app: Hono<Env>, options: LabelAppOptions): void {
  const { workspace } = options;
  app.get("/api/progress", async (c) => {
    const { id, role } = expectPerson(c);
    const all = await progress(workspace);
    // An annotator sees how far the project is, and himself.
    return c.json(role === "annotator" ? { ...all, people: all.people.filter((person) => person.id === id) } : all);
  });
  app.get("/api/items", async (c) => {
    expectPerson(c, "adjudicator");
    const from = numberOf(c, "from", 0, 1e9);
    const count = numberOf(c, "count", 50, MOST_ITEMS);
    return c.json(await reviewItems(workspace, { from, count, which: c.req.query("disputed") === "true" ? "disputed" : "all" }));
  });
  app.get("/api/agreement", async (c) => {
    expectPerson(c, "adjudicator");
    const items = await reviewItems(workspace, { from: 0, count: 1e9, which: "answered-twice" });
    return c.json(agreementOf(workspace.scheme.kind, items));
  });
  app.put("/api/items/:position/decision", async (c) => {
    const { id } = expectPerson(c, "adjudicator");
    const { value } = await bodyOf(c, decisionBody);
    await decide(workspace, id, positionOf(c), value);
    return c.json({});
  });
  app.put("/api/items/:position/gold", async (c) => {
    expectPerson(c, "adjudicator");
    const { value } = await bodyOf(c, goldBody);
    await setGold(workspace, positionOf(c), value);
    return c.json({});
  });
}

/** The address of a sender as Node knows it, without a mapped IPv4's prefix. */
export const plainAddress = (address: string | undefined): string => {
  const text = (address ?? "").replace(/^::ffff:/, "");
  return isIP(text) === 0 ? "unknown" : text;
};
