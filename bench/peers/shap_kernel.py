"""shap in the case kernel-shap: its KernelExplainer, with all features kept."""

from torch_peer import serve


def prepare(tensors, settings, variant):
    from importlib.metadata import version

    import numpy
    import shap

    weights, rows = tensors["weights"].astype("float64"), tensors["rows"].astype("float64")
    explainer = shap.KernelExplainer(lambda x: numpy.asarray(x) @ weights, numpy.zeros((1, len(weights))))
    at = 0

    def step():
        nonlocal at
        row = rows[at % len(rows)]
        at += 1
        values = explainer.shap_values(row[None], nsamples=int(settings["samples"]), l1_reg=False, silent=True)
        return float(numpy.abs(values).sum())

    return step, f"shap {version('shap')}, answers in NumPy"


serve(prepare)
