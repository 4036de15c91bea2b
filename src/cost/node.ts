/**
 * @module The cost of a model, and in Node also what this machine can do and what it draws.
 */
export * from "./index.js";
export * from "./plan/index.js";
export { cacheFolder, knownMachine, thisMachine, type MachineOptions } from "./machine-node.js";
export { measureMachine } from "./measure-machine.js";
export { openEnergyMeter, WATTS_PER_CORE, type EnergyMeter } from "./energy-node.js";
