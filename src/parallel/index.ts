/**
 * @module Training in several processes, over MPI.
 */
export * from "./group.js";
export * from "./launch.js";
export * from "./tree.js";
export * from "./exchange.js";
export { joinGroup, leaveGroup, MpiGroup, threadsPerRank } from "./mpi.js";
