/**
 * @module Activations, element by element, each with its gradient.
 */
import { isFloat, type Tensor } from "../graph/index.js";
import { where } from "./choice.js";
import { binary, build1, build2, unary } from "./elementwise-op.js";
import { asTensor, emitOne } from "./op.js";

/** σ′ = σ(1 − σ). */
export const Sigmoid = unary("Sigmoid", { dx: ({ y, dy }) => dy.mul(y.sub(y.square())), flops: 10 });
/** tanh′ = 1 − tanh². */
export const Tanh = unary("Tanh", { dx: ({ y, dy }) => dy.sub(dy.mul(y.square())), flops: 10 });

/** dy where y > 0, else 0: relu's gradient as one op, since the fastest nodes for it differ per device. */
export const ReluGradient = binary("ReluGradient", {
  domain: "descent",
  takes: isFloat,
  gradient: ({ inputs: [, y], dy }) => [reluGradient(dy, y), null],
  lower: ({ inputs: [dy, y], target }) => {
    if (target === "webgpu") return [where(y.greater(0), dy, asTensor(0, dy.dtype))];
    // min(1, max(0, y·3·10³⁸)), which is 0 or 1 for all but denormal numbers, in one pass in place of two: 0.86 ms with the product
    // at [128, 16, 32, 32] on 2 cores, Cast(y > 0) 1.09, Where(y > 0, dy, 0) 1.57, Sign(y) 1.9.
    if (target === "cpu" && dy.dtype === "float32") return [dy.mul(emitOne(HardSigmoid, [y], { alpha: 3e38, beta: 0 }))];
    return [dy.mul(y.greater(0).cast(dy.dtype))];
  },
});

/** max(x, 0); the derivative at 0 is 0, as in PyTorch. */
export const Relu = unary("Relu", { dx: ({ y, dy }) => reluGradient(dy, y) });

/** y = x where x > 0, alpha·x elsewhere. */
export const LeakyRelu = unary<{ alpha: number }>("LeakyRelu", {
  attributes: { alpha: "float" },
  dx: ({ x, dy, attributes: { alpha } }) => where(x.greater(0), dy, dy.mul(alpha)),
});

/** x for x > 0, else α(eˣ − 1). Clevert et al. 2015, arXiv:1511.07289. */
export const Elu = unary<{ alpha: number }>("Elu", {
  attributes: { alpha: "float" },
  dx: ({ x, dy, attributes: { alpha } }) => where(x.greater(0), dy, dy.mul(x.min(0).exp().mul(alpha))),
  flops: 9,
});

/** γ·x for x > 0, else γα(eˣ − 1). Klambauer et al. 2017, arXiv:1706.02515. */
export const Selu = unary<{ alpha: number; gamma: number }>("Selu", {
  attributes: { alpha: "float", gamma: "float" },
  dx: ({ x, dy, attributes: { alpha, gamma } }) =>
    where(
      x.greater(0),
      dy.mul(gamma),
      dy.mul(
        x
          .min(0)
          .exp()
          .mul(alpha * gamma),
      ),
    ),
  flops: 9,
  lower: ({ inputs: [x], attributes: { alpha, gamma }, target }) =>
    target === "webgpu" ? [elu(x, alpha).mul(gamma)] : undefined,
});

/** Φ(x): the share of a standard normal distribution below x. */
const normalShare = (x: Tensor): Tensor => x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);

/** The approximation that stands in for erf in gelu: tanh(√(2/π)·(x + 0.044715·x³)). */
const geluTanh = (x: Tensor): Tensor =>
  x
    .add(x.square().mul(x).mul(0.044715))
    .mul(Math.sqrt(2 / Math.PI))
    .tanh();

/** Gelu in nodes that its gradient has as well, where both are wanted. Shape and type of x. */
export const geluNodes = (x: Tensor, approximate: "none" | "tanh"): Tensor =>
  approximate === "none" ? x.mul(normalShare(x)) : x.mul(0.5).mul(geluTanh(x).add(1));

/** x·Φ(x), by erf or by its tanh approximation. Hendrycks and Gimpel 2016, arXiv:1606.08415. */
export const Gelu = unary<{ approximate: "none" | "tanh" }>("Gelu", {
  attributes: { approximate: "string" },
  dx: ({ x, dy, attributes: { approximate } }) => {
    if (approximate === "none") {
      // Φ(x) + x·φ(x)
      const cdf = normalShare(x);
      const pdf = x
        .square()
        .mul(-0.5)
        .exp()
        .mul(1 / Math.sqrt(2 * Math.PI));
      return dy.mul(cdf.add(x.mul(pdf)));
    }
    const t = geluTanh(x);
    const inner = x
      .square()
      .mul(3 * 0.044715)
      .add(1)
      .mul(Math.sqrt(2 / Math.PI));
    // ½(1 + t) + ½x(1 − t²)·inner
    return dy.mul(
      t
        .add(1)
        .add(x.mul(t.square().neg().add(1)).mul(inner))
        .mul(0.5),
    );
  },
  flops: 20,
  lower: ({ inputs: [x], attributes: { approximate }, target }) => {
    return target !== "webgpu" || approximate === "none" ? undefined : [geluNodes(x, approximate)];
  },
});

/** x·σ(x), also named swish. Elfwing et al. 2017, arXiv:1702.03118. */
export const Silu = unary("Silu", {
  domain: "descent",
  dx: ({ x, y, dy }) => {
    const s = x.sigmoid();
    return dy.mul(s.add(y.mul(s.neg().add(1)))); // σ + xσ(1 − σ)
  },
  flops: 11,
  lower: ({ inputs: [x] }) => [x.mul(x.sigmoid())],
});

/** ln(1 + eˣ). */
export const Softplus = unary("Softplus", {
  dx: ({ x, dy }) => dy.mul(x.sigmoid()),
  flops: 16,
  lower: ({ inputs: [x], target }) => {
    if (target !== "webgpu") return undefined;
    // max(x, 0) + ln(1 + e^−|x|) overflows nowhere.
    return [x.relu().add(x.abs().neg().exp().add(1).log())];
  },
});

/** x·tanh(softplus(x)). Misra 2019, arXiv:1908.08681. */
export const Mish = unary("Mish", {
  dx: ({ x, dy }) => {
    const t = x.softplus().tanh();
    return dy.mul(t.add(x.mul(x.sigmoid()).mul(t.square().neg().add(1))));
  },
  flops: 30,
  lower: ({ inputs: [x], target }) => (target === "webgpu" ? [x.mul(x.softplus().tanh())] : undefined),
});

/** clip(αx + β, 0, 1). */
export const HardSigmoid = unary<{ alpha: number; beta: number }>("HardSigmoid", {
  attributes: { alpha: "float", beta: "float" },
  dx: ({ y, dy, attributes: { alpha } }) => dy.mul(y.greater(0).and(y.less(1)).cast(y.dtype).mul(alpha)),
  flops: 3,
});

/** x·clip(x/6 + ½, 0, 1). Howard et al. 2019, arXiv:1905.02244. */
export const HardSwish = unary("HardSwish", {
  dx: ({ x, dy }) => {
    const inside = x.greater(-3).and(x.less(3));
    return dy.mul(where(inside, x.mul(1 / 3).add(0.5), x.greaterOrEqual(3).cast(x.dtype)));
  },
  flops: 4,
  lower: ({ inputs: [x], target }) =>
    target === "webgpu"
      ? [
          x.mul(
            x
              .mul(1 / 6)
              .add(0.5)
              .clip(0, 1),
          ),
        ]
      : undefined,
});

/** x for x > 0, else slope·x, with a learned slope. He et al. 2015, arXiv:1502.01852. */
export const PRelu = binary("PRelu", {
  takes: isFloat,
  gradient: ({ inputs: [x, slope], dy, needs }) => {
    const positive = x.greater(0);
    return [
      needs[0] ? where(positive, dy, dy.mul(slope)) : null,
      needs[1] ? where(positive, asTensor(0, x.dtype), dy.mul(x)) : null,
    ];
  },
  lower: ({ inputs: [x, slope], target }) => (target === "webgpu" ? [where(x.greater(0), x, x.mul(slope))] : undefined),
});

/** Activations, element by element: relu max(0, x), the logistic sigmoid, tanh, silu x·sigmoid(x). Shape and type of x (float32, float64, float16). */
export const [relu, sigmoid, tanh, silu] = [build1(Relu), build1(Sigmoid), build1(Tanh), build1(Silu)];
/** Activations, element by element: softplus log(1 + eˣ), mish x·tanh(softplus(x)), hardSwish x·clip(x/6 + ½, 0, 1). Shape and type of x. */
export const [softplus, mish, hardSwish] = [build1(Softplus), build1(Mish), build1(HardSwish)];
/**
 * PReLU: x where x > 0, slope·x elsewhere, with a slope that broadcasts to x; and relu's gradient: dy where relu gave y > 0, 0 elsewhere. Shapes as
 * `mul` gives them.
 */
export const [prelu, reluGradient] = [build2(PRelu), build2(ReluGradient)];
/** x where x > 0, alpha·x elsewhere (alpha 0.01); shape and type of x. */
export const leakyRelu = (x: Tensor, alpha = 0.01): Tensor => emitOne(LeakyRelu, [x], { alpha });
/** x where x > 0, alpha·(eˣ − 1) elsewhere (alpha 1); shape and type of x. Clevert et al. 2015, arXiv:1511.07289. */
export const elu = (x: Tensor, alpha = 1): Tensor => emitOne(Elu, [x], { alpha });
/** Scaled ELU with the constants of Klambauer et al. 2017, arXiv:1706.02515; shape and type of x. */
export const selu = (x: Tensor): Tensor => emitOne(Selu, [x], { alpha: 1.6732632423543772, gamma: 1.0507009873554805 });
/** x·Φ(x) with the normal distribution's Φ, or its approximation by tanh; shape and type of x. Hendrycks and Gimpel 2016, arXiv:1606.08415. */
export const gelu = (x: Tensor, approximate: "none" | "tanh" = "none"): Tensor => emitOne(Gelu, [x], { approximate });
/** PyTorch's hard sigmoid: clip(x/6 + ½, 0, 1). Shape and type of x. */
export const hardSigmoid = (x: Tensor): Tensor => emitOne(HardSigmoid, [x], { alpha: 1 / 6, beta: 0.5 });

/** The table's activations. */
export const activations = [
  Sigmoid,
  Tanh,
  Relu,
  ReluGradient,
  LeakyRelu,
  Elu,
  Selu,
  Gelu,
  Silu,
  Softplus,
  Mish,
  HardSigmoid,
  HardSwish,
  PRelu,
] as const;
