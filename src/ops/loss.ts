/**
 * @module The softmax family: what turns logits into probabilities, and the cross-entropy that is computed with it in few
 * passes. Label smoothing, ignored indices and class weights are composed in `losses/`.
 */
import { constant, formatShape, isFloat, normalizeAxis, sameShape, Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { allMapped, INDEX } from "./indices.js";
import type { Op, Target } from "./op.js";
import { bytesMoved, elementCount, emitOne, expectDType, expectSameDType, perElement } from "./op.js";

type One = readonly [Tensor];
type Two = readonly [Tensor, Tensor];
type Three = readonly [Tensor, Tensor, Tensor];
type None = Record<never, never>;

interface Rule {
  readonly dx: (c: { x: Tensor; y: Tensor; dy: Tensor; axis: number }) => Tensor;
  readonly lower?: Op<{ axis: number }, One>["lower"];
}

function normalizedExponential(name: string, rule: Rule): Op<{ axis: number }, One> {
  const op: Op<{ axis: number }, One> = {
    name,
    domain: "",
    attributes: { axis: "int" },
    infer: ([x], { axis }, where) => {
      expectDType(where, x.dtype, isFloat, "a floating-point operand");
      normalizeAxis(axis, x.rank, where);
      return [x];
    },
    gradient: ({ inputs: [x], y, dy, attributes: { axis } }) => [rule.dx({ x, y, dy, axis })],
    cost: perElement(12),
    batch: ({ inputs: [x], ranks, attributes: { axis } }) => [
      emitOne(op, [x], { axis: normalizeAxis(axis, ranks[0] as number, name) + 1 }),
    ],
    lower: rule.lower,
  };
  return op;
}

/** y = eˣ / Σ eˣ along `axis`; dx = y·(dy − Σ y·dy). */
export const Softmax = normalizedExponential("Softmax", {
  dx: ({ y, dy, axis }) => {
    const weighted = dy.mul(y);
    return weighted.sub(y.mul(weighted.sum(axis, true)));
  },
});

/** y = x − ln Σ eˣ along `axis`; dx = dy − eʸ·Σ dy. */
export const LogSoftmax = normalizedExponential("LogSoftmax", {
  dx: ({ y, dy, axis }) => dy.sub(y.exp().mul(dy.sum(axis, true))),
  lower: ({ inputs: [x], attributes: { axis }, target }) => {
    if (target !== "webgpu") return undefined;
    const shifted = x.sub(x.reduceMax(axis, true));
    return [shifted.sub(shifted.exp().sum(axis, true).log())];
  },
});

function expectLabels(where: string, logits: Tensor, labels: Tensor): void {
  expectDType(where, logits.dtype, isFloat, "floating-point logits");
  expectDType(where, labels.dtype, INDEX, "int32 or int64 labels");
  if (logits.rank === 0 || !sameShape(logits.shape.slice(0, -1), labels.shape)) {
    throw new ShapeError(
      `${where}: expected labels ${formatShape(logits.shape.slice(0, -1))} for logits ${formatShape(logits.shape)}, got ${formatShape(labels.shape)}`,
    );
  }
}

/**
 * The negative log-probability of each example's label: loss[n] = ln Σₖ exp(logits[n, k]) − logits[n, labels[n]].
 *
 * Shapes: logits [N.., K], labels [N..] → loss [N..]. Types: labels int32 or int64, in 0 … K − 1.
 */
export const SoftmaxCrossEntropy: Op<None, Two> = {
  name: "SoftmaxCrossEntropy",
  domain: "descent",
  attributes: {},
  infer: ([logits, labels], _attributes, where) => {
    expectLabels(where, logits, labels);
    return [{ shape: labels.shape, dtype: logits.dtype }];
  },
  gradient: ({ inputs: [logits, labels], dy }) => [emitOne(SoftmaxCrossEntropyGradient, [dy, logits, labels], {}), null],
  cost: (node) => ({ flops: 12 * elementCount((node.inputs[0] as Tensor).shape), bytes: bytesMoved(node) }),
  batch: (c) => [emitOne(SoftmaxCrossEntropy, allMapped(c), {})],
  lower: ({ inputs: [logits, labels] }) => {
    const picked = logSoftmax(logits).gatherElements(labels.unsqueeze(-1), -1);
    return [picked.squeeze(-1).neg()];
  },
};

/** Where one number a row is changed in place; the engine writes rows of one-hot labels ten times as slowly as memory takes them. */
const SCATTERING: ReadonlySet<Target> = new Set(["cpu", "wasm"]);

const lessOneAt = (p: Tensor, labels: Tensor): Tensor => {
  const at = labels.unsqueeze(-1);
  return p.scatterElements(at, constant(-1, p.dtype).expand(at.shape), { axis: -1, reduction: "add" });
};

const hotRows = (labels: Tensor, p: Tensor): Tensor => labels.oneHot(p.shape[p.rank - 1] as number, { dtype: p.dtype });

/** dy·(softmax(logits) − onehot(labels)): the gradient of the cross-entropy as one op, since its best nodes differ per device. */
export const SoftmaxCrossEntropyGradient: Op<None, Three> = {
  name: "SoftmaxCrossEntropyGradient",
  domain: "descent",
  attributes: {},
  infer: ([dy, logits, labels], _attributes, where) => {
    expectLabels(where, logits, labels);
    expectSameDType(where, dy, logits);
    return [logits];
  },
  // With p = softmax(logits): ∂/∂dy reads p − onehot, ∂/∂logits is dy times softmax's own derivative.
  gradient: ({ inputs: [dy, logits, labels], dy: d, needs }) => {
    const p = softmax(logits);
    const weighted = d.mul(p);
    const total = weighted.sum(-1, true);
    const picked = d.gatherElements(labels.unsqueeze(-1), -1);
    return [
      needs[0] ? total.sub(picked).squeeze(-1) : null,
      needs[1] ? weighted.sub(p.mul(total)).mul(dy.unsqueeze(-1)) : null,
      null,
    ];
  },
  cost: perElement(14),
  batch: (c) => [emitOne(SoftmaxCrossEntropyGradient, allMapped(c), {})],
  lower: ({ inputs: [dy, logits, labels], target }) => {
    const p = softmax(logits);
    return [(SCATTERING.has(target) ? lessOneAt(p, labels) : p.sub(hotRows(labels, p))).mul(dy.unsqueeze(-1))];
  },
};

/** Entries of the op table: softmax, its logarithm, cross-entropy and its gradient. */
export const softmaxFamily = [Softmax, LogSoftmax, SoftmaxCrossEntropy, SoftmaxCrossEntropyGradient] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** exp(x) / Σ exp(x) along an axis (the last), without overflow; shape and type of x. */
export const softmax = (x: Tensor, axis = -1): Tensor => emitOne(Softmax, [x], { axis: normalizeAxis(axis, x.rank, "Softmax") });
/** Logarithm of the softmax along an axis (the last), exact where the softmax itself underflows; shape and type of x. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor =>
  emitOne(LogSoftmax, [x], { axis: normalizeAxis(axis, x.rank, "LogSoftmax") });
/** Per-example losses from logits [N.., K] and integer labels [N..], without a mean. */
export const softmaxCrossEntropy = (logits: Tensor, labels: Tensor): Tensor => emitOne(SoftmaxCrossEntropy, [logits, labels], {});

declare module "../graph/tensor.js" {
  interface Tensor {
    softmax(axis?: number): Tensor;
    logSoftmax(axis?: number): Tensor;
  }
}
Tensor.prototype.softmax = function (axis) {
  return softmax(this, axis);
};
Tensor.prototype.logSoftmax = function (axis) {
  return logSoftmax(this, axis);
};
