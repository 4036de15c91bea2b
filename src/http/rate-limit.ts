/**
 * @module Limits of what one sender may ask for: requests in a minute, tokens in a day, requests at once.
 */
import { retryLater } from "./http-error.js";

/** A bucket of `capacity` that fills up within `periodMs`. */
class Bucket {
  readonly capacity: number;
  readonly periodMs: number;
  #level: number;
  #at: number;

  constructor(capacity: number, periodMs: number, now: number) {
    this.capacity = capacity;
    this.periodMs = periodMs;
    this.#level = capacity;
    this.#at = now;
  }

  #fill(now: number): void {
    this.#level = Math.min(this.capacity, this.#level + ((now - this.#at) * this.capacity) / this.periodMs);
    this.#at = now;
  }

  /** Milliseconds until there is this much; 0 where it is there. */
  wait(amount: number, now: number): number {
    this.#fill(now);
    return this.#level >= amount ? 0 : ((amount - this.#level) * this.periodMs) / this.capacity;
  }

  /** Takes more than there is, too: what was used up already. */
  take(amount: number, now: number): void {
    this.#fill(now);
    this.#level -= amount;
  }
}

/** Buckets by owner. */
export class RateLimiter {
  readonly #what: string;
  readonly #periodMs: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** `what` names the unit in messages: "requests a minute". */
  constructor(what: string, periodMs: number, now: () => number = () => performance.now()) {
    this.#what = what;
    this.#periodMs = periodMs;
    this.#now = now;
  }

  #bucket(owner: string, capacity: number): Bucket {
    const known = this.#buckets.get(owner);
    if (known?.capacity === capacity) return known;
    const made = new Bucket(capacity, this.#periodMs, this.#now());
    this.#buckets.set(owner, made);
    return made;
  }

  /** HttpError 429 with Retry-After unless there is this much left for the owner, which it then takes. */
  expect(owner: string, capacity: number, amount = 1): void {
    const bucket = this.#bucket(owner, capacity);
    const wait = bucket.wait(amount, this.#now());
    if (wait > 0) throw retryLater(`rate: expected at most ${capacity} ${this.#what}, got more`, wait / 1000);
    bucket.take(amount, this.#now());
  }

  /** Takes what was used, which may be more than was left. */
  spend(owner: string, capacity: number, amount: number): void {
    this.#bucket(owner, capacity).take(amount, this.#now());
  }
}

/** Bounds how much is under way at once, in requests or in another measure. */
export class Admission {
  readonly #most: number;
  readonly #what: string;
  #used = 0;

  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  get used(): number {
    return this.#used;
  }

  /** Lets in, until it is disposed. HttpError 429 where too much is under way: `seconds` is when to come again. */
  enter(amount = 1, seconds = 1): Disposable {
    if (this.#used + amount > this.#most && this.#used > 0)
      throw retryLater(`load: expected at most ${this.#most} ${this.#what} at once, got more; try again later`, seconds);
    this.#used += amount;
    let isInside = true;
    return {
      [Symbol.dispose]: () => {
        if (isInside) this.#used -= amount;
        isInside = false;
      },
    };
  }
}
