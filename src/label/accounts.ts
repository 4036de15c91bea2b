/**
 * @module People of a store: invitations that work once, passwords, signing in and out. Of every secret only a hash is kept.
 */
import { createHash, randomBytes, randomUUID, scrypt, timingSafeEqual } from "node:crypto";
import type { Store } from "../store/store.js";
import type { Role } from "../store/tables.js";
import { DataError, DescentError } from "../util/errors.js";
import { TaskQueue } from "../util/task-queue.js";

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** Someone who is signed in: the secret of the cookie, and the token that changes are sent with. */
export interface SignIn {
  readonly secret: string;
  readonly token: string;
  readonly person: Person;
}

/** Too many failed attempts: wait. */
export class LockedError extends DescentError {
  readonly seconds: number;
  constructor(seconds: number) {
    super(`sign-in: expected fewer attempts, got too many that failed; wait ${Math.ceil(seconds / 60)} minutes`, { exitCode: 2 });
    this.seconds = seconds;
  }
}

/** The cost of computing a password's hash (RFC 7914). */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** Failures in a row that lock a name or an address, and for how long. */
const MOST_FAILURES = 10;
const LOCKED_MS = 15 * 60_000;
const INVITED_MS = 7 * 86_400_000;
const SIGNED_IN_MS = 30 * 86_400_000;
/** scrypt's cost, block size and parallelism (RFC 7914), as OWASP's password storage sheet has them: 128 MiB, about half a second. */
const COST: ScryptCost = { N: 2 ** 17, r: 8, p: 1 };
const KEY_BYTES = 32;
const LEAST_PASSWORD = 10;

const secretText = (): string => randomBytes(32).toString("base64url");
const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");
const later = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** One password at a time: each takes its memory. */
const derivations = new TaskQueue();

const derive = (password: string, salt: Buffer, { N, r, p }: ScryptCost): Promise<Buffer> =>
  derivations.run(
    () =>
      new Promise((resolve, reject) => {
        scrypt(password.normalize("NFKC"), salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r + 2 ** 20 }, (error, key) =>
          error === null ? resolve(key) : reject(error),
        );
      }),
  );

/** A password as it is kept: `scrypt$N$r$p$salt$key`. */
export async function hashPassword(password: string, cost = COST): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, cost);
  return ["scrypt", cost.N, cost.r, cost.p, salt.toString("base64"), key.toString("base64")].join("$");
}

/** Whether a password is the one that was kept; takes as long for a name that is not known. */
async function isPassword(password: string, kept: string | null, usual: ScryptCost): Promise<boolean> {
  const [, N, r, p, salt = "", key = ""] = (kept ?? "").split("$");
  const cost = kept === null ? usual : { N: Number(N), r: Number(r), p: Number(p) };
  const found = await derive(password, Buffer.from(salt, "base64"), cost);
  return kept !== null && timingSafeEqual(found, Buffer.from(key, "base64"));
}

/** The people of a store. */
export class Accounts {
  readonly #store: Store;
  readonly #cost: ScryptCost;

  constructor(store: Store, cost = COST) {
    this.#store = store;
    this.#cost = cost;
  }

  get #db() {
    return this.#store.db;
  }

  /** Makes an invitation, and returns the secret of its link. It works once, for seven days. */
  async invite(role: Role): Promise<string> {
    const secret = secretText();
    await this.#db
      .insertInto("invitation")
      .values({ hash: hashOf(secret), role, expires_at: later(INVITED_MS), used_by: null })
      .execute();
    return secret;
  }

  /** The role that an invitation is for; undefined if it was used, is too old, or never was. */
  async invitation(secret: string): Promise<Role | undefined> {
    const row = await this.#db
      .selectFrom("invitation")
      .select("role")
      .where("hash", "=", hashOf(secret))
      .where("used_by", "is", null)
      .where("expires_at", ">", later(0))
      .executeTakeFirst();
    return row?.role;
  }

  /** Accepts an invitation, and signs the new person in. */
  async accept(secret: string, name: string, password: string): Promise<SignIn> {
    if (password.length < LEAST_PASSWORD)
      throw new DataError(`password: expected ${LEAST_PASSWORD} characters or more, got ${password.length}`);
    if (name.trim() === "" || name.length > 100) throw new DataError("name: expected 1 to 100 characters");
    const kept = await hashPassword(password, this.#cost);
    const person = { id: randomUUID(), name: name.trim(), password: kept, created_at: later(0) };
    const role = await this.#db.transaction().execute(async (db) => {
      const taken = await db.selectFrom("person").select("id").where("name", "=", person.name).executeTakeFirst();
      if (taken !== undefined) throw new DataError(`name: expected one that nobody has yet, got "${person.name}"`);
      const used = await db
        .updateTable("invitation")
        .set({ used_by: person.id })
        .where("hash", "=", hashOf(secret))
        .where("used_by", "is", null)
        .where("expires_at", ">", later(0))
        .returning("role")
        .executeTakeFirst();
      if (used === undefined)
        throw new DataError("invitation: expected one that still works, got one that was used or is too old");
      await db
        .insertInto("person")
        .values({ ...person, role: used.role })
        .execute();
      return used.role;
    });
    return this.#signIn({ id: person.id, name: person.name, role });
  }

  /**
   * Signs a person in.
   *
   * `address` is where the attempt comes from: failures are counted by name and by address.
   * Errors: LockedError after 10 failures in a row; DataError for a wrong name or password, which of them is not said.
   */
  async signIn(name: string, password: string, address: string): Promise<SignIn> {
    const keys = [`name ${name}`, `address ${address}`];
    // Counted before the password is looked at, so that attempts at the same time don't pass together.
    for (const key of keys) await this.#countAttempt(key);
    const row = await this.#db.selectFrom("person").selectAll().where("name", "=", name).executeTakeFirst();
    if (!(await isPassword(password, row?.password ?? null, this.#cost)) || row === undefined)
      throw new DataError("sign-in: expected a name with its password, got others");
    await this.#db.deleteFrom("attempt").where("key", "in", keys).execute();
    return this.#signIn(row);
  }

  async #countAttempt(key: string): Promise<void> {
    const [at, forgotten] = [later(0), later(-LOCKED_MS)];
    await this.#db.deleteFrom("attempt").where("key", "=", key).where("since", "<", forgotten).execute();
    const { failures, since } = await this.#db
      .insertInto("attempt")
      .values({ key, failures: 1, since: at })
      .onConflict((conflict) => conflict.column("key").doUpdateSet((eb) => ({ failures: eb("attempt.failures", "+", 1) })))
      .returning(["failures", "since"])
      .executeTakeFirstOrThrow();
    if (failures > MOST_FAILURES) throw new LockedError((Date.parse(since) + LOCKED_MS - Date.now()) / 1000);
  }

  async #signIn({ id, name, role }: Person): Promise<SignIn> {
    const [secret, token] = [secretText(), secretText()];
    await this.#db
      .insertInto("sign_in")
      .values({ hash: hashOf(secret), person: id, token, expires_at: later(SIGNED_IN_MS) })
      .execute();
    return { secret, token, person: { id, name, role } };
  }

  /** The person behind a cookie; undefined for one that is unknown or too old. */
  async person(secret: string): Promise<{ readonly person: Person; readonly token: string } | undefined> {
    const row = await this.#db
      .selectFrom("sign_in")
      .innerJoin("person", "person.id", "sign_in.person")
      .select(["person.id", "person.name", "person.role", "sign_in.token"])
      .where("sign_in.hash", "=", hashOf(secret))
      .where("sign_in.expires_at", ">", later(0))
      .executeTakeFirst();
    return row && { person: { id: row.id, name: row.name, role: row.role }, token: row.token };
  }

  async signOut(secret: string): Promise<void> {
    await this.#db.deleteFrom("sign_in").where("hash", "=", hashOf(secret)).execute();
  }

  /** The one person of a server on loopback, who needs no sign-in. */
  async alone(): Promise<Person> {
    const person = { id: "me", name: "me", role: "owner" as const };
    await this.#db
      .insertInto("person")
      .values({ ...person, password: null, created_at: later(0) })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
    return person;
  }

  async people(): Promise<Person[]> {
    return this.#db.selectFrom("person").select(["id", "name", "role"]).orderBy("created_at").execute();
  }
}
