/**
 * @module Who may ask from a browser: a page of another site reaches a server on the same machine, by a name of its own (DNS rebinding) or by a plain
 * request. Host and Origin tell them apart.
 */
import { HttpError } from "./http-error.js";

/** The hosts and origins that are answered. */
export interface OriginRules {
  /** Names without ports; left out, any. */
  readonly hosts?: readonly string[];
  /** Origins of pages besides the server's own, as `https://app.example`; `*` is any. Left out, a server knows no others. */
  readonly origins?: readonly string[];
}

/** Names of this machine for itself. */
export const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]", "::1"];

/** Whether an address is reached from this machine alone. */
export const isLoopback = (host: string): boolean => LOOPBACK_HOSTS.includes(host) || /^127(\.\d{1,3}){3}$/.test(host);

/** The name in a Host header, without its port; undefined for what is none. */
export function hostName(header: string): string | undefined {
  const found = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(header);
  return found?.[1]?.toLowerCase();
}

/** HttpError 403 (421 for a wrong host) unless the request's Host and Origin are allowed. */
export function expectOrigin(headers: Headers, { hosts, origins }: OriginRules): void {
  const host = headers.get("host");
  const name = host === null ? undefined : hostName(host);
  if (host !== null && name === undefined) throw new HttpError(400, "host: expected a name, got something else");
  if (hosts !== undefined && name !== undefined && !hosts.includes(name))
    throw new HttpError(421, "host: expected a name that this server has; allow others with --allow-host");
  const origin = headers.get("origin");
  // A picture or a script that another site's page asks for comes without an Origin; a link that is followed is the reader's own wish.
  const isForeign = headers.get("sec-fetch-site") === "cross-site" && headers.get("sec-fetch-mode") !== "navigate";
  if (origin === null && isForeign && (origins ?? []).length === 0)
    throw new HttpError(403, "origin: expected a page of this server");
  if (origin === null || origins?.includes("*") === true || origins?.includes(origin) === true) return;
  if (host !== null && (origin === `http://${host}` || origin === `https://${host}`)) return;
  const remedy = origins === undefined ? "" : "; allow others with --allow-origin";
  throw new HttpError(403, `origin: expected a page of this server${remedy}`);
}

/** Headers that let a page of an allowed origin read the answer. */
export function corsHeaders(headers: Headers, { origins = [] }: OriginRules): Record<string, string> {
  const origin = headers.get("origin");
  if (origin === null || !(origins.includes("*") || origins.includes(origin))) return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-headers": "authorization, content-type, x-request-id, inference-header-content-length",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-expose-headers": "x-request-id, retry-after, inference-header-content-length",
    vary: "origin",
  };
}
