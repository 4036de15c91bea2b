"""Golden values and gradients of losses: `python scripts/golden/losses.py > test/golden/losses.json` (PyTorch, float64)."""

import json

import torch
import torch.nn.functional as F

generator = torch.Generator().manual_seed(7)


def normal(*shape, scale=2.0):
    return (torch.randn(*shape, generator=generator, dtype=torch.float64) * scale).round(decimals=3)


cases = []


def listed(t):
    return {"shape": list(t.shape), "dtype": str(t.dtype).replace("torch.", ""), "data": t.flatten().tolist()}


def case(loss, options, output, target, f, like=None):
    x = output.clone().requires_grad_()
    value = f(x, target)
    # Values without a reduction are weighted by their place, so that the gradient sees each.
    weighted = value if value.dim() == 0 else (value.flatten() * torch.arange(1, value.numel() + 1, dtype=value.dtype)).sum()
    (dx,) = torch.autograd.grad(weighted, x)
    row = {"loss": loss, "options": options, "output": listed(output), "target": listed(target)}
    if like is not None:
        row["like"] = listed(like)
    row |= {"value": listed(value.detach()), "gradient": dx.flatten().tolist()}
    cases.append(row)


logits = normal(5, 4)
labels = torch.tensor([0, 3, 1, 1, 2])
some = torch.tensor([0, -100, 1, -100, 2])
weights = [0.5, 2.0, 1.0, 0.25]
w = torch.tensor(weights, dtype=torch.float64)
soft = torch.softmax(normal(5, 4), -1).round(decimals=4)
for reduction in ["mean", "sum", "none"]:
    ours = {"reduction": reduction}
    case("crossEntropy", ours, logits, labels, lambda x, t: F.cross_entropy(x, t, reduction=reduction))
    case(
        "crossEntropy", {"classWeights": weights, **ours}, logits, labels,
        lambda x, t: F.cross_entropy(x, t, weight=w, reduction=reduction),
    )
    case(
        "crossEntropy", {"classWeights": weights, "labelSmoothing": 0.2, "ignoreIndex": -100, **ours}, logits, some,
        lambda x, t: F.cross_entropy(x, t, weight=w, label_smoothing=0.2, ignore_index=-100, reduction=reduction),
    )
    case(
        "crossEntropy", {"classWeights": weights, "labelSmoothing": 0.2, **ours}, logits, soft,
        lambda x, t: F.cross_entropy(x, t, weight=w, label_smoothing=0.2, reduction=reduction),
    )
case("crossEntropy", {"ignoreIndex": 1}, logits, labels, lambda x, t: F.cross_entropy(x, t, ignore_index=1))
case("crossEntropy", {"labelSmoothing": 0.1}, logits, labels, lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1))
case("crossEntropy", {}, logits * 500, labels, lambda x, t: F.cross_entropy(x, t))
case(
    "crossEntropy", {}, normal(2, 3, 4), torch.tensor([[0, 3, 1], [2, 2, 0]]),
    lambda x, t: F.cross_entropy(x.transpose(1, 2), t),
)

binary = normal(4, 3, scale=5.0)
truth = (normal(4, 3) > 0).to(torch.float64)
part = torch.sigmoid(normal(4, 3)).round(decimals=3)
BCE = F.binary_cross_entropy_with_logits
case("binaryCrossEntropyWithLogits", {}, binary, truth, lambda x, t: BCE(x, t))
case("binaryCrossEntropyWithLogits", {"reduction": "none"}, binary * 100, truth, lambda x, t: BCE(x, t, reduction="none"))
pw = torch.tensor([0.5, 3.0, 1.0], dtype=torch.float64)
case(
    "binaryCrossEntropyWithLogits", {"positiveWeight": [0.5, 3.0, 1.0]}, binary, part,
    lambda x, t: BCE(x, t, pos_weight=pw),
)


def sigmoid_focal(x, t, alpha, gamma):
    """torchvision's sigmoid_focal_loss, which is not in PyTorch itself."""
    p = torch.sigmoid(x)
    miss = 1 - (p * t + (1 - p) * (1 - t))
    losses = BCE(x, t, reduction="none") * miss**gamma
    return (losses * (alpha * t + (1 - alpha) * (1 - t)) if alpha is not None else losses).mean()


case("focal", {"alpha": 0.25}, binary, truth, lambda x, t: sigmoid_focal(x, t, 0.25, 2))
case("focal", {"gamma": 1.5}, normal(4, 3), part, lambda x, t: sigmoid_focal(x, t, None, 1.5))
case("focal", {"gamma": 0}, binary, truth, lambda x, t: BCE(x, t))
case(
    "focal", {"gamma": 2}, logits, labels,
    lambda x, t: ((1 - torch.softmax(x, -1).gather(1, t[:, None])[:, 0]) ** 2 * F.cross_entropy(x, t, reduction="none")).mean(),
)

a, b = normal(4, 3), normal(4, 3)
b[0, 0] = a[0, 0]
for name, options, f in [
    ("meanSquaredError", {}, lambda x, t: F.mse_loss(x, t)),
    ("meanSquaredError", {"reduction": "none"}, lambda x, t: F.mse_loss(x, t, reduction="none")),
    ("l1", {"reduction": "sum"}, lambda x, t: F.l1_loss(x, t, reduction="sum")),
    ("huber", {}, lambda x, t: F.huber_loss(x, t)),
    ("huber", {"delta": 2.5}, lambda x, t: F.huber_loss(x, t, delta=2.5)),
    ("smoothL1", {}, lambda x, t: F.smooth_l1_loss(x, t)),
    ("smoothL1", {"beta": 0.3, "reduction": "none"}, lambda x, t: F.smooth_l1_loss(x, t, beta=0.3, reduction="none")),
]:
    case(name, options, a, b, f)

log_p = torch.log_softmax(normal(4, 3), -1)
q = torch.softmax(normal(4, 3), -1)
q[1] = torch.tensor([0.0, 1.0, 0.0])
case("klDivergence", {}, log_p, q, lambda x, t: F.kl_div(x, t, reduction="batchmean"))
case(
    "klDivergence", {"logTarget": True}, log_p, torch.log_softmax(normal(4, 3), -1),
    lambda x, t: F.kl_div(x, t, reduction="batchmean", log_target=True),
)
case("cosineDistance", {}, a, b, lambda x, t: (1 - F.cosine_similarity(x, t, dim=-1)).mean())
like = torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64)
case(
    "cosineEmbedding", {"margin": -0.5, "reduction": "none"}, a, b,
    lambda x, t: F.cosine_embedding_loss(x, t, like, margin=-0.5, reduction="none"), like=like,
)

print(json.dumps({"madeBy": f"scripts/golden/losses.py, PyTorch {torch.__version__}", "cases": cases}, separators=(",", ":")))
