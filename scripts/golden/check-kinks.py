"""Exported Integrated Gradients of ReLU networks against PyTorch in float64: `python scripts/golden/check-kinks.py RUN` (needs torch, onnx, safetensors).

A ReLU's gradient jumps at 0. Where a unit's value at a point of the path is within rounding of 0, each engine's own rounding says which side it is on, and that
point's gradient through that unit is there or not. So a difference between engines is no measure of a fault. Here the same sum over the same points is
taken in float64 from the run's model.onnx, which shares no code with the exported file, and each engine is held to it:

- as it is, and
- with units on the other side whose value in float64 is within EDGE of the layer's greatest: only these, each of them named. What is left must be within 1e-5.

Reads what `node dist/scripts/exported-in-wasm.js RUN integrated-gradients --out ANSWERS.safetensors` wrote, the second argument.
"""

import os
import sys

import numpy as np
import onnx_in_torch
import torch
from safetensors.numpy import load_file

STEPS, TOLERANCE, EDGE = 16, 1e-5, 1e-6
FEATURES = "descent.features"

run, answers = sys.argv[1], load_file(sys.argv[2])
graph = onnx_in_torch.load(os.path.join(run, "model.onnx"))
first = next(i for i, node in enumerate(graph.node) if FEATURES in node.output)
scaling, model = type(graph)(), type(graph)()
scaling.CopyFrom(graph)
model.CopyFrom(graph)
del scaling.node[first + 1 :], scaling.output[:], model.node[: first + 1]
scaling.output.add().name = FEATURES
points, weights = np.polynomial.legendre.leggauss(STEPS)
points, weights = [t.astype(np.float32).astype(np.float64) for t in ((points + 1) / 2, weights / 2)]  # as the file holds them


def gradient(x, target, seen=None):
    x = x.detach().requires_grad_(True)
    (scores,) = onnx_in_torch.run(model, {FEATURES: x}, torch.float64, seen).values()
    (g,) = torch.autograd.grad(scores.gather(1, target[:, None]).sum(), x)
    return g


def reference(x, target):
    """The attributions [N, …], and the units of each example that lie at the edge: (point, node, place, value / the layer's greatest)."""
    total, edges = torch.zeros_like(x), [[] for _ in x]

    for k, (alpha, weight) in enumerate(zip(points, weights)):

        def seen(node, inputs, _y):
            if node.op_type != "Relu":
                return
            value = inputs[0].detach()
            relative = value / value.abs().max()
            for place in (relative.abs() < EDGE).nonzero().tolist():
                edges[place[0]].append((k, node.output[0], tuple(place[1:]), float(relative[tuple(place)])))

        total += weight * gradient(alpha * x, target, seen)
    return total * x, edges


def without(x, target, k, name, place):
    """The change of an example's attribution where one unit is on the other side of 0 at one point."""

    def flipped(node, inputs, _y):
        if node.output[0] != name:
            return None
        side = (inputs[0] > 0).to(inputs[0].dtype)
        side[(0, *place)] = 1 - side[(0, *place)]
        return inputs[0] * side

    point = float(points[k]) * x
    return float(weights[k]) * (gradient(point, target, flipped) - gradient(point, target)) * x


def explained(rest, x, target, edges):
    """The units whose other side brings an engine's answer nearest to the reference, and what is left then."""
    units = []
    for unit in sorted(edges, key=lambda edge: abs(edge[3])):
        if rest.abs().max() <= bound:
            break
        change = without(x, target, *unit[:3])
        if (rest - change).norm() < 0.9 * rest.norm():
            rest, units = rest - change, [*units, unit]
    return rest, units


failed = False
for n in (1, 7):
    image = torch.from_numpy(answers[f"{n}.in.image"])
    (x,) = onnx_in_torch.run(scaling, {"image": image}).values()  # in float32, as every engine has the features
    x = x.double()
    with torch.no_grad():
        (scores,) = onnx_in_torch.run(model, {FEATURES: x}, torch.float64).values()
    given = torch.from_numpy(answers[f"{n}.in.target"]).long()
    target = torch.where(given < 0, scores.argmax(1), given)
    expected, edges = reference(x, target)
    greatest = float(expected.abs().max())
    bound = TOLERANCE * greatest
    print(f"batch of {n}: {sum(map(len, edges))} units within {EDGE} of their kink, at {STEPS} points")
    for engine in ("library", "node", "wasm"):
        difference = torch.from_numpy(answers[f"{n}.{engine}"]).double() - expected
        left, said = 0.0, []
        for i, rest in enumerate(difference):
            one = slice(i, i + 1)
            rest, units = explained(rest[None], x[one], target[one], edges[i])
            left = max(left, float(rest.abs().max()) / greatest)
            said += [f"row {i}, point {k}, {name}{list(place)} at {value:.0e}" for k, name, place, value in units]
        failed |= not left <= TOLERANCE
        flips = f"; on the other side: {'; '.join(said)}" if said else ""
        print(f"  {engine}: {float(difference.abs().max()) / greatest:.1e}, with these units as it has them {left:.1e}{flips}")
sys.exit(1 if failed else 0)
