"""Golden fit of a scaling law: `python scripts/golden/scaling-law.py > test/golden/scaling-law.json` (NumPy, SciPy).

Points of a known law with noise, and the constants that SciPy's BFGS finds for them from a grid of starts (thinner than that of Hoffmann et al. 2022), by the
objective of Besiroglu et al. 2024: the sum of a Huber loss (1e-3) between logarithms.
"""

import json
from itertools import product

import numpy as np
import scipy
from scipy.optimize import minimize

random = np.random.default_rng(1)
E, A, B, ALPHA, BETA = 1.8, 450.0, 2000.0, 0.345, 0.365
points = []
for n in np.geomspace(5e7, 1e10, 7):
    for d in np.geomspace(1e9, 2e11, 6):
        loss = (E + A / n**ALPHA + B / d**BETA) * np.exp(random.normal(0, 0.004))
        points.append({"parameters": float(f"{n:.6g}"), "tokens": float(f"{d:.6g}"), "loss": float(f"{loss:.8g}")})

N, D, L = (np.array([p[k] for p in points]) for k in ("parameters", "tokens", "loss"))


def objective(x):
    a, b, e, alpha, beta = x
    predicted = np.logaddexp(np.logaddexp(a - alpha * np.log(N), b - beta * np.log(D)), e)
    diff = np.abs(np.log(L) - predicted)
    return np.sum(np.where(diff <= 1e-3, 0.5 * diff**2, 1e-3 * (diff - 0.5e-3))) * 1e6


best = None
for start in product((0, 15), (0, 15), (-0.5, 0.5), (0.3, 0.8), (0.3, 0.8)):
    found = minimize(objective, start, method="BFGS")
    if best is None or found.fun < best.fun:
        best = found
a, b, e, alpha, beta = best.x
law = {"e": float(np.exp(e)), "a": float(np.exp(a)), "b": float(np.exp(b)), "alpha": float(alpha), "beta": float(beta)}
print(json.dumps({"libraries": {"numpy": np.__version__, "scipy": scipy.__version__}, "objective": float(best.fun), "law": law, "points": points}, indent=1))
