"""Golden values of retrieval, eigenvalues and the Fréchet distance: `python scripts/golden/retrieval.py > test/golden/retrieval.json`
(scikit-learn, SciPy)."""

import json

import numpy
import scipy
import scipy.linalg
import sklearn
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors

random = numpy.random.default_rng(5)


def unit(x):
    return numpy.round(x / numpy.linalg.norm(x, axis=1, keepdims=True), 7)


def retrieval(classes, known, size, entries, queries, spread):
    centres = random.normal(size=(classes, size))
    gy = random.permutation(numpy.repeat(numpy.arange(known), entries))
    qy = random.integers(0, classes, queries)
    g = unit(centres[gy] + spread * random.normal(size=(len(gy), size)))
    q = unit(centres[qy] + spread * random.normal(size=(queries, size)))
    found = NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(g)
    distance, index = found.kneighbors(q)
    score, is_known = 1 - distance[:, 0], qy < known
    inside = is_known
    case = {"gallery": g.tolist(), "galleryLabels": gy.tolist(), "queries": q.tolist(), "queryLabels": qy.tolist()}
    for k in [1, 5]:
        case[f"recallAt{k}"] = float((gy[index[:, :k]] == qy[:, None]).any(axis=1).mean())
    case["auroc"] = float(roc_auc_score(is_known, score))
    # The operating point with the most accepted that keeps the false-accept rate.
    fpr, tpr, threshold = roc_curve(is_known, score, drop_intermediate=False)
    for rate in [0.1, 0.3]:
        at = threshold[fpr <= rate][-1]
        right = gy[index[:, 0]] == qy
        case[f"at{rate}"] = {
            "falseAcceptRate": float((score[~inside] >= at).mean()),
            "identificationRate": float(((score[inside] >= at) & right[inside]).mean()),
        }
    return case


def frechet(n, m, size):
    a = numpy.round(random.normal(size=(n, size)) @ random.normal(size=(size, size)) + 3, 4)
    b = numpy.round(random.normal(size=(m, size)) @ random.normal(size=(size, size)) + 2, 4)
    ca, cb = numpy.cov(a, rowvar=False), numpy.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(ca @ cb)
    value = ((a.mean(0) - b.mean(0)) ** 2).sum() + numpy.trace(ca + cb - 2 * root.real)
    return {"a": a.tolist(), "b": b.tolist(), "mean": a.mean(0).tolist(), "covariance": ca.tolist(), "distance": float(value)}


def eigen(matrix):
    return {"matrix": matrix.tolist(), "values": scipy.linalg.eigh(matrix, eigvals_only=True).tolist()}


x = numpy.round(random.normal(size=(9, 9)), 3)
low = numpy.round(random.normal(size=(8, 3)), 3)
golden = {
    "madeBy": f"scripts/golden/retrieval.py, scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}, numpy {numpy.__version__}",
    "retrieval": [retrieval(6, 4, 4, 3, 60, 0.7), retrieval(4, 3, 3, 5, 40, 0.4)],
    # The second has fewer vectors than numbers in each: its covariances are singular.
    "frechet": [frechet(40, 30, 4), frechet(5, 30, 6)],
    "eigen": [
        eigen(x + x.T),
        eigen(low @ low.T),
        eigen(numpy.diag([3.0, 1.0, 1.0, 2.0])),
        eigen(numpy.ones((5, 5))),
        eigen(numpy.array([[2.0]])),
        eigen(numpy.array([[1e-8, 1e-9], [1e-9, 1e8]])),
        eigen(numpy.zeros((3, 3))),
    ],
}
print(json.dumps(golden, separators=(",", ":")))
