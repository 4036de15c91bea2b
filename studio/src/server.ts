/** The server's routes, typed by the schemas that it checks with. */
import type {
  Agreement,
  Answered,
  Failed,
  Item,
  Me,
  ModelState,
  Next,
  Person,
  Progress,
  ReviewedItem,
  Submission,
  Value,
} from "../../src/label/api.js";

export type { Agreement, Item, Me, ModelState, Person, Progress, ReviewedItem, Submission, Value };
export type { Annotation, Kind, LabelledSpan, Payload, Prediction, Scheme } from "../../src/label/api.js";

/** An answer of the server that is a failure. */
export class ServerError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, { error, code }: Failed) {
    super(error);
    this.status = status;
    this.code = code;
  }
}

/** The server could not be reached: what was sent may be sent again. */
export class OfflineError extends Error {}

let token = "";

async function call<T>(method: "GET" | "POST" | "PUT", path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  const change = { headers: { "content-type": "application/json", "x-descent-token": token }, body: JSON.stringify(body ?? {}) };
  try {
    response = await fetch(path, { method, credentials: "same-origin", signal, ...(method === "GET" ? {} : change) });
  } catch {
    throw new OfflineError("offline");
  }
  const text = await response.text();
  if (!response.ok) {
    const failed = ((): Failed => {
      try {
        return JSON.parse(text) as Failed;
      } catch {
        return { error: response.statusText, code: "" };
      }
    })();
    throw new ServerError(response.status, failed);
  }
  return JSON.parse(text) as T;
}

export async function me(): Promise<Me> {
  const found = await call<Me>("GET", "/api/me");
  token = found.token ?? "";
  return found;
}

export const server = {
  me,
  signIn: (name: string, password: string) => call<unknown>("POST", "/api/sign-in", { name, password }),
  signOut: () => call<unknown>("POST", "/api/sign-out"),
  invitation: (secret: string) => call<{ role: Person["role"] | null }>("POST", "/api/invitation", { secret }),
  accept: (secret: string, name: string, password: string) => call<unknown>("POST", "/api/accept", { secret, name, password }),
  invite: (role: Person["role"]) => call<{ secret: string }>("POST", "/api/invite", { role }),
  next: (count: number, after: readonly number[]) => call<Next>("GET", `/api/next?count=${count}&after=${after.join(",")}`),
  item: (position: number) => call<Item>("GET", `/api/items/${position}`),
  answer: (position: number, submission: Submission) => call<Answered>("PUT", `/api/items/${position}/annotation`, submission),
  undo: () => call<Answered>("POST", "/api/undo"),
  model: () => call<ModelState | null>("GET", "/api/model"),
  progress: () => call<Progress>("GET", "/api/progress"),
  items: (from: number, count: number, disputed: boolean, signal: AbortSignal) =>
    call<ReviewedItem[]>("GET", `/api/items?from=${from}&count=${count}&disputed=${disputed}`, undefined, signal),
  agreement: () => call<Agreement>("GET", "/api/agreement"),
  decide: (position: number, value: Value) => call<unknown>("PUT", `/api/items/${position}/decision`, { value }),
  gold: (position: number, value: Value | null) => call<unknown>("PUT", `/api/items/${position}/gold`, { value }),
};

export const imageOf = (position: number): string => `/api/items/${position}/image`;
