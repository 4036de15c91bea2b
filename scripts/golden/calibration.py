"""Scales and zero points of onnxruntime's quantize_static and quantize_dynamic on a small model: `python scripts/golden/calibration.py` writes test/golden/calibration.json.

Two convolutions with a Relu between them, then a product; activations uint8, weights int8 by channel. Histograms have 2,048 bins in all methods.
"""

import json
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.calibrate import HistogramCollector

rng = np.random.default_rng(0)
x = (rng.standard_t(4, (8, 2, 6, 6)) + 0.3).astype(np.float32)
weights = {
    "w1": (rng.standard_normal((4, 2, 3, 3)) * 0.4).astype(np.float32),
    "w2": (rng.standard_normal((5, 4, 1, 1)) * 0.6).astype(np.float32),
    "w3": (rng.standard_normal((5 * 36, 8)) * 0.2).astype(np.float32),
}
nodes = [
    helper.make_node("Conv", ["x", "w1"], ["c1"], pads=[1, 1, 1, 1], name="n1"),
    helper.make_node("Relu", ["c1"], ["r1"], name="n2"),
    helper.make_node("Conv", ["r1", "w2"], ["c2"], name="n3"),
    helper.make_node("Flatten", ["c2"], ["f"], name="n4"),
    helper.make_node("MatMul", ["f", "w3"], ["y"], name="n5"),
]
value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
graph = helper.make_graph(nodes, "calibration", [value("x", ["N", 2, 6, 6])], [value("y", ["N", 8])], [numpy_helper.from_array(w, n) for n, w in weights.items()])
folder = pathlib.Path(tempfile.mkdtemp())
source = folder / "model.onnx"
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), source)


class Reader(CalibrationDataReader):
    def __init__(self):
        self.rows = iter([{"x": x}])

    def get_next(self):
        return next(self.rows, None)


def numbers(path):
    model = onnx.load(path)
    held = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    found = {}
    for name, array in held.items():
        if name.endswith("_scale"):
            zero = held.get(name[: -len("_scale")] + "_zero_point")
            found[name[: -len("_scale")]] = {"scale": array.flatten().tolist(), "zero": np.asarray(zero).flatten().tolist()}
    codes = {name: held[name].flatten().tolist() for name in held if name.endswith("_quantized")}
    return found, codes


static, codes = {}, {}
target = folder / "quantized.onnx"
common = dict(quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True)
quantize_static(source, target, Reader(), calibrate_method=CalibrationMethod.MinMax, **common)
static["min-max"], codes = numbers(target)
# The values themselves, for the rules by histogram: their collectors are those that quantize_static uses.
session = onnxruntime.InferenceSession(source)
model = onnx.load(source)
for name in ["r1", "c2"]:
    model.graph.output.append(onnx.ValueInfoProto(name=name))
inner = dict(zip(["y", "r1", "c2"], onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})))
inner["x"] = x
ranges = {}
for method in ["entropy", "percentile"]:
    collector = HistogramCollector(method=method, symmetric=False, num_bins=2048, num_quantized_bins=128, percentile=99.99, scenario="same")
    collector.collect({name: [array] for name, array in inner.items()})
    ranges[method] = {name: [float(np.asarray(v)) for v in result[:2]] for name, result in collector.compute_collection_result().items()}
quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"])
dynamic, dynamic_codes = numbers(target)
result = {
    "madeBy": f"scripts/golden/calibration.py, onnxruntime {onnxruntime.__version__}",
    "x": x.flatten().tolist(),
    "weights": {name: {"shape": list(w.shape), "data": w.flatten().tolist()} for name, w in weights.items()},
    "static": static["min-max"],
    "staticCodes": codes,
    "ranges": ranges,
    "dynamic": {"scales": dynamic["w3"]["scale"], "codes": dynamic_codes["w3_quantized"]},
}
pathlib.Path("test/golden/calibration.json").write_text(json.dumps(result))
print({k: (v["scale"][:3], v["zero"][:3]) for k, v in static["min-max"].items()}, ranges)
