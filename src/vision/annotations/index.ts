/**
 * @module Annotations of boxes, read and written: Pascal VOC, COCO, YOLO. Texts in and out; files are in `data/images`.
 */
export * from "./annotation.js";
export * from "./coco.js";
export * from "./voc.js";
export * from "./yolo.js";
