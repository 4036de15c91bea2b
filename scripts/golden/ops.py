"""Writes test/golden/ops/<Op>.json: inputs, attributes and outputs of every op, computed by other people's code.

The library is the `onnx` package's reference evaluator, in float64 where it can; where it has no such op, or is known to
be wrong, PyTorch. Each file records library and version. Attributes are written as Descent's graphs hold them: what ONNX
takes as constant inputs (axes, shapes, pads) stands among the attributes.

Run: python scripts/golden/ops.py [Op ...]      needs: numpy, onnx, torch, torchvision
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import torchvision
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "ops"
OPSET = 23
rng = np.random.default_rng()

DTYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint32": TensorProto.UINT32,
    "bool": TensorProto.BOOL,
}

# Attributes that ONNX takes as constant inputs: (place, scalar).
AS_INPUTS = {
    **{f"Reduce{n}": {"axes": (1, False)} for n in "Sum Mean Max Min Prod L1 L2 SumSquare LogSum LogSumExp".split()},
    "Reshape": {"shape": (1, False)},
    "Expand": {"shape": (1, False)},
    "Squeeze": {"axes": (1, False)},
    "Unsqueeze": {"axes": (1, False)},
    "Split": {"split": (1, False)},
    "Slice": {"starts": (1, False), "ends": (2, False), "axes": (3, False), "steps": (4, False)},
    "Pad": {"pads": (1, False)},
    "Tile": {"repeats": (1, False)},
    "Trilu": {"k": (1, True)},
    "OneHot": {"depth": (1, True)},
    "TopK": {"k": (1, False)},
    "CumSum": {"axis": (1, True)},
    "Resize": {"scales": (2, False), "sizes": (3, False)},
    "NonMaxSuppression": {"max_output_boxes_per_class": (2, False), "iou_threshold": (3, False), "score_threshold": (4, False)},
}

files: dict[str, dict[str, list]] = {}


def number(v):
    if isinstance(v, (bool, np.bool_)):
        return int(v)
    if isinstance(v, (int, np.integer)):
        return int(v)
    v = float(v)
    if math.isnan(v):
        return "NaN"
    if math.isinf(v):
        return "Infinity" if v > 0 else "-Infinity"
    return int(v) if v.is_integer() and abs(v) < 2**53 else float(f"{v:.15g}")


def written(a):
    if a is None:
        return None
    a = np.asarray(a)
    return {"dtype": str(a.dtype), "shape": list(a.shape), "data": [number(v) for v in a.ravel()]}


def record(library, op, inputs, attributes, outputs):
    case = {"attributes": attributes, "inputs": [written(a) for a in inputs], "outputs": [written(a) for a in outputs]}
    files.setdefault(op, {}).setdefault(library, []).append(case)


def onnx_outputs(op, inputs, attributes, outputs):
    slots = AS_INPUTS.get(op, {})
    taken = {slot for slot, _ in slots.values()}
    feeds, names = {}, []
    for value in inputs:
        while len(names) in taken:
            names.append("")
        name = "" if value is None else f"x{len(names)}"
        if value is not None:
            feeds[name] = value
        names.append(name)
    plain = {}
    for key, value in attributes.items():
        if key in slots:
            slot, scalar = slots[key]
            while len(names) <= slot:
                names.append("")
            names[slot] = key
            feeds[key] = np.array(value, dtype=np.float32 if key in ("scales", "iou_threshold", "score_threshold") else np.int64)
            if not scalar:
                feeds[key] = feeds[key].reshape(-1)
        elif key == "to":
            plain[key] = DTYPES[value]
        else:
            plain[key] = int(value) if isinstance(value, bool) else value
    if op == "Trilu" and "k" in feeds:
        feeds["k"] = np.array(attributes["k"], dtype=np.int64)
    while names and names[-1] == "":
        names.pop()
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], **plain)
    graph = helper.make_graph(
        [node],
        op,
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in feeds.items()],
        [helper.make_tensor_value_info(f"y{i}", TensorProto.UNDEFINED, None) for i in range(outputs)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=11)
    return ReferenceEvaluator(model).run(None, feeds)


def by_onnx(op, *inputs, outputs=1, **attributes):
    results = onnx_outputs(op, inputs, attributes, outputs)
    record(f"onnx {onnx.__version__} (reference evaluator)", op, inputs, attributes, results)


def by_torch(op, f, *inputs, **attributes):
    """f takes the inputs as torch tensors and gives one tensor or several."""
    results = f(*[None if a is None else torch.from_numpy(np.array(a)) for a in inputs])
    results = results if isinstance(results, (tuple, list)) else [results]
    record(f"torch {torch.__version__.split('+')[0]}", op, inputs, attributes, [r.numpy() for r in results])


# --- numbers ------------------------------------------------------------------------------------------------------------


def normal(*shape, scale=1.0):
    return np.round(rng.normal(size=shape) * scale, 4).astype(np.float64)


def uniform(low, high, *shape):
    return np.round(rng.uniform(low, high, size=shape), 4).astype(np.float64)


def integers(low, high, *shape, dtype=np.int64):
    return rng.integers(low, high + 1, size=shape).astype(dtype)


def boolean(*shape):
    return rng.integers(0, 2, size=shape).astype(bool)


def ties(*shape):
    return rng.choice([-1.0, 0.0, 0.5, 2.0], size=shape)


def array(values, dtype=np.float64):
    return np.array(values, dtype=dtype)


# --- elementwise ----------------------------------------------------------------------------------------------------------


def elementwise():
    pairs = [((2, 3), (2, 3)), ((), (4,)), ((3, 1), (2, 1, 4)), ((2, 3, 1, 2), (3, 2, 1))]
    for op in ["Add", "Sub", "Mul", "Max", "Min"]:
        for a, b in pairs:
            by_onnx(op, normal(*a), normal(*b))
        by_onnx(op, integers(-9, 9, 2, 3, dtype=np.int32), integers(-9, 9, 3, dtype=np.int32))
    for a, b in pairs:
        by_onnx("Div", normal(*a), uniform(0.3, 2, *b))
        by_onnx("Pow", uniform(0.1, 2, *a), normal(*b))
    by_torch("Div", lambda a, b: torch.div(a, b, rounding_mode="trunc"), array([-7, 7, -7, 7, 6], np.int32), array([2, 2, -2, -2, 3], np.int32))
    by_onnx("Pow", array([-2.0, -0.5, 3.0]), array([2.0, 3.0, 0.0]))
    values, by = array([-7, -3, 0, 5, 9, 4], np.int32), array([3, -2, 4, -3, 2, -5], np.int32)
    by_onnx("Mod", values, by, fmod=False)
    by_onnx("Mod", values, by, fmod=True)
    by_onnx("Mod", array([-5.3, 1.1, 4.9, -2.6]), array([2.0, -1.5, 0.7, 3.0]), fmod=True)

    anywhere = ["Neg", "Abs", "Sign", "Floor", "Ceil", "Exp", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Sigmoid", "Tanh", "Relu", "Softplus", "Mish", "Identity"]
    for op in anywhere:
        for shape in [(5,), (2, 3), (2, 1, 3, 2)]:
            by_onnx(op, normal(*shape, scale=2))
    by_onnx("Round", array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.4999, -1.7]))
    for op in ["Sqrt", "Log", "Reciprocal"]:
        by_onnx(op, uniform(0.1, 3, 2, 4))
    for op in ["Asin", "Acos", "Atanh"]:
        by_onnx(op, uniform(-0.95, 0.95, 2, 4))
    by_onnx("Acosh", uniform(1.1, 4, 2, 4))
    by_torch("Erf", torch.erf, array([-7, -3.5, -2.999, -1, -0.01, 0, 0.3, 1, 2.5, 3.001, 4.2, 5.9]))
    # ONNX holds attributes in float32: numbers that it holds exactly.
    for alpha in [0.125, 1.5]:
        by_onnx("LeakyRelu", normal(2, 4), alpha=alpha)
        by_onnx("Elu", normal(2, 4), alpha=alpha)
    by_torch("HardSwish", F.hardswish, normal(3, 4, scale=3))
    by_torch("Selu", F.selu, normal(2, 4), alpha=1.6732632423543772, gamma=1.0507009873554805)
    by_torch("Gelu", F.gelu, normal(3, 4, scale=2), approximate="none")
    by_torch("Gelu", lambda x: F.gelu(x, approximate="tanh"), normal(3, 4, scale=2), approximate="tanh")
    by_torch("Silu", F.silu, normal(3, 4, scale=2))
    by_torch("ReluGradient", lambda dy, y: dy * (y > 0), normal(2, 4), np.maximum(normal(2, 4), 0))
    by_onnx("HardSigmoid", normal(3, 4, scale=3), alpha=0.25, beta=0.5)
    by_onnx("PRelu", normal(2, 3, 2), uniform(0.1, 1, 3, 1))
    for op in ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"]:
        by_onnx(op, ties(3, 4), ties(4))
        by_onnx(op, integers(0, 2, 2, 3), integers(0, 2, 3))
    for op in ["And", "Or", "Xor"]:
        by_onnx(op, boolean(3, 4), boolean(4))
    by_onnx("Not", boolean(6))
    odd = array([np.nan, 0, np.inf, -np.inf, -1])
    by_onnx("IsNaN", odd)
    by_onnx("IsInf", odd)
    for op in ["BitwiseAnd", "BitwiseOr", "BitwiseXor"]:
        by_onnx(op, integers(-1000, 1000, 2, 3, dtype=np.int32), integers(-1000, 1000, 3, dtype=np.int32))
        by_onnx(op, integers(0, 2**32 - 1, 4, dtype=np.uint32), integers(0, 2**32 - 1, 4, dtype=np.uint32))
    by_onnx("Where", boolean(3, 1), normal(4), normal(3, 4))
    by_onnx("Clip", normal(3, 4), array(-0.5), array(0.7))
    by_onnx("Clip", normal(6), None, array(0.2))
    by_onnx("Clip", normal(6), array(0.2), None)
    by_onnx("Cast", array([-2.7, -0.5, 0, 0.5, 1.9, 100.2]), to="int32")
    by_onnx("Cast", array([-2.7, -0.5, 0, 0.5, 1.9, 100.2]), to="bool")
    by_onnx("Cast", boolean(4), to="float64")


# --- folding, products, shapes ----------------------------------------------------------------------------------------------


def folding():
    folds = [((5,), [0], False), ((2, 3), [1], True), ((2, 3), [0, 1], False), ((3, 2, 4), [0, 2], False), ((2, 3, 2, 2), [1, 3], True)]
    for op in ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"]:
        for shape, axes, keepdims in folds:
            x = uniform(0.2, 2, *shape) if op == "LogSum" else normal(*shape)
            by_onnx(f"Reduce{op}", x, axes=axes, keepdims=keepdims)
    for op in ["ArgMax", "ArgMin"]:
        for keepdims in [False, True]:
            for last in [False, True]:
                by_onnx(op, ties(3, 4, 2), axis=1, keepdims=keepdims, select_last_index=last)
    for op in ["Softmax", "LogSoftmax"]:
        for axis in [0, 1, 2]:
            by_onnx(op, normal(3, 4, 2, scale=3), axis=axis)
    by_onnx("Softmax", array([[1000.0, 1001.0, 999.0], [-1e4, 0.0, 1.0]]), axis=1)
    for exclusive in [False, True]:
        for reverse in [False, True]:
            by_onnx("CumSum", normal(3, 4), axis=1, exclusive=exclusive, reverse=reverse)


def products():
    for a, b in [((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 1, 2, 3), (3, 3, 2)), ((3,), (2, 3, 2))]:
        by_onnx("MatMul", normal(*a), normal(*b))
    for ta in [False, True]:
        for tb in [False, True]:
            a, b = normal(2, 3), normal(3, 4)
            by_onnx("Gemm", a.T.copy() if ta else a, b.T.copy() if tb else b, normal(4), alpha=0.5, beta=-1.5, transA=ta, transB=tb)
    by_onnx("Gemm", normal(2, 3), normal(3, 4), None, alpha=1.0, beta=1.0, transA=False, transB=False)

    def fused(alpha, ta, tb):
        return lambda a, b: alpha * (a.mT if ta else a) @ (b.mT if tb else b)

    by_torch("FusedMatMul", fused(0.5, True, False), normal(2, 3, 4), normal(2, 3, 5), alpha=0.5, transA=True, transB=False)
    by_torch("FusedMatMul", fused(2.0, False, True), normal(4, 3), normal(2, 5, 3), alpha=2.0, transA=False, transB=True)
    for equation, *shapes in [
        ("ij,jk->ik", (2, 3), (3, 4)),
        ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
        ("bhqd,bhkd->bhqk", (2, 2, 3, 2), (2, 2, 4, 2)),
        ("ij->", (2, 3)),
        ("ij->ji", (2, 3)),
        ("i,j->ij", (2,), (3,)),
        ("...ij,...jk->...ik", (2, 2, 3), (2, 3, 2)),
        ("...ij,jk", (2, 2, 3), (3, 2)),
        ("ij,j,i->i", (2, 3), (3,), (2,)),
    ]:
        by_torch("Einsum", lambda *xs, equation=equation: torch.einsum(equation, *xs).contiguous(), *[normal(*s) for s in shapes], equation=equation)


END = 2**53 - 1


def shapes():
    by_onnx("Reshape", normal(2, 3), shape=[3, 2])
    by_onnx("Transpose", normal(2, 3, 4), perm=[2, 0, 1])
    by_onnx("Transpose", normal(2, 1, 3, 2), perm=[0, 3, 1, 2])
    by_onnx("Expand", normal(3, 1), shape=[2, 3, 4])
    by_onnx("Squeeze", normal(1, 3, 1, 2), axes=[0, 2])
    by_onnx("Unsqueeze", normal(3, 2), axes=[0, 3])
    by_onnx("Concat", normal(2, 1, 2), normal(2, 3, 2), axis=1)
    by_onnx("Split", normal(2, 6), axis=1, split=[1, 2, 3], outputs=3)
    for shape, starts, ends, axes, steps in [
        ((6,), [1], [5], [0], [1]),
        ((7,), [5], [0], [0], [-2]),
        ((6,), [-1], [-END], [0], [-1]),
        ((3, 5), [-2, -4], [END, -1], [0, 1], [1, 2]),
        ((4,), [-100], [100], [0], [3]),
    ]:
        by_onnx("Slice", normal(*shape), starts=starts, ends=ends, axes=axes, steps=steps)
    for mode in ["constant", "reflect", "edge", "wrap"]:
        by_onnx("Pad", normal(3, 4), None, pads=[1, 0, 2, 1], mode=mode)
    by_onnx("Pad", normal(2, 3), array(1.5), pads=[1, 0, 0, 2], mode="constant")
    by_onnx("Tile", normal(2, 3), repeats=[2, 3])
    for upper in [True, False]:
        for k in [0, 1, -1]:
            by_onnx("Trilu", normal(2, 3, 4), upper=upper, k=k)


# --- windows ------------------------------------------------------------------------------------------------------------------


def windows():
    def conv(x, w, b=None, *, strides, pads, dilations, group):
        # PyTorch pads alike on both sides: pad by hand.
        axes = len(strides)
        around = [p for i in reversed(range(axes)) for p in (pads[i], pads[i + axes])]
        function = [F.conv1d, F.conv2d, F.conv3d][axes - 1]
        return function(F.pad(x, around), w, b, stride=strides, dilation=dilations, groups=group)

    for x, w, bias, strides, pads, dilations, group in [
        ((2, 3, 7), (4, 3, 3), True, [1], [1, 1], [1], 1),
        ((2, 4, 8), (6, 2, 2), False, [2], [0, 1], [2], 2),
        ((2, 2, 5, 6), (3, 2, 3, 3), True, [1, 1], [1, 1, 1, 1], [1, 1], 1),
        ((1, 2, 6, 7), (4, 2, 3, 2), True, [2, 3], [1, 0, 2, 1], [1, 2], 1),
        ((2, 4, 5, 5), (4, 1, 3, 3), False, [1, 1], [1, 1, 1, 1], [1, 1], 4),
        ((1, 4, 4, 4), (6, 2, 1, 1), True, [1, 1], [0, 0, 0, 0], [1, 1], 2),
        ((1, 2, 3, 4, 3), (2, 2, 2, 2, 2), False, [1, 1, 1], [0] * 6, [1, 1, 1], 1),
    ]:
        options = {"strides": strides, "pads": pads, "dilations": dilations, "group": group}
        xs = [normal(*x), normal(*w), normal(w[0]) if bias else None]
        by_torch("Conv", lambda *t, o=options: conv(*t, **o), *xs, kernel_shape=list(w[2:]), **options)

        # The two gradients, by PyTorch's own autograd.
        x_, w_ = torch.from_numpy(xs[0]).requires_grad_(), torch.from_numpy(xs[1]).requires_grad_()
        y = conv(x_, w_, None, **options)
        dy = normal(*y.shape)
        y.backward(torch.from_numpy(dy))
        torch_name = f"torch {torch.__version__.split('+')[0]}"
        record(torch_name, "ConvInputGradient", [dy, xs[1]], {"kernel_shape": list(w[2:]), **options, "input_shape": list(x[2:])}, [x_.grad.numpy()])
        record(torch_name, "ConvWeightGradient", [xs[0], dy], {"kernel_shape": list(w[2:]), **options}, [w_.grad.numpy()])

    for x, w, strides, pads, dilations, extra, group in [
        ((2, 3, 5), (3, 4, 3), [2], [1], [1], [1], 1),
        ((1, 2, 3, 4), (2, 3, 3, 3), [2, 2], [1, 0], [1, 1], [1, 0], 1),
        ((1, 4, 3, 3), (4, 2, 2, 3), [1, 2], [0, 1], [2, 1], [0, 0], 2),
    ]:
        function = F.conv_transpose1d if len(strides) == 1 else F.conv_transpose2d
        by_torch(
            "ConvTranspose",
            lambda a, b, c, f=function, o=(strides, pads, extra, group, dilations): f(a, b, c, *o),
            normal(*x), normal(*w), normal(w[1] * group),
            kernel_shape=list(w[2:]), strides=strides, pads=pads + pads, dilations=dilations, output_padding=extra, group=group,
        )

    for x, kernel, strides, pads, dilations, ceil in [
        ((2, 2, 8), [3], [2], [1], [1], False),
        ((1, 2, 6, 7), [2, 3], [2, 1], [0, 1], [1, 1], False),
        ((2, 1, 7, 7), [3, 3], [2, 2], [1, 1], [1, 1], True),
        ((1, 1, 8, 6), [2, 2], [1, 2], [0, 0], [2, 2], False),
        ((1, 1, 5, 6), [2, 2], [2, 2], [0, 0], [1, 1], True),
    ]:
        options = {"kernel_shape": kernel, "strides": strides, "pads": pads + pads, "dilations": dilations, "ceil_mode": ceil}
        x_ = normal(*x)
        function = F.max_pool1d if len(kernel) == 1 else F.max_pool2d

        def max_pool(t, f=function, o=(kernel, strides, pads, dilations, ceil)):
            y, places = f(t, *o, return_indices=True)
            # PyTorch counts within a channel, ONNX within the whole tensor.
            channel = int(np.prod(t.shape[2:]))
            start = torch.arange(t.shape[0] * t.shape[1]).reshape(t.shape[0], t.shape[1], *[1] * (t.dim() - 2))
            return y, places + start * channel

        by_torch("MaxPool", max_pool, x_, **options)
        xt = torch.from_numpy(x_).requires_grad_()
        y, places = max_pool(xt)
        dy, g = normal(*y.shape), normal(*x)
        torch_name = f"torch {torch.__version__.split('+')[0]}"
        tied = [x_, y.detach().numpy(), places.numpy()]
        dx = torch.autograd.grad(y, xt, torch.from_numpy(dy))[0].numpy()
        record(torch_name, "MaxPoolGradient", [dy, *tied], options, [dx])
        record(torch_name, "MaxPoolPick", [g, *tied], options, [torch.from_numpy(g).reshape(-1)[places].numpy()])
        by_torch("MaxPool", max_pool, ties(*x), **options)
        if any(d != 1 for d in dilations):
            continue
        for include in [False, True]:
            average = F.avg_pool1d if len(kernel) == 1 else F.avg_pool2d
            by_torch("AveragePool", lambda t, f=average, o=(kernel, strides, pads, ceil, include): f(t, *o), x_, **options, count_include_pad=include)
            xt = torch.from_numpy(x_).requires_grad_()
            y = average(xt, kernel, strides, pads, ceil, include)
            dy = normal(*y.shape)
            y.backward(torch.from_numpy(dy))
            record(torch_name, "AveragePoolGradient", [dy], {**options, "count_include_pad": include, "input_shape": list(x[2:])}, [xt.grad.numpy()])
    for op, f in [("GlobalAveragePool", torch.mean), ("GlobalMaxPool", torch.amax)]:
        by_torch(op, lambda t, f=f: f(t, dim=(2, 3), keepdim=True), normal(2, 3, 4, 2))

    def resize(x, mode, coordinates, nearest="round_prefer_floor", **target):
        by_onnx("Resize", x, mode=mode, coordinate_transformation_mode=coordinates, nearest_mode=nearest, cubic_coeff_a=-0.75, axes=[0, 1, 2, 3], **target)

    x = normal(1, 1, 4, 4)
    for target in [{"sizes": [1, 1, 7, 5]}, {"sizes": [1, 1, 2, 3]}, {"sizes": [1, 1, 4, 8]}, {"scales": [1.0, 1.0, 1.5, 0.5]}]:
        for coordinates in ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"]:
            resize(x, "linear", coordinates, **target)
            resize(x.astype(np.float32), "cubic", coordinates, **target)
        for rounding in ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]:
            for coordinates in ["asymmetric", "half_pixel"]:
                resize(x, "nearest", coordinates, rounding, **target)


# --- normalization ---------------------------------------------------------------------------------------------------------


def normalization():
    x, s, b = normal(3, 4, 2, 2), normal(4), normal(4)
    m, v = normal(4), uniform(0.3, 2, 4)
    by_torch("BatchNormalization", lambda x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=1e-3), x, s, b, m, v, epsilon=1e-3)
    for momentum in [0.0, 0.75]:
        by_onnx("BatchNormalization", x, s, b, m, v, epsilon=1e-3, momentum=momentum, training_mode=True, outputs=3)

    def batch_norm(x, s, b):
        return F.batch_norm(x, None, None, s, b, training=True, eps=1e-3), x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)

    by_torch("BatchNormTrain", batch_norm, x, s, b, epsilon=1e-3)
    by_torch("ChannelAffine", lambda x, a, b: x * a[:, None, None] + b[:, None, None], x, s, b)
    by_torch("ChannelDot", lambda u, v: torch.einsum("nchw,nchw->c", u, v), x, normal(3, 4, 2, 2))
    by_torch("InstanceNormalization", lambda x, s, b: F.instance_norm(x, weight=s, bias=b, eps=1e-5), x, s, b, epsilon=1e-5)
    for groups in [1, 2, 4]:
        by_torch("GroupNormalization", lambda x, s, b, g=groups: F.group_norm(x, g, s, b, eps=1e-5), x, s, b, epsilon=1e-5, num_groups=groups)
    by_onnx("LayerNormalization", normal(2, 3, 4), normal(4), normal(4), axis=-1, epsilon=1e-5, outputs=3)
    by_torch("LayerNormalization", lambda x, s, b: F.layer_norm(x, (3, 4), s, b, eps=1e-3), normal(2, 3, 4), normal(3, 4), normal(3, 4), axis=1, epsilon=1e-3)
    by_torch("RMSNormalization", lambda x, s: F.rms_norm(x, (4,), s, eps=1e-5), normal(2, 3, 4), normal(4), axis=-1, epsilon=1e-5)
    by_torch("LRN", lambda x: F.local_response_norm(x, 3, alpha=0.1, beta=0.75, k=1.0), normal(2, 5, 3), size=3, alpha=0.1, beta=0.75, bias=1.0)


# --- indexing ---------------------------------------------------------------------------------------------------------------


def indexing():
    by_onnx("Gather", normal(5, 3), array([[0, 4], [-1, 2]], np.int64), axis=0)
    by_onnx("Gather", normal(2, 4, 3), array([3, 0, 3], np.int32), axis=1)
    by_onnx("Gather", normal(4), array(2, np.int64), axis=0)
    by_onnx("GatherElements", normal(3, 4), integers(-3, 2, 2, 4), axis=0)
    by_onnx("GatherElements", normal(3, 4), integers(0, 3, 3, 6), axis=1)
    by_onnx("GatherND", normal(3, 4, 2), array([[0, 1], [2, -1]], np.int64), batch_dims=0)
    by_onnx("GatherND", normal(2, 3, 2), array([[1], [0]], np.int64), batch_dims=1)
    for reduction in ["none", "add", "mul", "max", "min"]:
        repeat = reduction != "none"
        at = array([[0, 1, 0, 2], [0, 1, 1, 2]] if repeat else [[0, 1, 2, 0], [1, 2, 0, 2]], np.int64)
        by_onnx("ScatterElements", normal(3, 4), at, normal(2, 4), axis=0, reduction=reduction)
        nd = array([[0, 1], [2, 3], [0, 1]] if repeat else [[0, 1], [2, 3], [1, 0]], np.int64)
        by_onnx("ScatterND", normal(3, 4), nd, normal(3), reduction=reduction)
        rows = array([[1], [1]] if repeat else [[1], [2]], np.int64)
        by_onnx("ScatterND", normal(3, 4), rows, normal(2, 4), reduction=reduction)
    # An index out of range gives no hot place; the reference evaluator wraps it around, so none stands here.
    by_onnx("OneHot", array([[0, 2], [1, -1]], np.int64), array([0.0, 1.0]), axis=-1, depth=3)
    by_onnx("OneHot", array([1, 0, 2], np.int64), array([-0.5, 2.0]), axis=0, depth=4)
    for largest in [True, False]:
        by_onnx("TopK", normal(3, 5), axis=1, k=[3], largest=largest, sorted=True, outputs=2)
        by_onnx("TopK", normal(5, 3), axis=0, k=[2], largest=largest, sorted=True, outputs=2)
    record(f"numpy {np.__version__}", "Range", [], {"start": 2, "limit": [7]}, [np.arange(2, 7)])

    def embedding(dy, indices, depth):
        return torch.zeros(depth, *dy.shape[indices.dim() :], dtype=dy.dtype).index_add(0, indices.reshape(-1), dy.reshape(-1, *dy.shape[indices.dim() :]))

    by_torch("EmbeddingGradient", lambda dy, i: embedding(dy, i, 4), normal(2, 3, 2), array([[0, 3, 0], [3, 3, 1]], np.int64), depth=4)
    logits, labels = normal(2, 3, 4), integers(0, 3, 2, 3)
    by_torch("SoftmaxCrossEntropy", lambda x, t: F.cross_entropy(x.reshape(-1, 4), t.reshape(-1), reduction="none").reshape(2, 3), logits, labels)
    weight = normal(2, 3)
    x_ = torch.from_numpy(logits).requires_grad_()
    loss = F.cross_entropy(x_.reshape(-1, 4), torch.from_numpy(labels).reshape(-1), reduction="none").reshape(2, 3)
    loss.backward(torch.from_numpy(weight))
    record(f"torch {torch.__version__.split('+')[0]}", "SoftmaxCrossEntropyGradient", [weight, logits, labels], {}, [x_.grad.numpy()])
    by_onnx("NonZero", ties(3, 4))
    by_onnx("NonZero", array([[True, False], [True, True]], np.bool_))


# --- detection --------------------------------------------------------------------------------------------------------------


def detection():
    """torchvision's `nms` class by class; the onnx package's evaluator where boxes are middles and sizes."""

    def rows(boxes, scores, most, overlap, least):
        found = []
        for n in range(scores.shape[0]):
            for k in range(scores.shape[1]):
                places = np.flatnonzero(scores[n, k] > least)
                kept = torchvision.ops.nms(torch.from_numpy(boxes[n, places]), torch.from_numpy(scores[n, k, places]), overlap)
                found += [[n, k, places[a]] for a in kept[:most].tolist()]
        return array(found, np.int64).reshape(-1, 3)

    for images, classes, places, most, overlap, least in [(2, 3, 16, 20, 0.3, 0.2), (1, 2, 24, 2, 0.5, 0.0), (1, 1, 12, 12, 0.25, 0.5), (1, 1, 6, 6, 0.5, 2.0)]:
        corner, size = uniform(0, 3, images, places, 2), uniform(0.5, 2, images, places, 2)
        boxes, scores = np.concatenate([corner, corner + size], axis=2), uniform(0, 1, images, classes, places)
        attributes = {"center_point_box": 0, "max_output_boxes_per_class": [most], "iou_threshold": [overlap], "score_threshold": [least]}
        record(f"torchvision {torchvision.__version__.split('+')[0]}", "NonMaxSuppression", [boxes, scores], attributes, [rows(boxes, scores, most, overlap, least)])
    middle, size = uniform(0, 3, 1, 14, 2), uniform(0.5, 2, 1, 14, 2)
    by_onnx(
        "NonMaxSuppression", np.concatenate([middle, size], axis=2), uniform(0, 1, 1, 2, 14),
        center_point_box=1, max_output_boxes_per_class=[14], iou_threshold=[0.3], score_threshold=[0.1],
    )


# --- attention --------------------------------------------------------------------------------------------------------------


def attention():
    """PyTorch's function on the filled part of each text's past and the new token."""

    def grouped(h, g, scale):
        def f(q, k, v, past_key, past_value, lengths, total):
            keys, values, rows = past_key.clone(), past_value.clone(), []
            for n, length in enumerate(lengths.tolist()):
                keys[n, :, length], values[n, :, length] = k[n].reshape(g, -1), v[n].reshape(g, -1)
                seen = [t[n, :, : length + 1].repeat_interleave(h // g, 0) for t in (keys, values)]
                rows.append(F.scaled_dot_product_attention(q[n].reshape(h, 1, -1), *seen, scale=scale or None).reshape(1, -1))
            return torch.stack(rows), keys, values

        return f

    for h, g, room, size, lengths, scale in [(2, 2, 3, 4, [2], 0.0), (4, 2, 5, 3, [4, 0, 2], 0.7)]:
        n = len(lengths)
        by_torch(
            "GroupQueryAttention", grouped(h, g, scale), normal(n, 1, h * size), normal(n, 1, g * size), normal(n, 1, g * size),
            normal(n, g, room, size), normal(n, g, room, size), array(lengths, np.int32), array(max(lengths) + 1, np.int32),
            num_heads=h, kv_num_heads=g, scale=scale,
        )


# --- recurrent --------------------------------------------------------------------------------------------------------------


def recurrent():
    """PyTorch's layers, their gates put into ONNX's order; lengths by packed sequences."""
    steps, batch, inputs, hidden = 4, 3, 2, 3

    def run(op, make, order, direction, lengths, **attributes):
        directions = 2 if direction == "bidirectional" else 1
        torch.manual_seed(7)
        layer = make(inputs, hidden, bidirectional=directions == 2).double()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.round(parameter, decimals=4))
        x = normal(steps, batch, inputs)
        state = [normal(directions, batch, hidden) for _ in range(2 if op == "LSTM" else 1)]
        ts = torch.from_numpy(x)
        if direction == "reverse":  # one layer run over the reversed sequence
            ts = ts.flip(0)
        initial = tuple(torch.from_numpy(s) for s in state)
        packed = ts if lengths is None else torch.nn.utils.rnn.pack_padded_sequence(ts, torch.tensor(lengths), enforce_sorted=False)
        with torch.no_grad():
            y, final = layer(packed, initial if op == "LSTM" else initial[0])
        if lengths is not None:
            y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=steps)
        if direction == "reverse":
            y = y.flip(0)
        y = y.reshape(steps, batch, directions, hidden).permute(0, 2, 1, 3)
        final = final if op == "LSTM" else (final,)

        def weights(name):
            def gates(p):
                return np.concatenate([p.reshape(len(order), hidden, -1)[g] for g in order]).squeeze()

            suffixes = ["", "_reverse"][:directions]
            return np.stack([gates(getattr(layer, f"{name}_l0{s}").detach().numpy()) for s in suffixes])

        bias = np.concatenate([weights("bias_ih"), weights("bias_hh")], axis=1)
        length = None if lengths is None else array(lengths, np.int32)
        record(
            f"torch {torch.__version__.split('+')[0]}", op,
            [x, weights("weight_ih"), weights("weight_hh"), bias, length, *state],
            {"direction": direction, "hidden_size": hidden, **attributes},
            [y.numpy(), *[f.numpy() for f in final]],
        )

    # PyTorch: LSTM i f g o, GRU r z n. ONNX: LSTM i o f c, GRU z r h.
    for direction, lengths in [("forward", None), ("reverse", None), ("bidirectional", None), ("forward", [4, 2, 3]), ("bidirectional", [2, 4, 1])]:
        run("LSTM", torch.nn.LSTM, [0, 3, 1, 2], direction, lengths)
        run("GRU", torch.nn.GRU, [1, 0, 2], direction, lengths, linear_before_reset=True)
    x, w, r = normal(3, 2, 2), normal(1, 6, 2), normal(1, 6, 2)
    by_onnx("GRU", x, w, r, normal(1, 12), None, normal(1, 2, 2), hidden_size=2, direction="forward", linear_before_reset=False, outputs=2)
    for direction, lengths in [("forward", None), ("reverse", None), ("bidirectional", None), ("forward", [4, 2, 3]), ("bidirectional", [2, 4, 1])]:
        run("RNN", torch.nn.RNN, [0], direction, lengths, activations=["Tanh"] * (2 if direction == "bidirectional" else 1))
    run("RNN", lambda *sizes, **options: torch.nn.RNN(*sizes, nonlinearity="relu", **options), [0], "forward", None, activations=["Relu"])


def main():
    global rng
    for group in [elementwise, folding, products, shapes, windows, normalization, indexing, detection, attention, recurrent]:
        # Numbers of a group do not change when another group grows.
        rng = np.random.default_rng([20261123, *group.__name__.encode()])
        group()
    OUT.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:]
    for op, sources in sorted(files.items()):
        if wanted and op not in wanted:
            continue
        text = ",\n".join(
            json.dumps({"library": library}) [:-1] + ', "cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}"
            for library, cases in sources.items()
        )
        path = OUT / f"{op}.json"
        path.write_text(f'{{"op": "{op}", "sources": [\n{text}\n]}}\n')
        json.loads(path.read_text())
        print(f"{op:28} {sum(map(len, sources.values())):3} cases {path.stat().st_size:7,} bytes")


main()
