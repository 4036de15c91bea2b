"""Confident learning by cleanlab: test/golden/confident-learning.json.

    python scripts/golden/confident-learning.py test/golden/confident-learning.json
"""
import json
import sys

import cleanlab
import numpy as np
from cleanlab.count import compute_confident_joint, get_confident_thresholds
from cleanlab.filter import find_label_issues
from cleanlab.outlier import OutOfDistribution
from cleanlab.rank import get_label_quality_scores

rng = np.random.default_rng(11)
cases = []
for n, classes, wrong, sharp in [(60, 2, 0.15, 2.0), (120, 4, 0.1, 1.5), (90, 3, 0.3, 0.5), (80, 5, 0.0, 4.0)]:
    truth = rng.integers(0, classes, n)
    labels = np.where(rng.random(n) < wrong, rng.integers(0, classes, n), truth)
    logits = rng.normal(size=(n, classes)) + sharp * np.eye(classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    probabilities = np.round(probabilities, 5)
    probabilities[:, -1] = 1 - probabilities[:, :-1].sum(1)
    probabilities = np.clip(probabilities, 0, 1)
    joint = compute_confident_joint(labels, probabilities, calibrate=False)
    cases.append(
        {
            "labels": labels.tolist(),
            "probabilities": probabilities.tolist(),
            "thresholds": get_confident_thresholds(labels, probabilities).tolist(),
            "confidentJoint": joint.tolist(),
            "issues": find_label_issues(
                labels, probabilities, filter_by="confident_learning", return_indices_ranked_by="self_confidence"
            ).tolist(),
            "selfConfidence": get_label_quality_scores(labels, probabilities, method="self_confidence").tolist(),
            "normalizedMargin": get_label_quality_scores(labels, probabilities, method="normalized_margin").tolist(),
            "confidenceWeightedEntropy": get_label_quality_scores(
                labels, probabilities, method="confidence_weighted_entropy"
            ).tolist(),
            "inDistribution": OutOfDistribution().fit_score(pred_probs=probabilities, labels=labels, verbose=False).tolist(),
        }
    )
with open(sys.argv[1], "w") as f:
    json.dump({"cleanlab": cleanlab.__version__, "cases": cases}, f)
    f.write("\n")
