/**
 * @module Models: one file per architecture.
 */
export * from "./alexnet.js";
export * from "./attention-cache.js";
export { type AuxiliaryOutputs, hasAuxiliary, type WithAuxiliary } from "./auxiliary.js";
export type { Backbone } from "./backbone.js";
export { ResNetBackbone, SmallBackbone, STRIDES } from "./backbone.js";
export * from "./bag-of-ngrams.js";
export { type BertInputs, BertModel, type BertOptions } from "./bert.js";
export * from "./bert-heads.js";
export * from "./bilstm.js";
export * from "./conv-net.js";
export * from "./dcgan.js";
export * from "./densenet.js";
export * from "./detector.js";
export * from "./embedder.js";
export * from "./googlenet.js";
export type { DecoderInputs } from "./decoder-inputs.js";
export * from "./gpt2.js";
export * from "./inception-v3.js";
export * from "./lenet.js";
export * from "./llama.js";
export * from "./mlp.js";
export * from "./mobilenet-v3.js";
export * from "./peft.js";
export { labelConfig, labelsOf } from "./pretrained-config.js";
export * from "./pretrained.js";
export * from "./resnet.js";
export * from "./table.js";
export * from "./tabular-ensemble.js";
export * from "./tabular-mlp.js";
export * from "./tagger.js";
export * from "./text-cnn.js";
export * from "./text-model.js";
export * from "./transformer.js";
export type { TargetInputs, TransformerInputs, TransformerOptions } from "./transformer-layers.js";
export * from "./vgg.js";
export * from "./vit.js";
