/**
 * @module Progress shown while something takes long: one line that is rewritten in a terminal, a plain line every few
 * seconds elsewhere, nothing where silence was asked for. It knows nothing of training; `progress-node.ts` joins it
 * to a process.
 */
import { displayWidth, formatClock, formatCount, formatInteger, formatNumber, truncateToWidth } from "../util/text.js";
import { printableLine } from "../util/terminal.js";

/** The destination of progress lines. */
export interface ProgressSink {
  readonly write: (text: string) => void;
  /** A terminal, in which a line can be rewritten. */
  readonly isTTY: boolean;
  /** Its width now; a terminal may be resized. */
  readonly columns?: () => number | undefined;
  readonly color?: boolean;
}

/** Options of a progress line; times in milliseconds. */
export interface ProgressOptions {
  /** The activity, in a word or two: "train", "validate". */
  readonly label: string;
  /** The total number of steps; left out where it is not known, and then there is no bar and no ETA. */
  readonly total?: number;
  /** The unit of `update`'s third argument, for the speed. */
  readonly unit?: string;
  /** Steps that were done before (a resumed run): they count for the bar, not for the speed. */
  readonly start?: number;
  /** Shown only if the work takes longer than this. */
  readonly delayMs?: number;
  /** Between two refreshes: 100 in a terminal, 5,000 elsewhere. */
  readonly intervalMs?: number;
  readonly peakMemoryMiB?: () => number;
  /** A clock in milliseconds. */
  readonly now?: () => number;
}

const BAR_COLUMNS = 28;
const SMOOTHING_SECONDS = 8;

/**
 * A progress line: loss and metrics, speed, ETA, peak memory. `update` may be called at each step: it returns after one look
 * at the clock unless a refresh is due.
 *
 * @example
 * import { Progress } from "descentjs/run";
 * const sink = { isTTY: false, write: (text: string) => console.log(text) }; // of stderr: progressSink() in Node
 * const progress = new Progress(sink, { label: "train", total: 100, unit: "examples" });
 * progress.update(1, 32, { loss: 0.5 });
 * progress.finish();
 */
export class Progress {
  readonly #sink: ProgressSink | undefined;
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #intervalMs: number;
  #nextAt: number;
  #done: number;
  #units = 0;
  #fields: Readonly<Record<string, number | string>> = {};
  #seen: { at: number; done: number; units: number };
  /** Steps and units per second, smoothed; undefined until two refreshes have been seen. */
  #rate: { steps: number; units: number } | undefined;
  #drawn = false;
  #finished = false;

  /** Without a sink nothing is shown. */
  constructor(sink: ProgressSink | undefined, options: ProgressOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#startedAt = this.#now();
    this.#intervalMs = options.intervalMs ?? (sink?.isTTY === true ? 100 : 5000);
    this.#nextAt = sink === undefined ? Infinity : this.#startedAt + (options.delayMs ?? (sink.isTTY ? 0 : this.#intervalMs));
    this.#done = options.start ?? 0;
    this.#seen = { at: this.#startedAt, done: this.#done, units: 0 };
  }

  /** `done` steps of the total are done, `units` (examples, bytes) since this object was made; `fields` are shown as they are. */
  update(done: number, units?: number, fields?: Readonly<Record<string, number | string>>): void {
    this.#done = done;
    if (units !== undefined) this.#units = units;
    if (fields !== undefined) this.#fields = fields;
    const now = this.#now();
    if (now < this.#nextAt || this.#finished) return;
    this.#nextAt = now + this.#intervalMs;
    this.#measure(now);
    this.#draw(this.#line(`ETA ${formatClock(this.#remainingSeconds())}`));
  }

  /** Prints a line of its own, above the one that is rewritten. */
  log(line: string): void {
    if (this.#sink === undefined) return;
    if (this.#sink.isTTY && this.#drawn) {
      this.#sink.write("\r\u001B[K");
      this.#drawn = false;
      this.#nextAt = 0;
    }
    this.#sink.write(`${printableLine(line)}\n`);
  }

  /** The last state, with the time it took; shown only if something was shown before or the work took over two seconds. */
  finish(fields?: Readonly<Record<string, number | string>>): void {
    if (this.#finished) return;
    this.#finished = true;
    if (fields !== undefined) this.#fields = fields;
    const now = this.#now();
    const seconds = (now - this.#startedAt) / 1000;
    if (this.#sink === undefined || (!this.#drawn && seconds < 2)) return;
    const done = this.#done - (this.#options.start ?? 0);
    this.#rate = seconds > 0 ? { steps: done / seconds, units: this.#units / seconds } : undefined;
    this.#draw(this.#line(`in ${formatClock(seconds)}`));
    if (this.#sink.isTTY) this.#sink.write("\n");
  }

  [Symbol.dispose](): void {
    this.finish();
  }

  #measure(now: number): void {
    const seconds = (now - this.#seen.at) / 1000;
    if (seconds <= 0 || this.#done === this.#seen.done) return;
    const steps = (this.#done - this.#seen.done) / seconds;
    const units = (this.#units - this.#seen.units) / seconds;
    const weight = this.#rate === undefined ? 1 : 1 - Math.exp(-seconds / SMOOTHING_SECONDS);
    this.#rate = {
      steps: (this.#rate?.steps ?? 0) * (1 - weight) + steps * weight,
      units: (this.#rate?.units ?? 0) * (1 - weight) + units * weight,
    };
    this.#seen = { at: now, done: this.#done, units: this.#units };
  }

  #remainingSeconds(): number {
    const { total } = this.#options;
    return total === undefined || this.#rate === undefined ? Infinity : (total - this.#done) / this.#rate.steps;
  }

  #line(time: string): string {
    const { total, unit, peakMemoryMiB } = this.#options;
    const label = printableLine(this.#options.label);
    const fraction = total === undefined || total === 0 ? undefined : Math.min(1, Math.max(0, this.#done / total));
    const counts = total === undefined ? formatInteger(this.#done) : `${formatInteger(this.#done)}/${formatInteger(total)}`;
    const fields = Object.entries(this.#fields).map(([name, value]) =>
      printableLine(`${name} ${typeof value === "number" ? formatNumber(value) : value}`.trim()),
    );
    const speed = this.#rate === undefined || this.#units === 0 ? "" : `${formatCount(this.#rate.units)} ${unit ?? ""}/s`;
    const memory = peakMemoryMiB === undefined ? "" : `${formatInteger(peakMemoryMiB())} MiB`;
    const percent = fraction === undefined ? "" : `${String(Math.floor(fraction * 100)).padStart(3)}%`;
    const join = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join("  ");
    const clock = total === undefined && time.startsWith("ETA") ? "" : time;
    if (this.#sink?.isTTY !== true) return join(label, percent.trim(), counts, ...fields, speed, clock, memory);

    // One column stays free: a full last column makes some terminals wrap.
    const columns = (this.#sink.columns?.() ?? 80) - 1;
    const shortest = join(percent, ...fields, clock);
    const tails = [
      join(percent, counts, ...fields, speed, clock, memory),
      join(percent, counts, ...fields, speed, clock),
      join(percent, ...fields, speed, clock),
      shortest,
    ];
    const room = (tail: string): number => columns - displayWidth(label) - displayWidth(tail) - 4;
    const tail = tails.find((candidate) => room(candidate) >= (fraction === undefined ? -2 : 8)) ?? shortest;
    const bar = fraction === undefined || room(tail) < 8 ? "" : this.#bar(fraction, Math.min(BAR_COLUMNS, room(tail)));
    const plain = join(label, bar, tail);
    if (displayWidth(plain) > columns) return truncateToWidth(join(label, tail), columns);
    return this.#sink.color === true && bar !== "" ? join(label, `\u001B[36m${bar}\u001B[0m`, tail) : plain;
  }

  #bar(fraction: number, columns: number): string {
    const halves = Math.round(fraction * columns * 2);
    const full = "━".repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? "╸" : "");
    return full + "─".repeat(columns - Math.ceil(halves / 2));
  }

  #draw(line: string): void {
    this.#sink?.write(this.#sink.isTTY ? `\r${line}\u001B[K` : `${line}\n`);
    this.#drawn = true;
  }
}
