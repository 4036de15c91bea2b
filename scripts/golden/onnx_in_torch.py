"""ONNX files of image models, evaluated by PyTorch op by op: a second opinion on gradients, in float32 or float64, that shares no code with Descent.

`scores = run(load(path), {"image": x}, torch.float64)`. Only the ops that the files of the golden scripts hold; another one is an error.
"""

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def load(path):
    return onnx.load(path).graph


def _attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _pads(pads):
    """ONNX's all begins, then all ends → PyTorch's pairs from the last axis."""
    half = len(pads) // 2
    return [p for axis in reversed(range(half)) for p in (pads[axis], pads[axis + half])]


def _same_upper(x, kernel, strides):
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(x.shape[2:], kernel, strides)]
    return [t // 2 for t in total] + [t - t // 2 for t in total]


def _padded(x, a, kernel, value=0.0):
    pads = _same_upper(x, kernel, a["strides"]) if a.get("auto_pad") == b"SAME_UPPER" else a.get("pads", [0] * 2 * len(kernel))
    return F.pad(x, _pads(pads), value=value) if any(pads) else x


def _conv(a, x, w, b=None):
    a = {"strides": [1, 1], **a}
    return F.conv2d(_padded(x, a, w.shape[2:]), w, b, stride=a["strides"], dilation=a.get("dilations", 1), groups=a.get("group", 1))


def _max_pool(a, x):
    return F.max_pool2d(_padded(x, a, a["kernel_shape"], -float("inf")), a["kernel_shape"], a["strides"], ceil_mode=bool(a.get("ceil_mode", 0)))


def _average_pool(a, x):
    assert not any(a.get("pads", [0])) or a.get("count_include_pad"), "expected an average over places inside alone"
    return F.avg_pool2d(_padded(x, a, a["kernel_shape"]), a["kernel_shape"], a["strides"], ceil_mode=bool(a.get("ceil_mode", 0)))


def _resize(a, x, _roi, scales, sizes=None):
    assert a["mode"] == b"nearest" and a["nearest_mode"] == b"floor" and a["coordinate_transformation_mode"] == b"asymmetric", a
    for axis in (2, 3):
        n = int(np.floor(x.shape[axis] * float(scales[axis])))
        x = x.index_select(axis, (torch.arange(n) / float(scales[axis])).floor().long())
    return x


def _reshape(_a, x, shape):
    return x.reshape([x.shape[i] if d == 0 else d for i, d in enumerate(shape.tolist())])


def _slice(_a, x, starts, ends, axes=None, steps=None):
    axes = range(x.dim()) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps):
        places = range(x.shape[axis])[slice(start, end if abs(end) < 2**62 else None, step)]
        x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64))
    return x


def _pad(a, x, pads, value=None):
    assert a.get("mode", b"constant") == b"constant", a
    return F.pad(x, _pads(pads.tolist()), value=0.0 if value is None else float(value))


def _gather(a, x, i):
    axis = a.get("axis", 0)
    return x.index_select(axis, i.flatten()).reshape([*x.shape[:axis], *i.shape, *x.shape[axis + 1 :]])


def _gemm(a, x, w, b=None):
    assert a.get("alpha", 1.0) == a.get("beta", 1.0) == 1.0, a
    y = (x.T if a.get("transA") else x) @ (w.T if a.get("transB") else w)
    return y if b is None else y + b


def _batch_norm(a, x, scale, bias, mean, var):
    return F.batch_norm(x, mean, var, scale, bias, eps=a.get("epsilon", 1e-5))


def _unsqueeze(_a, x, axes):
    for axis in sorted(axes.tolist()):
        x = x.unsqueeze(axis)
    return x


OPS = {
    "Add": lambda _a, x, y: x + y,
    "Sub": lambda _a, x, y: x - y,
    "Mul": lambda _a, x, y: x * y,
    "Div": lambda _a, x, y: x / y,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": lambda a, x: x if x.is_floating_point() else x.to({1: torch.float32, 7: torch.int64}[a["to"]]),
    "Clip": lambda _a, x, low, high: torch.clamp(x, float(low), float(high)),
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "ConstantOfShape": lambda a, shape: torch.full(shape.tolist(), int(numpy_helper.to_array(a["value"])[0]), dtype=torch.int64),
    "Conv": _conv,
    "Flatten": lambda a, x: x.reshape(int(np.prod(x.shape[: a.get("axis", 1)])), -1),
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _a, x: x.mean((2, 3), keepdim=True),
    "Identity": lambda _a, x: x,
    "MatMul": lambda _a, x, y: x @ y,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Relu": lambda _a, x: torch.relu(x),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda _a, x: torch.tensor(x.shape),
    "Sigmoid": lambda _a, x: torch.sigmoid(x),
    "Slice": _slice,
    "Softmax": lambda a, x: torch.softmax(x, a["axis"]),
    "Transpose": lambda a, x: x.permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
}


def run(graph, feeds, dtype=torch.float32, seen=None):
    """Outputs by name. `seen(node, inputs, output)` looks at every node on the way, and may give another output in its place."""

    def given(array):
        t = torch.from_numpy(np.array(array))
        return t.to(dtype) if t.is_floating_point() else t

    values = {t.name: given(numpy_helper.to_array(t)) for t in graph.initializer}
    values.update({name: t.to(dtype) if t.is_floating_point() else t for name, t in feeds.items()})
    for node in graph.node:
        a = _attributes(node)
        if node.op_type == "Constant":
            values[node.output[0]] = given(numpy_helper.to_array(a["value"]))
            continue
        inputs = [values[name] if name else None for name in node.input]
        y = OPS[node.op_type](a, *inputs)
        other = None if seen is None else seen(node, inputs, y)
        values[node.output[0]] = y if other is None else other
    return {o.name: values[o.name] for o in graph.output}
