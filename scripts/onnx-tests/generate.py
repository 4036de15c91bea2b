"""Writes ONNX's own node tests (onnx.backend.test, Apache-2.0) as lines of JSON, one for each case, gzipped.

Run: python scripts/onnx-tests/generate.py FILE.jsonl.gz [NAME ...]      needs: onnx

With names, only these cases. A value is {name, dtype, shape, data}, its bytes in base64 (text: a list); one that is no tensor (a sequence,
a map, an optional one) has its kind in place of a dtype.
"""

import base64
import gzip
import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

encode = lambda b: base64.b64encode(b).decode()


def value(name, given):
    if isinstance(given, TensorProto):
        kind = TensorProto.DataType.Name(given.data_type).lower()
        if kind == "string":
            return {"name": name, "dtype": "string", "shape": list(given.dims), "data": [s.decode() for s in given.string_data]}
        array = numpy_helper.to_array(given)
        return {"name": name, "dtype": {"float": "float32", "double": "float64"}.get(kind, kind), "shape": list(given.dims), "data": encode(np.ascontiguousarray(array).tobytes())}
    if given is None or isinstance(given, (list, dict, tuple)):
        return {"name": name, "dtype": "optional" if given is None else "map" if isinstance(given, dict) else "sequence", "shape": [], "data": ""}
    array = np.asarray(given)
    if array.dtype.kind in "OU":
        return {"name": name, "dtype": "string", "shape": list(array.shape), "data": [s.decode() if isinstance(s, bytes) else str(s) for s in array.ravel()]}
    return {"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "data": encode(np.ascontiguousarray(array).tobytes())}


def line(case):
    graph = case.model.graph
    opsets = {o.domain: o.version for o in case.model.opset_import}
    sets = [
        {
            "inputs": [value(i.name, v) for i, v in zip(graph.input, inputs)],
            "outputs": [value(o.name, v) for o, v in zip(graph.output, outputs)],
        }
        for inputs, outputs in case.data_sets
    ]
    return {
        "name": case.name,
        "opset": opsets.get("", 0),
        "domains": sorted(set(n.domain for n in graph.node)),
        "rtol": case.rtol,
        "atol": case.atol,
        "model": encode(case.model.SerializeToString()),
        "sets": sets,
    }


def main():
    file, names = sys.argv[1], set(sys.argv[2:])
    np.random.seed(20261128)
    cases = [c for c in collect_testcases(None) if c.model is not None and (not names or c.name in names)]
    with gzip.GzipFile(file, "wb", compresslevel=9, mtime=0) as f:
        f.write((json.dumps({"source": f"onnx {onnx.__version__}", "licence": "Apache-2.0", "cases": len(cases)}) + "\n").encode())
        for case in sorted(cases, key=lambda c: c.name):
            f.write((json.dumps(line(case), separators=(",", ":")) + "\n").encode())
    print(f"{file}: {len(cases)} cases")


main()
