"""Writes test/golden/metrics.json: metrics of seeded scores by scikit-learn. Run: python scripts/golden/metrics.py"""
import json
import pathlib

import numpy
import sklearn
from sklearn import metrics as m

random = numpy.random.default_rng(7)


def softmax(z):
    e = numpy.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def calibration_error(p, y, bins=15):
    """Guo et al. 2017, equation 5, from the definition: scikit-learn has no such function."""
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    total = 0.0
    for i in range(bins):
        inside = (confidence > i / bins) & (confidence <= (i + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(total)


def classification(n, k, label_count=None):
    y = random.integers(0, label_count or k, n)
    # Rounded, so that some scores are equal and the numbers in the file are exact.
    z = numpy.round(random.normal(size=(n, k)) + 1.5 * numpy.eye(k)[y] * (random.random((n, 1)) < 0.7), 2)
    p, predicted = softmax(z), z.argmax(axis=1)
    case = {"logits": z.tolist(), "target": y.tolist(), "confusionMatrix": m.confusion_matrix(y, predicted, labels=range(k)).tolist()}
    case["accuracy"] = m.accuracy_score(y, predicted)
    for name, function in [("precision", m.precision_score), ("recall", m.recall_score), ("f1", m.f1_score)]:
        for average in ["macro", "micro", "weighted"]:
            case[f"{average}.{name}"] = function(y, predicted, average=average, zero_division=0)
        case[f"perClass.{name}"] = function(y, predicted, average=None, labels=range(k), zero_division=0).tolist()
    if label_count is None:
        case["logLoss"] = m.log_loss(y, p)
        case["auroc"] = m.roc_auc_score(y, p[:, 1]) if k == 2 else m.roc_auc_score(y, p, multi_class="ovr", average="macro")
        case["brier"] = m.brier_score_loss(y, p[:, 1]) if k == 2 else m.brier_score_loss(y, p)
    case["calibrationError"] = calibration_error(p, y)
    # From the definition, with the first of equal scores first.
    order = numpy.argsort(-z, axis=1, kind="stable")
    case["top2"] = float((order[:, :2] == y[:, None]).any(axis=1).mean())
    return case


def regression(n, offset):
    y = offset + numpy.round(random.normal(size=n) * 3, 3)
    predicted = y + numpy.round(random.normal(size=n), 3)
    return {
        "prediction": predicted.tolist(),
        "target": y.tolist(),
        "meanSquaredError": m.mean_squared_error(y, predicted),
        "rootMeanSquaredError": m.root_mean_squared_error(y, predicted),
        "meanAbsoluteError": m.mean_absolute_error(y, predicted),
        "medianAbsoluteError": m.median_absolute_error(y, predicted),
        "r2": m.r2_score(y, predicted),
    }


golden = {
    "madeBy": f"scripts/golden/metrics.py, scikit-learn {sklearn.__version__}, numpy {numpy.__version__}",
    # The third case has a class that is never true, the last a mean far larger than its spread.
    "classification": [classification(60, 2), classification(90, 4), classification(40, 5, label_count=4)],
    "regression": [regression(41, 0), regression(30, 1e6)],
}
path = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden" / "metrics.json"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size, "bytes")
