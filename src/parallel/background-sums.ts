/**
 * @module Sums over ranks that go on while the engine computes. Each piece is dealt out, added up by its owner in the ranks' order, and collected: as many
 * bytes as a sum by halving and doubling sends, and bits that do not depend on when a rank looks. The library's own non-blocking sum sends twice as many
 * between two ranks, all to one and back (Open MPI 4.1).
 */
import type { Handle, MpiLibrary } from "./mpi-library.js";

/** Numbers in a piece, at most. */
const PIECE = 2 ** 18;
/** Pieces that are dealt out at once: enough for the milliseconds between two looks. */
const WINDOW = 8;

interface Piece {
  /** Where the numbers lie, and their sums are to lie. */
  readonly values: Float32Array;
  /** They, in equal shares for the ranks: longer where ranks do not divide them. */
  readonly shares: Float32Array;
  /** This rank's share of all ranks. */
  readonly received: Float32Array;
  /** The request that is under way: an address in Open MPI, a number in MPICH. */
  readonly request: BigUint64Array;
}

/** Adds up what all ranks have begun in the same order. */
export class BackgroundSums {
  readonly #mpi: MpiLibrary;
  readonly #size: number;
  /** A communicator for collecting alone: when that begins differs from rank to rank. */
  readonly #collecting: Handle;
  readonly #waiting: Float32Array[] = [];
  readonly #dealt: Piece[] = [];
  readonly #collected: Piece[] = [];
  /** Memory of pieces that are done. */
  readonly #free: Float32Array[] = [];
  readonly #flag = new Int32Array(1);

  /** All ranks make one at the same point. */
  constructor(mpi: MpiLibrary, size: number) {
    this.#mpi = mpi;
    this.#size = size;
    this.#collecting = mpi.duplicate(mpi.constants.world);
  }

  get isBusy(): boolean {
    return this.#waiting.length + this.#dealt.length + this.#collected.length > 0;
  }

  /** Begins to add up numbers over all ranks, in place. */
  begin(values: Float32Array): void {
    const length = Math.floor(PIECE / this.#size) * this.#size;
    for (let start = 0; start < values.length; start += length) this.#waiting.push(values.subarray(start, start + length));
    this.progress();
  }

  /** Does what can be done now. */
  progress(): void {
    while (this.#dealt.length < WINDOW && this.#waiting.length > 0) this.#deal(this.#waiting.shift() as Float32Array);
    while (this.#hasEnded(this.#dealt[0])) this.#collect(this.#dealt.shift() as Piece);
    while (this.#hasEnded(this.#collected[0])) {
      const { values, shares, received } = this.#collected.shift() as Piece;
      if (shares !== values) values.set(shares.subarray(0, values.length));
      this.#free.push(new Float32Array(received.buffer));
    }
  }

  #hasEnded(piece: Piece | undefined): boolean {
    if (piece === undefined) return false;
    this.#mpi.call("MPI_Test", piece.request, this.#flag, this.#mpi.constants.ignoreStatus);
    return this.#flag[0] !== 0;
  }

  #deal(values: Float32Array): void {
    const share = Math.ceil(values.length / this.#size);
    let shares = values;
    if (share * this.#size !== values.length) (shares = new Float32Array(share * this.#size)).set(values);
    const received = (this.#free.pop() ?? new Float32Array(PIECE)).subarray(0, shares.length);
    const piece = { values, shares, received, request: new BigUint64Array(1) };
    const { float, world } = this.#mpi.constants;
    this.#mpi.call("MPI_Ialltoall", shares, share, float, received, share, float, world, piece.request);
    this.#dealt.push(piece);
  }

  #collect(piece: Piece): void {
    const { shares, received, request } = piece;
    const share = shares.length / this.#size;
    const sum = received.subarray(0, share);
    for (let at = share; at < received.length; at += share)
      for (let i = 0; i < share; i++) sum[i] = (sum[i] as number) + (received[at + i] as number);
    const { float } = this.#mpi.constants;
    this.#mpi.call("MPI_Iallgather", sum, share, float, shares, share, float, this.#collecting, request);
    this.#collected.push(piece);
  }
}
