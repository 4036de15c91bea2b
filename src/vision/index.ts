/**
 * @module Images as planes of values, and operations on them, anywhere: cropping, resizing, rotation, colours. Decoding of files
 * is in `images-node.ts`.
 */
export * from "./pixels.js";
export * from "./pixel-scale.js";
export * from "./geometry.js";
export * from "./resize.js";
export * from "./color.js";
export { type Augmentation, formatAugment } from "./augment-list.js";
export * from "./augment.js";
export * from "./box-augmentation.js";
export * from "./draw.js";
export * from "./mix.js";
