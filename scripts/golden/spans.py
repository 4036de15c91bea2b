"""Golden entity scores of tag sequences, most of them broken: `python scripts/golden/spans.py > test/golden/spans.json` (seqeval)."""

import json
import random
import warnings

import seqeval
from seqeval.metrics import classification_report
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, IOBES, Entities

warnings.filterwarnings("ignore")
random.seed(5)


def sequence(prefixes, length, labels):
    """Tags at random, but such that stretches of some length come about."""
    tags, label = [], random.choice(labels)
    for _ in range(length):
        if random.random() < 0.3:
            label = random.choice(labels)
        prefix = random.choice(prefixes)
        tags.append("O" if prefix == "O" else f"{prefix}-{label}")
    return tags


def mutated(tags, prefixes, labels):
    return [t if random.random() < 0.8 else sequence(prefixes, 1, labels)[0] for t in tags]


def scores(report):
    return {k: [v["precision"], v["recall"], v["f1-score"], int(v["support"])] for k, v in report.items()}


cases = []
for name, prefixes, scheme in [("BIO", "OOBIII", IOB2), ("BIOES", "OBIIEES", IOBES)]:
    for labels in (["PER"], ["PER", "creative-work", "地名"]):
        for _ in range(4):
            true = [sequence(prefixes, random.randint(1, 14), labels) for _ in range(6)]
            pred = [mutated(t, prefixes, labels) for t in true]
            cases.append(
                {
                    "scheme": name,
                    "true": true,
                    "predicted": pred,
                    "entities": [[[s, e + 1, t] for t, s, e in get_entities(tags)] for tags in true],
                    "strictEntities": [[[e.start, e.end, e.tag] for e in found] for found in Entities(true, scheme).entities],
                    "default": scores(classification_report(true, pred, output_dict=True, zero_division=0)),
                    "strict": scores(classification_report(true, pred, output_dict=True, zero_division=0, mode="strict", scheme=scheme)),
                }
            )
print(json.dumps({"madeBy": f"scripts/golden/spans.py, seqeval {seqeval.__version__ if hasattr(seqeval, '__version__') else '1.2.2'}", "cases": cases}, ensure_ascii=False, separators=(",", ":"), default=int))
