"""Writes test/golden/comparison.json: McNemar's test by statsmodels, bootstrap intervals by scipy. Run: python scripts/golden/comparison.py"""
import json
import pathlib

import numpy
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

random = numpy.random.default_rng(5)


def mcnemar_case(n, p, q):
    first, second = random.random(n) < p, random.random(n) < q
    table = [[int((first & second).sum()), int((first & ~second).sum())], [int((~first & second).sum()), int((~first & ~second).sum())]]
    return {"first": first.astype(int).tolist(), "second": second.astype(int).tolist(), "exact": float(mcnemar(table, exact=True).pvalue),
            "corrected": float(mcnemar(table, exact=False, correction=True).pvalue)}


class Recorded(numpy.random.Generator):
    """Keeps the rows that scipy draws."""

    def integers(self, *args, **kwargs):
        drawn = super().integers(*args, **kwargs)
        self.rows = drawn
        return drawn


def bootstrap_case(values, other=None):
    generator = Recorded(numpy.random.PCG64(9))
    differences = values if other is None else values - other
    result = stats.bootstrap((differences,), numpy.mean, n_resamples=199, method="percentile", rng=generator, vectorized=True)
    means = differences[generator.rows].mean(axis=-1)
    case = {"values": values.tolist(), "rows": generator.rows.tolist(), "low": float(result.confidence_interval.low), "high": float(result.confidence_interval.high)}
    if other is not None:
        case |= {"other": other.tolist(), "difference": float(differences.mean()), "p": float(min(1, 2 * min((means <= 0).mean(), (means >= 0).mean())))}
    return case


a = numpy.round(random.random(40), 3)
golden = {
    "madeBy": f"scripts/golden/comparison.py, statsmodels {statsmodels.__version__}, scipy {scipy.__version__}",
    "mcnemar": [mcnemar_case(30, 0.8, 0.7), mcnemar_case(200, 0.9, 0.8), mcnemar_case(1500, 0.85, 0.84), mcnemar_case(50, 0.98, 0.5)],
    "bootstrap": bootstrap_case(a),
    "paired": bootstrap_case(a, numpy.round(a - 0.05 + random.normal(size=40) * 0.2, 3)),
}
path = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden" / "comparison.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size, "bytes")
