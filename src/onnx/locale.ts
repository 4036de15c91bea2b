/**
 * @module Locales of `StringNormalizer`: the engine asks the system for the one that a file names, which machines in the cloud often lack.
 */
import type { AttributeProto, ModelProto, NodeProto } from "./messages.js";

/** Every system with glibc 2.35 or musl has it, and its upper and lower case are Unicode's. */
const UNIVERSAL = "C.UTF-8";
/** Languages whose letters change case in their own way: Turkish, Azerbaijani, Lithuanian. */
const PARTICULAR = /^(tr|az|lt)/i;

const localeOf = (node: NodeProto): AttributeProto | undefined =>
  node.opType === "StringNormalizer" ? node.attributes.find(({ name }) => name === "locale") : undefined;

/** The model with its locales replaced by the one that every system has; undefined where nothing would change, or the results would. */
export function withUniversalLocale(model: ModelProto): ModelProto | undefined {
  const asked = model.graph.nodes.flatMap((node) => localeOf(node) ?? (node.opType === "StringNormalizer" ? [undefined] : []));
  if (asked.length === 0 || asked.some((a) => PARTICULAR.test(String(a?.value)) || a?.value === UNIVERSAL)) return undefined;
  const renamed = (node: NodeProto): NodeProto => {
    if (node.opType !== "StringNormalizer") return node;
    const others = node.attributes.filter(({ name }) => name !== "locale");
    return { ...node, attributes: [...others, { name: "locale", type: "string", value: UNIVERSAL }] };
  };
  return { ...model, graph: { ...model.graph, nodes: model.graph.nodes.map(renamed) } };
}
