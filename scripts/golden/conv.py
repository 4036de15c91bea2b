"""Golden values of convolution, pooling and normalization: values, gradients and gradients of gradients by PyTorch.

    python scripts/golden/conv.py > test/golden/conv.json

Every case has inputs (multiples of 1/8, so that they are short and exact), the output y, the gradients of sum(y * dy) for a
given dy, and the gradients of sum over inputs of sum(gradient * u) for given u, which need the second derivatives.
"""

import json
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(7)


def draw(*shape):
    return torch.randint(-12, 13, shape, generator=generator).double() / 8


def distinct(*shape):
    """Without ties, for maxima: small differences would make second derivatives meaningless."""
    n = torch.Size(shape).numel()
    return ((torch.randperm(n, generator=generator) - n // 2).double() / 8).reshape(shape)


def rounded(t):
    return {"shape": list(t.shape), "data": [float(f"{v:.9g}") for v in t.flatten().tolist()]}


cases = []


def case(name, inputs, function, frozen=(), order=2):
    leaves = {k: v.clone().requires_grad_(k not in frozen) for k, v in inputs.items()}
    y = function(**leaves)
    dy = draw(*y.shape)
    wanted = [k for k in leaves if k not in frozen]
    gradients = torch.autograd.grad((y * dy).sum(), [leaves[k] for k in wanted], create_graph=order > 1)
    entry = {
        "name": name,
        "inputs": {k: rounded(v) for k, v in inputs.items()},
        "y": rounded(y.detach()),
        "dy": rounded(dy),
        "gradients": {k: rounded(g.detach()) for k, g in zip(wanted, gradients)},
    }
    if order > 1:
        us = [draw(*g.shape) for g in gradients]
        total = sum((g * u).sum() for g, u in zip(gradients, us) if g.requires_grad)
        second = torch.autograd.grad(total, [leaves[k] for k in wanted], allow_unused=True)
        entry["u"] = {k: rounded(u) for k, u in zip(wanted, us)}
        entry["second"] = {
            k: rounded(torch.zeros_like(leaves[k]) if g is None else g) for k, g in zip(wanted, second)
        }
    cases.append(entry)


def conv(name, n, c, m, length, k, **o):
    axes = len(length)
    f = [F.conv1d, F.conv2d, F.conv3d][axes - 1]
    inputs = {"x": draw(n, c, *length), "w": draw(m, c // o.get("groups", 1), *k), "b": draw(m)}
    case(name, inputs, lambda x, w, b: f(x, w, b, **o))


conv("conv 2-D", 2, 2, 3, (5, 4), (3, 2), padding=1)
conv("conv 2-D strided, remainder", 2, 2, 2, (6, 5), (3, 3), stride=2, padding=(1, 0))
conv("conv 2-D stride beyond kernel", 1, 2, 2, (7, 6), (1, 2), stride=3)
conv("conv 2-D dilated", 1, 2, 2, (7, 6), (3, 2), dilation=2, padding=2)
conv("conv 2-D strided and dilated", 1, 1, 2, (8, 7), (2, 3), dilation=2, stride=2, padding=1)
conv("conv 2-D groups", 2, 4, 6, (4, 4), (3, 3), groups=2, padding=1, stride=2)
conv("conv 2-D depthwise", 2, 3, 3, (5, 4), (3, 3), groups=3, padding=1)
conv("conv 2-D depthwise strided", 2, 3, 3, (6, 5), (3, 3), groups=3, padding=1, stride=2)
conv("conv 2-D depthwise, two for each", 1, 2, 4, (4, 4), (3, 3), groups=2)
conv("conv 2-D pointwise", 2, 3, 2, (3, 4), (1, 1))
conv("conv 2-D pointwise strided", 2, 3, 2, (5, 4), (1, 1), stride=2)
conv("conv 2-D padding beyond kernel", 1, 1, 1, (3, 3), (2, 2), padding=2)
conv("conv 1-D", 2, 2, 3, (7,), (3,), padding=1)
conv("conv 1-D strided dilated", 2, 2, 2, (9,), (3,), stride=2, dilation=2, padding=2)
conv("conv 3-D", 1, 2, 2, (3, 4, 3), (2, 2, 2), padding=1)


def transposed(name, n, c, m, length, k, **o):
    f = [F.conv_transpose1d, F.conv_transpose2d][len(length) - 1]
    inputs = {"x": draw(n, c, *length), "w": draw(c, m // o.get("groups", 1), *k), "b": draw(m)}
    case(name, inputs, lambda x, w, b: f(x, w, b, **o))


transposed("convTranspose 2-D", 2, 2, 3, (3, 4), (3, 2))
transposed("convTranspose 2-D strided", 1, 2, 2, (3, 3), (3, 3), stride=2, padding=1, output_padding=1)
transposed("convTranspose 2-D groups", 1, 4, 2, (3, 3), (2, 2), stride=2, groups=2)
transposed("convTranspose 2-D dilated", 1, 1, 2, (3, 3), (2, 2), dilation=2, padding=1)
transposed("convTranspose 1-D", 2, 2, 2, (4,), (4,), stride=3, padding=1, output_padding=2)

case("maxPool 2-D", {"x": distinct(2, 2, 4, 6)}, lambda x: F.max_pool2d(x, 2))
case("maxPool 2-D overlapping", {"x": distinct(2, 2, 5, 5)}, lambda x: F.max_pool2d(x, 3, 2, 1))
case("maxPool 2-D dilated", {"x": distinct(1, 2, 6, 5)}, lambda x: F.max_pool2d(x, 2, 1, 1, 2))
case("maxPool 2-D ceil", {"x": distinct(1, 2, 6, 5)}, lambda x: F.max_pool2d(x, 2, 2, 0, ceil_mode=True))
case("maxPool 2-D remainder", {"x": distinct(1, 2, 5, 7)}, lambda x: F.max_pool2d(x, 2))
case("maxPool 1-D", {"x": distinct(2, 2, 7)}, lambda x: F.max_pool1d(x, 3, 2, 1))
case("maxPool 2-D ties", {"x": torch.zeros(1, 2, 4, 4)}, lambda x: F.max_pool2d(x, 2, 1), order=1)

case("averagePool 2-D", {"x": draw(2, 2, 4, 6)}, lambda x: F.avg_pool2d(x, 2), order=1)
case("averagePool 2-D overlapping", {"x": draw(2, 2, 5, 5)}, lambda x: F.avg_pool2d(x, 3, 2, 1), order=1)
case(
    "averagePool 2-D not counting padding",
    {"x": draw(2, 2, 5, 4)},
    lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    order=1,
)
case("averagePool 2-D ceil", {"x": draw(1, 2, 6, 5)}, lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), order=1)
case("averagePool 1-D", {"x": draw(2, 2, 7)}, lambda x: F.avg_pool1d(x, 3, 1, 1), order=1)
case("globalAveragePool", {"x": draw(2, 3, 3, 4)}, lambda x: F.adaptive_avg_pool2d(x, 1), order=1)
case("globalMaxPool", {"x": distinct(2, 3, 3, 4)}, lambda x: F.adaptive_max_pool2d(x, 1), order=1)

c3 = {"scale": draw(3), "bias": draw(3)}
case("batchNorm train", {"x": draw(4, 3, 2, 2), **c3}, lambda x, scale, bias: F.batch_norm(x, None, None, scale, bias, True))
case("batchNorm train 2-D", {"x": draw(5, 3), **c3}, lambda x, scale, bias: F.batch_norm(x, None, None, scale, bias, True))
case(
    "batchNorm eval",
    {"x": draw(2, 3, 2, 2), **c3, "mean": draw(3), "variance": draw(3).abs() + 0.5},
    lambda x, scale, bias, mean, variance: (x - mean[:, None, None])
    * (variance[:, None, None] + 1e-5).rsqrt()
    * scale[:, None, None]
    + bias[:, None, None],
)
case("layerNorm", {"x": draw(2, 3, 5), "scale": draw(5), "bias": draw(5)}, lambda x, scale, bias: F.layer_norm(x, (5,), scale, bias))
case(
    "layerNorm over two axes",
    {"x": draw(2, 3, 4), "scale": draw(3, 4), "bias": draw(3, 4)},
    lambda x, scale, bias: F.layer_norm(x, (3, 4), scale, bias),
)
case("rmsNorm", {"x": draw(2, 3, 5), "scale": draw(5)}, lambda x, scale: F.rms_norm(x, (5,), scale, eps=1e-6))
case(
    "groupNorm",
    {"x": draw(2, 4, 3, 2), "scale": draw(4), "bias": draw(4)},
    lambda x, scale, bias: F.group_norm(x, 2, scale, bias),
)
case("instanceNorm", {"x": draw(2, 3, 3, 2), **c3}, lambda x, scale, bias: F.instance_norm(x, None, None, scale, bias))
case("localResponseNorm", {"x": draw(2, 6, 2, 2)}, lambda x: F.local_response_norm(x, 5, 0.1, 0.75, 2))
# PyTorch's even window takes one more channel before, ONNX's one more after.
case(
    "localResponseNorm even",
    {"x": draw(2, 6, 2)},
    lambda x: F.local_response_norm(x.flip(1), 4, 0.1, 0.75, 1).flip(1),
)

# Running statistics of two batches through one BatchNorm.
module = torch.nn.BatchNorm2d(3, momentum=0.3)
batches = [draw(4, 3, 2, 2), draw(2, 3, 2, 3)]
for batch in batches:
    module(batch)
running = {
    "batches": [rounded(b) for b in batches],
    "mean": rounded(module.running_mean),
    "variance": rounded(module.running_var),
}

json.dump({"madeBy": f"scripts/golden/conv.py, PyTorch {torch.__version__}", "cases": cases, "running": running}, sys.stdout, separators=(",", ":"))
