/**
 * @module API keys: 256 random bits each, of which the server keeps the SHA-256 alone. A hash without salt is enough for keys that nobody can guess.
 */
import { ConfigError } from "../util/errors.js";
import { HttpError } from "./http-error.js";

/** A key's owner, and what he may ask for; left out, there is no limit. */
export interface KeyOwner {
  readonly name: string;
  readonly requestsPerMinute?: number;
  readonly tokensPerDay?: number;
}

interface StoredKey extends KeyOwner {
  readonly hash: Uint8Array;
}

const BYTES = 32;
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** Makes a key, which is shown once, and the line of a key file that knows it. ConfigError for an owner's name with spaces. */
export async function newApiKey(owner: string): Promise<{ readonly key: string; readonly line: string }> {
  if (!/^[\w.@-]{1,64}$/.test(owner))
    throw new ConfigError("key: expected the owner's name in letters, digits and . _ - @, got something else");
  const bits = hex(crypto.getRandomValues(new Uint8Array(BYTES)));
  const key = `dk-${bits}`;
  return { key, line: `${owner} ${hex(await sha256(key))}` };
}

const LIMITS: ReadonlyMap<string, "requestsPerMinute" | "tokensPerDay"> = new Map([
  ["requests-per-minute", "requestsPerMinute"],
  ["tokens-per-day", "tokensPerDay"],
]);

function storedKey(line: string, where: string): StoredKey {
  const [name = "", hash = "", ...limits] = line.split(/\s+/);
  if (!/^[0-9a-f]{64}$/.test(hash))
    throw new ConfigError(`${where}: expected NAME and a SHA-256 of 64 hexadecimal digits, got something else`);
  const given: { requestsPerMinute?: number; tokensPerDay?: number } = {};
  for (const limit of limits) {
    const [option = "", value = ""] = limit.split("=");
    const known = LIMITS.get(option);
    const number = Number(value);
    if (known === undefined || !Number.isSafeInteger(number) || number < 1)
      throw new ConfigError(`${where}: expected ${[...LIMITS.keys()].join("=N or ")}=N, got ${JSON.stringify(limit)}`);
    given[known] = number;
  }
  return { name, hash: fromHex(hash), ...given };
}

/** Compares all bytes, however early they differ: 1 for equal ones, 0 otherwise. */
function sameBytes(a: Uint8Array, b: Uint8Array): number {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0 ? 1 : 0;
}

/** The keys that a server knows. */
export class ApiKeys {
  readonly #keys: readonly StoredKey[];

  private constructor(keys: readonly StoredKey[]) {
    this.#keys = keys;
  }

  /**
   * Reads the lines of a key file: `NAME SHA256 [requests-per-minute=N] [tokens-per-day=N]`; empty lines and those that begin with # are skipped.
   * ConfigError for other lines, and for none.
   */
  static parse(text: string, where: string): ApiKeys {
    const lines = text.split(/\r?\n/).map((line, i) => ({ line: line.trim(), at: `${where}: line ${i + 1}` }));
    const keys = lines.filter(({ line }) => line !== "" && !line.startsWith("#")).map(({ line, at }) => storedKey(line, at));
    if (keys.length === 0) throw new ConfigError(`${where}: expected keys, got none; make one with --new-key NAME`);
    return new ApiKeys(keys);
  }

  /** The owner of a key; undefined where there is none. It takes the same time whichever key it is, and whether it is one. */
  async ownerOf(key: string): Promise<KeyOwner | undefined> {
    const hash = await sha256(key);
    let found = -1;
    this.#keys.forEach((stored, i) => {
      const isSame = sameBytes(hash, stored.hash);
      found = isSame * i + (1 - isSame) * found;
    });
    return this.#keys[found];
  }

  /** The owner of the key that a request carries, as `Authorization: Bearer KEY` or `X-API-Key: KEY`. HttpError 401 without one that is known. */
  async expectOwner(headers: Headers): Promise<KeyOwner> {
    const bearer = /^Bearer\s+(\S+)\s*$/i.exec(headers.get("authorization") ?? "")?.[1];
    const key = bearer ?? headers.get("x-api-key") ?? "";
    const owner = key.length > 512 ? undefined : await this.ownerOf(key);
    if (owner !== undefined) return owner;
    throw new HttpError(401, `authorization: expected a key of this server, got ${key === "" ? "none" : "another"}`, {
      headers: { "www-authenticate": "Bearer" },
    });
  }
}
