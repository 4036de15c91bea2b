/**
 * @module Annotations of boxes, read and written: Pascal VOC, COCO, YOLO, CVAT, Label Studio; read alone: LabelMe, VIA, CreateML, tables. Texts in and out;
 * files are in `data/images`.
 */
export * from "./annotation.js";
export * from "./box-table.js";
export * from "./coco.js";
export * from "./create-ml.js";
export * from "./cvat.js";
export * from "./label-me.js";
export * from "./label-studio.js";
export * from "./via.js";
export * from "./voc.js";
export * from "./yolo.js";
