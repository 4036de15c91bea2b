"""Writes test/golden/explain-references.json: relevance through attention by lxt, and measures of explanations by Quantus.

Run: python scripts/golden/explain-references.py (pip install --no-deps lxt; quantus).

lxt is compared on a block in the manner of Llama: root mean squares, softmax, products of two operands, gated units, residual sums. Its rule for nn.LayerNorm
is another one (the gradient with the deviation held fixed) than the identity that Descent has for it, so none stands here. Of Quantus those measures are
here that draw nothing at random and that Descent has: the curve of pixel flipping, the mass within a mask, the pointing game.
"""

import json
import pathlib
from importlib.metadata import version

import lxt.explicit.functional as lf
import numpy as np
import quantus
import torch
from torch import nn

torch.manual_seed(0)
rng = np.random.default_rng(0)
T, D, H, F, K = 5, 8, 2, 12, 3


def numbers(t):
    return {"shape": list(t.shape), "data": [float(f"{v:.7g}") for v in torch.as_tensor(t).detach().flatten().tolist()]}


def weight(*shape):
    return torch.from_numpy(np.round(rng.normal(size=shape) / shape[-1] ** 0.5, 3)).float()


# --- lxt -------------------------------------------------------------------------------------------------------------

w = {name: weight(D, D) for name in ("query", "key", "value", "output")}
w |= {"gate": weight(F, D), "up": weight(F, D), "down": weight(D, F), "head": weight(K, D)}
w |= {"norm1": 1 + 0.2 * weight(D), "norm2": 1 + 0.2 * weight(D)}
EPSILON, RULE = 1e-5, 1e-6


class Identity(torch.autograd.Function):
    """Relevance of a function of one element passes on."""

    @staticmethod
    def forward(ctx, x):
        return torch.nn.functional.silu(x)

    @staticmethod
    def backward(ctx, relevance):
        return relevance


def linear(x, name):
    return lf.linear_epsilon(x, w[name], None, RULE)


def heads(x):
    return x.reshape(*x.shape[:2], H, D // H).transpose(1, 2)


def block(x):
    h = lf.rms_norm_identity(x, w["norm1"], EPSILON)
    q, k, v = (heads(linear(h, name)) for name in ("query", "key", "value"))
    scores = lf.mul2(lf.matmul(q, k.transpose(2, 3), False, RULE), torch.tensor((D // H) ** -0.5))
    mixed = lf.matmul(lf.softmax(scores, -1), v, False, RULE).transpose(1, 2).reshape(x.shape)
    x = lf.add2(x, linear(mixed, "output"), False, RULE)
    h = lf.rms_norm_identity(x, w["norm2"], EPSILON)
    x = lf.add2(x, linear(lf.mul2(Identity.apply(linear(h, "gate")), linear(h, "up")), "down"), False, RULE)
    return linear(lf.mean(x, 1, False, RULE), "head")


x = torch.from_numpy(np.round(rng.normal(size=(2, T, D)), 3)).float().requires_grad_()
target = torch.tensor([1, 2])
scores = block(x)
chosen = scores.gather(1, target[:, None])
chosen.backward(chosen.detach())

golden = {
    "madeBy": "scripts/golden/explain-references.py, " + ", ".join(f"{name} {version(name)}" for name in ("lxt", "quantus", "torch")),
    "lxt": {
        "weights": {name: numbers(t) for name, t in w.items()},
        "epsilon": EPSILON,
        "heads": H,
        "x": numbers(x),
        "target": target.tolist(),
        "scores": numbers(scores),
        "relevance": numbers(x.grad),
    },
}

# --- Quantus ---------------------------------------------------------------------------------------------------------

S = 6


class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(S * S, 7), nn.Linear(7, K)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x.flatten(1))))


model = Pixels().eval()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.round(p * 1e3) / 1e3)
images = np.round(rng.normal(size=(2, 1, S, S)), 3).astype(np.float32)
labels = np.array([2, 0])
t = torch.from_numpy(images).requires_grad_()
model(t).gather(1, torch.from_numpy(labels)[:, None]).sum().backward()
attributions = (t.grad * t).detach().numpy()
mask = np.zeros((2, 1, S, S), dtype=int)
mask[0, 0, 1:4, 2:5] = 1
mask[0, 0][attributions[0, 0] == attributions[0].max()] = 0  # the game is lost here
top = int(attributions[1].argmax())
mask[1, 0, top // S : top // S + 2, top % S : top % S + 2] = 1
shared = dict(abs=False, normalise=False, disable_warnings=True)
call = dict(model=model, x_batch=images, y_batch=labels, a_batch=attributions, device="cpu")
flipping = quantus.PixelFlipping(features_in_step=4, perturb_baseline=0.0, return_auc_per_sample=False, **shared)
positive = np.maximum(attributions, 0)
golden["quantus"] = {
    "weights": {path: numbers(p) for path, p in model.state_dict().items()},
    "images": numbers(torch.from_numpy(images)),
    "target": labels.tolist(),
    "attributions": numbers(torch.from_numpy(attributions)),
    "mask": mask.reshape(2, -1).tolist(),
    "flipping": [[float(v) for v in curve] for curve in flipping(**call, softmax=False)],
    "mass": [float(v) for v in quantus.RelevanceMassAccuracy(**shared)(**{**call, "a_batch": positive}, s_batch=mask)],
    "pointing": [bool(v) for v in quantus.PointingGame(**shared)(**call, s_batch=mask)],
}
path = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden" / "explain-references.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path.stat().st_size, scores, golden["quantus"]["flipping"], golden["quantus"]["mass"], golden["quantus"]["pointing"])
