/**
 * @module Training in several processes, over MPI.
 */
export * from "./group.js";
export * from "./launch.js";
export * from "./tree.js";
export * from "./exchange.js";
export type { Overlap } from "./overlap.js";
export { joinGroup, leaveGroup, MpiGroup, threadsPerRank } from "./mpi.js";
