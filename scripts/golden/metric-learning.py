"""Golden values and gradients of metric learning: `python scripts/golden/metric-learning.py > test/golden/metric-learning.json`
(PyTorch, float64; each loss written example by example from its paper)."""

import json
import math

import torch
import torch.nn.functional as F

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)


def listed(t):
    return {"shape": list(t.shape), "dtype": str(t.dtype).replace("torch.", ""), "data": t.detach().flatten().tolist()}


def arcface(cosines, labels, s, m):
    rows = []
    for c, y in zip(cosines, labels):
        theta = torch.acos(c[y])
        right = torch.cos(theta + m) if theta + m < math.pi else c[y] - m * math.sin(m)
        logits = torch.stack([right if k == y else c[k] for k in range(len(c))]) * s
        rows.append(torch.logsumexp(logits, 0) - logits[y])
    return torch.stack(rows)


def cosface(cosines, labels, s, m):
    return F.cross_entropy((cosines - m * F.one_hot(labels, cosines.shape[1])) * s, labels, reduction="none")


def supcon(x, labels, tau):
    z = F.normalize(x)
    rows = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        below = torch.logsumexp(torch.stack([z[i] @ z[a] / tau for a in others]), 0)
        rows.append(-sum(z[i] @ z[p] / tau - below for p in positives) / len(positives) if positives else None)
    return rows


def triplet(x, labels, margin):
    rows = []
    for i in range(len(x)):
        near = [torch.linalg.norm(x[i] - x[p]) for p in range(len(x)) if p != i and labels[p] == labels[i]]
        far = [torch.linalg.norm(x[i] - x[n]) for n in range(len(x)) if labels[n] != labels[i]]
        if not near or not far:
            rows.append(None)
            continue
        d = torch.stack(near).max() - torch.stack(far).min()
        rows.append(F.softplus(d) if margin == "soft" else F.relu(d + margin))
    return rows


def reduced(rows, reduction):
    """Rows that are None count for nothing."""
    if reduction == "none":
        return torch.stack([r if r is not None else torch.zeros(()) for r in rows])
    kept = [r for r in rows if r is not None]
    return sum(kept) if reduction == "sum" else sum(kept) / len(kept)


cases = []


def case(loss, options, output, target, f):
    x = output.clone().requires_grad_()
    reduction = options.get("reduction", "mean")
    value = reduced(list(f(x, target)), reduction)
    weighted = value if value.dim() == 0 else (value * torch.arange(1.0, len(value) + 1)).sum()
    (dx,) = torch.autograd.grad(weighted, x)
    cases.append({"loss": loss, "options": options, "output": listed(output), "target": listed(target), "value": listed(value), "gradient": dx.flatten().tolist()})


cosines = torch.tanh(torch.randn(6, 4))
cosines[2, 1] = -0.97  # beyond π − m for label 1
labels = torch.tensor([0, 3, 1, 1, 2, 0])
for reduction in ["mean", "sum", "none"]:
    case("arcFace", {"reduction": reduction}, cosines, labels, lambda x, t: arcface(x, t, 30, 0.5))
case("arcFace", {"scale": 8, "margin": 0.3}, cosines, labels, lambda x, t: arcface(x, t, 8, 0.3))
case("cosFace", {}, cosines, labels, lambda x, t: cosface(x, t, 30, 0.35))
case("cosFace", {"scale": 10, "margin": 0.2, "reduction": "none"}, cosines, labels, lambda x, t: cosface(x, t, 10, 0.2))

vectors = torch.randn(7, 3)
alone = torch.tensor([0, 1, 1, 0, 2, 0, 1])  # class 2 has one example
for reduction in ["mean", "sum", "none"]:
    case("supervisedContrastive", {"reduction": reduction}, vectors, alone, lambda x, t: supcon(x, t, 0.1))
    case("batchHardTriplet", {"margin": 0.5, "reduction": reduction}, vectors, alone, lambda x, t: triplet(x, t, 0.5))
case("supervisedContrastive", {"temperature": 0.5}, vectors, alone, lambda x, t: supcon(x, t, 0.5))
case("batchHardTriplet", {"margin": "soft"}, vectors, alone, lambda x, t: triplet(x, t, "soft"))
case("batchHardTriplet", {}, vectors, alone, lambda x, t: triplet(x, t, 0.2))

x, w = torch.randn(4, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
y = F.linear(F.normalize(x), F.normalize(w))
dx, dw = torch.autograd.grad((y * torch.arange(1.0, 9).reshape(4, 2)).sum(), [x, w])
layer = {"x": listed(x), "weight": listed(w), "output": listed(y), "dx": listed(dx), "dw": listed(dw)}

made = f"scripts/golden/metric-learning.py, PyTorch {torch.__version__}"
print(json.dumps({"madeBy": made, "cases": cases, "cosineLinear": layer}, separators=(",", ":")))
