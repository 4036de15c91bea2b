"""GPTQ written down in torch from algorithm 1 of the paper (groups of 16, 4 bits, asymmetric), on seeded weights and inputs.

    python scripts/golden/quantization.py       # writes test/golden/quantization.json
"""
import json, torch
torch.manual_seed(0); torch.set_default_dtype(torch.float64)
N, K, ROWS, GROUP, BITS = 6, 48, 200, 16, 4
mix = torch.randn(K, K) * 0.4 + torch.eye(K)
x = (torch.randn(ROWS, K) @ mix).float().double()
w = torch.randn(N, K).float().double()

def quantize(v, scale, zero):
    return (torch.clamp(torch.round(v / scale) + zero, 0, 2**BITS - 1) - zero) * scale

def grid(block):  # [N, GROUP]
    low, high = block.min(1).values.clamp(max=0), block.max(1).values.clamp(min=0)
    scale = ((high - low) / (2**BITS - 1)).float().double()
    return scale, torch.round(-low / scale)

H = x.T @ x
H += 0.01 * H.diag().mean() * torch.eye(K)
U = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(H)), upper=True)
W, Q = w.clone(), torch.zeros_like(w)
for i in range(K):
    if i % GROUP == 0: scale, zero = grid(W[:, i:i + GROUP])
    Q[:, i] = quantize(W[:, i], scale, zero)
    error = (W[:, i] - Q[:, i]) / U[i, i]
    W[:, i + 1:] -= error[:, None] * U[i, i + 1:][None]
plain = torch.cat([quantize(w[:, i:i + GROUP], *[t[:, None] for t in grid(w[:, i:i + GROUP])]) for i in range(0, K, GROUP)], 1)
loss = lambda q: float((((w - q) @ x.T) ** 2).sum())
json.dump({"about": f"torch {torch.__version__}", "n": N, "k": K, "group": GROUP, "x": x.flatten().tolist(), "w": w.flatten().tolist(),
           "gptq": Q.flatten().tolist(), "plain": plain.flatten().tolist(), "loss": {"gptq": loss(Q), "plain": loss(plain)}}, open("test/golden/quantization.json", "w"))

# LSQ (Esser et al. 2020) by torch's autograd, with `detach` as in the paper's appendix: int8 weights by channel and uint8 activations with a zero point.
def lsq(v, s, low, high, zero=0):
    q = (v / s + ((v / s + 0.0).round() - v / s).detach() + zero).clamp(low, high)
    return (q - zero) * s

a = (torch.randn(5, 7) * 2).float().double().requires_grad_()
b = torch.randn(7, 4).float().double().requires_grad_()
sa, sb = torch.tensor(0.02, dtype=torch.float64, requires_grad=True), (torch.rand(4) * 0.004 + 0.01).float().double().requires_grad_()
dy = torch.randn(5, 4).float().double()
y = lsq(a, sa, 0, 255, 100) @ lsq(b, sb, -128, 127)
(y * dy).sum().backward()
made = json.load(open("test/golden/quantization.json"))
flat = lambda t: t.detach().flatten().tolist()
made["lsq"] = {"a": flat(a), "b": flat(b), "sa": sa.item(), "sb": flat(sb), "zero": 100, "dy": flat(dy), "y": flat(y),
               "gradients": {"a": flat(a.grad), "b": flat(b.grad), "sa": sa.grad.item(), "sb": flat(sb.grad)}}
json.dump(made, open("test/golden/quantization.json", "w"))

# AdaRound (Nagel et al. 2020, equations 21 to 25) of one linear layer with all rows in every step: 400 steps of Adam at 0.01, the pull to 0 and 1 (0.01)
# after a fifth of them, its exponent from 20 to 2 along a cosine. Inputs are rounded to uint8 by their extremes, weights to int8 by columns.
import math
torch.manual_seed(1)
K, N, ROWS = 24, 8, 64
x = (torch.randn(ROWS, K) @ (torch.randn(K, K) * 0.3 + torch.eye(K))).float().double()
w = torch.randn(K, N).float().double()
scale = ((x.max() - x.min()) / 255).float().double(); zero = torch.round(-x.min() / scale)
xq = (torch.clamp(torch.round(x / scale) + zero, 0, 255) - zero) * scale
steps = (w.abs().max(0).values / 127).float().double()
floors = torch.floor(w / steps)
v = (-torch.log(1.2 / ((w / steps - floors).clamp(0.001, 0.999) + 0.1) - 1)).requires_grad_()
h = lambda: (1.2 * torch.sigmoid(v) - 0.1).clamp(0, 1)
optimizer = torch.optim.Adam([v], lr=0.01)
for i in range(400):
    t = max(0, (i / 400 - 0.2) / 0.8)
    beta = 2 + 18 * 0.5 * (1 + math.cos(math.pi * t))
    out = xq @ ((floors + h()).clamp(-127, 127) * steps)
    loss = ((out - x @ w) ** 2).mean() * N + (0 if i < 80 else 0.01) * (1 - (2 * h() - 1).abs() ** beta).sum()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
codes = (floors + (h() >= 0.5)).clamp(-127, 127)
error = lambda q: float(((xq @ (q * steps) - x @ w) ** 2).mean())
made = json.load(open("test/golden/quantization.json"))
made["adaround"] = {"k": K, "n": N, "x": x.flatten().tolist(), "w": w.flatten().tolist(), "codes": codes.int().flatten().tolist(),
                    "error": {"adaround": error(codes.detach()), "plain": error(torch.round(w / steps))}}
json.dump(made, open("test/golden/quantization.json", "w"))
