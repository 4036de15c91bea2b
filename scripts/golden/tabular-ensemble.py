"""Golden values for src/models/tabular-ensemble.test.ts: networks that share their hidden layers, written member by member. Run: python scripts/golden/tabular-ensemble.py

Weights are sines, as in the test. Members' scores, the answer, and gradients of each member's own loss, in float64.
"""

import json
import pathlib

import torch

torch.set_default_dtype(torch.float64)
MEMBERS, HIDDEN, FEATURES, CATEGORIES, WIDTH = 3, [5, 4], 2, 4, 3  # fast.ai's width of 4 categories
BINS = [{"feature": 1, "edges": [-1.0, -0.25, 0.5, 2.0]}]
X = torch.tensor([[0.3, -1.5], [-1.2, 0.1], [0.7, 1.25], [2.0, 3.0]])
CODES = torch.tensor([1, 0, 3, 2])


def wave(number, size, scale=0.3):
    return torch.tensor([scale * torch.sin(torch.tensor(1 + 0.37 * i + number)).item() for i in range(size)])


def case(outputs):
    inputs = FEATURES + 3 + WIDTH
    shapes = {"embeddings.0.weight": (CATEGORIES, WIDTH), "scale.weight": (MEMBERS, inputs), "layers.0.weight": (5, inputs), "layers.0.bias": (5,),
              "layers.1.weight": (4, 5), "layers.1.bias": (4,), "head.weight": (outputs, MEMBERS, 4), "head.bias": (outputs, MEMBERS)}
    p = {name: wave(j, torch.Size(shape).numel()).reshape(shape).requires_grad_() for j, (name, shape) in enumerate(shapes.items())}
    filled = []
    for spec in BINS:
        for low, high in zip(spec["edges"], spec["edges"][1:]):
            value = X[:, spec["feature"]]
            filled.append(torch.where(value < low, 0.0, torch.where(value > high, 1.0, (value - low) / (high - low))))
    x = torch.cat([X, torch.stack(filled, 1), p["embeddings.0.weight"][CODES]], 1)
    scores = []
    for k in range(MEMBERS):
        h = x * p["scale.weight"][k]
        for i in range(2):
            h = torch.nn.functional.linear(h, p[f"layers.{i}.weight"], p[f"layers.{i}.bias"]).relu()
        scores.append(h @ p["head.weight"][:, k].T + p["head.bias"][:, k])
    if outputs == 1:
        answer = sum(scores) / MEMBERS
        target = torch.tensor([0.5, -1.0, 0.25, 2.0])
        loss = sum(((z[:, 0] - target) ** 2).mean() for z in scores) / MEMBERS
    else:
        answer = (sum(z.softmax(1) for z in scores) / MEMBERS).log()
        target = torch.tensor([2, 0, 1, 1])
        loss = sum(torch.nn.functional.cross_entropy(z, target) for z in scores) / MEMBERS
    loss.backward()
    return {"outputs": outputs, "answer": answer.flatten().tolist(), "target": target.tolist(), "loss": loss.item(),
            "gradientNorms": {name: t.grad.norm().item() for name, t in p.items()}}


out = {"madeBy": f"torch {torch.__version__}", "bins": BINS, "features": X.flatten().tolist(), "codes": CODES.tolist(), "cases": [case(1), case(3)]}
(pathlib.Path(__file__).parents[2] / "test/golden/tabular-ensemble.json").write_text(json.dumps(out) + "\n")
