"""Writes test/golden/explain-models.json: gradients of FastestDet, EfficientNet-Lite0 and the MNIST CNN of ../shared/models by PyTorch.

Run: python scripts/golden/explain-models.py. The files are evaluated op by op (`onnx_in_torch.py`) in float64; kept are places of the gradient spread over the
image, and sums of its sizes over tiles, so that no part of it is left unseen. The input is a pattern of whole numbers that both sides can make.
"""

import json
import pathlib
from importlib.metadata import version

import onnx_in_torch
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPACING = 97
TILES = 11


def pattern(channels, side, scale):
    """Waves of whole numbers below 256, another in each channel: (c·37 + (3 + c)·y·y + 5·x·y + 7·x) mod 256, times a scale."""
    c, y, x = torch.meshgrid(torch.arange(channels), torch.arange(side), torch.arange(side), indexing="ij")
    return (((c * 37 + (3 + c) * y * y // 64 + 5 * x * y // 32 + 7 * x) % 256).to(torch.float32) * scale)[None]


def gradient(graph, name, x, place, dtype):
    x = x.to(dtype).requires_grad_(True)
    (scores,) = onnx_in_torch.run(graph, {name: x}, dtype).values()
    score = scores.flatten()[place]
    (g,) = torch.autograd.grad(score, x)
    return float(score.detach()), g.double()


def tile_sums(g):
    """Sums of |g| over TILES × TILES parts of each channel, whose edges are at floor(i · side / TILES)."""
    side = g.shape[-1]
    edges = [i * side // TILES for i in range(TILES + 1)]
    return [
        float(g[0, c, edges[i] : edges[i + 1], edges[j] : edges[j + 1]].abs().sum())
        for c in range(g.shape[1])
        for i in range(TILES)
        for j in range(TILES)
    ]


def digits(numbers):
    return [float(f"{v:.7g}") for v in numbers]


def case(file, channels, side, scale, places):
    graph = onnx_in_torch.load(ROOT.parent / "shared" / "models" / file)
    inputs = {i.name for i in graph.input} - {t.name for t in graph.initializer}
    (name,) = inputs
    x = pattern(channels, side, scale)
    scores = []
    for place in places:
        score, g = gradient(graph, name, x, place, torch.float64)
        _, single = gradient(graph, name, x, place, torch.float32)
        off = float((single - g).abs().max() / g.abs().max())
        assert off < 2e-5, f"{file}, {place}: {off}; a unit lies at its kink, where no two engines agree: choose another input"
        scores.append(
            {
                "place": place,
                "score": float(f"{score:.7g}"),
                "greatest": float(f"{float(g.abs().max()):.7g}"),
                "gradient": digits(g.flatten()[::SPACING].tolist()),
                "tiles": digits(tile_sums(g)),
            }
        )
        print(file, place, score, float(g.abs().max()), f"float32 is off by {off:.1e}")
    return {"file": file, "input": name, "shape": [1, channels, side, side], "scale": scale, "scores": scores}


# FastestDet gives [1, 85, 22, 22]: an object is there, four numbers of its box, and 80 classes; places are channel · 484 + row · 22 + column.
box = lambda channel, row, column: channel * 22 * 22 + row * 22 + column
golden = {
    "madeBy": "scripts/golden/explain-models.py, " + ", ".join(f"{name} {version(name)}" for name in ("torch", "onnx")),
    "spacing": SPACING,
    "tiles": TILES,
    "cases": [
        case("fastestdet-coco/FastestDet.onnx", 3, 352, 1 / 256, [box(0, 11, 9), box(1, 6, 14), box(4, 17, 3), box(5, 11, 9), box(79, 4, 20)]),
        case("efficientnet-lite0/efficientnet-lite0.onnx", 3, 224, 1 / 128, [308, 985]),
        case("mnist-cnn/mnist.onnx", 1, 28, 1.0, [3, 8]),
    ],
}
path = ROOT / "test" / "golden" / "explain-models.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path.stat().st_size)
