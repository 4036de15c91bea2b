/**
 * @module The network of `quickstart.ts` with plain arrays: forward pass, backward pass, and a step of gradient descent, formula by
 * formula. It uses nothing of Descent; a test shows that Descent gives the same numbers.
 *
 * 用普通数组写出 `quickstart.ts` 里的网络：前向传播、反向传播、一步梯度下降，逐个公式对照。
 * 这里不用 Descent 的任何功能；测试证明两者的数值一致。
 *
 *     npm run build && node dist/examples/by-hand.js
 */
import { pathToFileURL } from "node:url";
import { tenFeatures } from "./ten-features.js";

export type Vector = number[];
export type Matrix = number[][];

/** W₁ [H, D], b₁ [H], W₂ [K, H], b₂ [K]: D inputs, H hidden units, K classes. 输入 D 维，隐藏层 H 个单元，K 个类别。 */
export interface Network {
  W1: Matrix;
  b1: Vector;
  W2: Matrix;
  b2: Vector;
}

const zeros = (n: number): Vector => new Array<number>(n).fill(0);

// ── Forward pass 前向传播 ──────────────────────────────────────────────────────────────────────────────────────────────

/** z = W x + b: each output is a weighted sum of the inputs. 线性层：每个输出是输入的加权和。 */
export const linear = (W: Matrix, b: Vector, x: Vector): Vector =>
  W.map((row, i) => row.reduce((sum, w, j) => sum + w * x[j]!, b[i]!));

/** h = max(0, z). 激活函数 ReLU。 */
export const relu = (z: Vector): Vector => z.map((v) => Math.max(0, v));

/** pₖ = exp(zₖ) / Σⱼ exp(zⱼ); the largest is subtracted first, so that exp does not overflow. 先减去最大值，防止溢出。 */
export function softmax(z: Vector): Vector {
  const largest = Math.max(...z);
  const exponentials = z.map((v) => Math.exp(v - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((e) => e / sum);
}

/** L = −log p_y: small where the right class is likely. 交叉熵：正确类别的概率越大，损失越小。 */
export const crossEntropy = (p: Vector, y: number): number => -Math.log(p[y]!);

/** Everything that one example leaves behind on the way forward. 一个样本在前向传播中留下的全部中间值。 */
export function forward(net: Network, x: Vector): { z1: Vector; h: Vector; z2: Vector; p: Vector } {
  const z1 = linear(net.W1, net.b1, x); // z₁ = W₁ x + b₁      [H]
  const h = relu(z1); //                   h  = max(0, z₁)      [H]
  const z2 = linear(net.W2, net.b2, h); // z₂ = W₂ h + b₂      [K]
  const p = softmax(z2); //                p  = softmax(z₂)     [K]
  return { z1, h, z2, p };
}

// ── Backward pass 反向传播 ─────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The mean loss over N examples, and its gradient with respect to every parameter, by the chain rule from the end to the start.
 *
 * N 个样本的平均损失，以及它对每个参数的梯度：按链式法则，从输出往输入逐层推回去。
 */
export function backward(net: Network, X: Matrix, y: Vector): { loss: number; gradient: Network } {
  const { W1, b1, W2, b2 } = net;
  const gradient: Network = {
    W1: W1.map((row) => zeros(row.length)),
    b1: zeros(b1.length),
    W2: W2.map((row) => zeros(row.length)),
    b2: zeros(b2.length),
  };
  let loss = 0;
  const N = X.length;
  for (let n = 0; n < N; n++) {
    const x = X[n]!;
    const { z1, h, p } = forward(net, x);
    loss += crossEntropy(p, y[n]!) / N;

    // ∂L/∂z₂ = p − onehot(y): softmax and cross-entropy together. softmax 与交叉熵合起来，梯度格外简单。
    const dz2 = p.map((pk, k) => (pk - (k === y[n] ? 1 : 0)) / N);

    // ∂L/∂W₂ = ∂L/∂z₂ · hᵀ,  ∂L/∂b₂ = ∂L/∂z₂
    dz2.forEach((d, k) => {
      h.forEach((hi, i) => (gradient.W2[k]![i]! += d * hi));
      gradient.b2[k]! += d;
    });

    // ∂L/∂h = W₂ᵀ · ∂L/∂z₂: back through the weights. 沿着同样的权重传回去。
    const dh = h.map((_, i) => dz2.reduce((sum, d, k) => sum + W2[k]![i]! * d, 0));

    // ∂L/∂z₁ = ∂L/∂h where z₁ > 0, else 0: relu lets through what it let through forward. ReLU 正向放行的地方，反向才放行。
    const dz1 = dh.map((d, i) => (z1[i]! > 0 ? d : 0));

    // ∂L/∂W₁ = ∂L/∂z₁ · xᵀ,  ∂L/∂b₁ = ∂L/∂z₁
    dz1.forEach((d, i) => {
      x.forEach((xj, j) => (gradient.W1[i]![j]! += d * xj));
      gradient.b1[i]! += d;
    });
  }
  return { loss, gradient };
}

// ── Gradient descent 梯度下降 ──────────────────────────────────────────────────────────────────────────────────────────

/** W ← W − η ∂L/∂W: a small step downhill, η is the learning rate. 沿下坡方向迈一小步，η 是学习率。 */
export function descend(net: Network, gradient: Network, eta: number): Network {
  const vector = (v: Vector, dv: Vector): Vector => v.map((w, i) => w - eta * dv[i]!);
  const matrix = (W: Matrix, dW: Matrix): Matrix => W.map((row, i) => vector(row, dW[i]!));
  return {
    W1: matrix(net.W1, gradient.W1),
    b1: vector(net.b1, gradient.b1),
    W2: matrix(net.W2, gradient.W2),
    b2: vector(net.b2, gradient.b2),
  };
}

/**
 * Weights to start from: a fixed pattern of small numbers, since equal ones would stay equal.
 * 初始权重：固定的一组小数；若全都相等，训练后也会一直相等。
 */
export function initialNetwork(D: number, H: number, K: number): Network {
  const pattern = (rows: number, columns: number, phase: number): Matrix =>
    Array.from({ length: rows }, (_, i) =>
      Array.from({ length: columns }, (_, j) => Math.sin(12.9898 * (i * columns + j + 1) + phase) / Math.sqrt(columns)),
    );
  return { W1: pattern(H, D, 0), b1: zeros(H), W2: pattern(K, H, 1), b2: zeros(K) };
}

/** The place of the largest: the prediction. 最大值的位置，就是预测的类别。 */
export const argmax = (p: Vector): number => p.indexOf(Math.max(...p));

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { train, test } = await tenFeatures();
  let net = initialNetwork(10, 10, 10);
  for (let step = 1; step <= 1000; step++) {
    const { loss, gradient } = backward(net, train.x, train.label);
    if (step === 1 || step % 100 === 0) console.log(`step ${step}: loss ${loss.toFixed(4)}`);
    net = descend(net, gradient, 0.3);
  }
  const right = test.x.filter((x, n) => argmax(forward(net, x).p) === test.label[n]).length;
  console.log(`${right} of ${test.x.length} unseen digits right (${((100 * right) / test.x.length).toFixed(1)} %)`);
}
