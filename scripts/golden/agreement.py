"""Agreement between annotators, by statsmodels and krippendorff: test/golden/agreement.json.

    python scripts/golden/agreement.py test/golden/agreement.json
"""
import json
import sys

import krippendorff
import numpy as np
import statsmodels
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa, to_table

rng = np.random.default_rng(7)


def noisy(truth, classes, wrong):
    change = rng.random(truth.shape) < wrong
    return np.where(change, rng.integers(0, classes, truth.shape), truth)


cohen, fleiss, alpha = [], [], []
for n, classes, wrong in [(12, 2, 0.3), (60, 3, 0.2), (200, 5, 0.5), (40, 4, 0.0), (50, 2, 1.0)]:
    truth = rng.integers(0, classes, n)
    a, b = noisy(truth, classes, wrong), noisy(truth, classes, wrong)
    table, _ = to_table(np.stack([a, b], 1), bins=classes)
    row = {"first": a.tolist(), "second": b.tolist()}
    for name, wt in [("none", None), ("linear", "linear"), ("quadratic", "quadratic")]:
        result = cohens_kappa(table, wt=wt, return_results=True)
        row[name] = float(result.kappa)
    cohen.append(row)

for n, raters, classes, wrong in [(10, 3, 2, 0.2), (50, 5, 4, 0.4), (30, 8, 3, 0.9)]:
    truth = rng.integers(0, classes, n)
    ratings = np.stack([noisy(truth, classes, wrong) for _ in range(raters)], 1)
    counts, _ = aggregate_raters(ratings)
    fleiss.append({"counts": counts.tolist(), "kappa": float(fleiss_kappa(counts))})

# Krippendorff's own example of four observers, with values missing.
nan = float("nan")
example = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
    [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
]
cases = [np.array(example)]
for n, raters, classes, wrong, missing in [(40, 3, 4, 0.3, 0.0), (80, 6, 7, 0.5, 0.4), (25, 2, 3, 0.9, 0.1)]:
    truth = rng.integers(0, classes, n)
    ratings = np.stack([noisy(truth, classes, wrong) for _ in range(raters)]).astype(float)
    ratings[rng.random(ratings.shape) < missing] = nan
    cases.append(ratings)
cases.append(np.round(rng.normal(size=(3, 30)) * 2.5, 1) + np.round(rng.normal(size=30) * 4, 1))
for ratings in cases:
    row = {"ratings": [[None if np.isnan(v) else v for v in r] for r in ratings.tolist()]}
    for level in ["nominal", "ordinal", "interval"]:
        row[level] = float(krippendorff.alpha(reliability_data=ratings, level_of_measurement=level))
    alpha.append(row)

with open(sys.argv[1], "w") as f:
    json.dump(
        {"statsmodels": statsmodels.__version__, "krippendorff": "0.9.0", "cohen": cohen, "fleiss": fleiss, "alpha": alpha}, f
    )
    f.write("\n")
