/**
 * @module The choice whether sums over ranks go on during the backward pass: as asked for, or as the first updates show.
 */
import { median } from "../util/median.js";
import type { ProcessGroup } from "./group.js";

/** Values of the option `--overlap`. */
export type Overlap = "auto" | "on" | "off";

/** Updates that are timed in either way. */
const TIMED = 5;
/** Sums that take less, in milliseconds and as a share of the update, are not worth a cut of the graph. */
const LEAST_MS = 5;
const LEAST_SHARE = 0.05;
/** The share of the time that must be saved. */
const LEAST_GAIN = 0.02;

/** The choice, which all ranks make alike. */
export class OverlapChoice {
  /** Whether the next update overlaps. */
  isOn: boolean;
  /** Is told what the first updates took, where both ways were timed. */
  onMeasured: ((text: string) => void) | undefined;
  readonly #group: ProcessGroup;
  readonly #whole: { readonly off: number[]; readonly on: number[] } = { off: [], on: [] };
  readonly #sums: number[] = [];
  #isOpen: boolean;

  constructor(group: ProcessGroup, asked: Overlap) {
    this.#group = group;
    this.isOn = asked === "on" && group.size > 1;
    this.#isOpen = asked === "auto" && group.size > 1;
  }

  /**
   * Takes the milliseconds of an update's passes and sums, and of what of the sums came after the passes; NaN where something was compiled meanwhile. After
   * the sums, by all ranks. Returns whether overlap was given up.
   */
  take(whole: number, sums: number): boolean {
    if (!this.#isOpen) return false;
    const all = new Float64Array(2 * this.#group.size);
    this.#group.collect(Float64Array.of(whole, sums), all);
    const meanOf = (which: number): number =>
      all.reduce((sum, ms, i) => (i % 2 === which ? sum + ms : sum), 0) / this.#group.size;
    const { off, on } = this.#whole;
    if (Number.isNaN(meanOf(0))) return false;
    (this.isOn ? on : off).push(meanOf(0));
    if (on.length >= TIMED) return this.#end(median(off), median(on));
    if (!this.isOn) {
      this.#sums.push(meanOf(1));
      if (off.length >= TIMED) this.#isOpen = this.isOn = median(this.#sums) >= Math.max(LEAST_MS, LEAST_SHARE * median(off));
    }
    return false;
  }

  #end(off: number, on: number): boolean {
    this.#isOpen = false;
    this.isOn = on < (1 - LEAST_GAIN) * off;
    const times = `${on.toFixed(0)} ms an update with --overlap on, ${off.toFixed(0)} with off`;
    this.onMeasured?.(`gradients travel ${this.isOn ? "during" : "after"} the backward pass: ${times}`);
    return !this.isOn;
  }
}
