"""Semantic roles: a logistic regression on hand-made features (scikit-learn) beside Descent, on the same parts, in one run.

    pip install scikit-learn
    npm run build
    DESCENT_DATA=FOLDER python3 scripts/peers/semantic-roles.py [SEEDS]

Predicates are given; nobody sees trees or parts of speech. The regression learns from the whole dev part, Descent from nine tenths of
it (the last chooses the checkpoint).
"""

import gzip
import os
import sys

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from descent_run import say_where, several_seeds

PARTS = {
    "up-english-ewt": ("en_ewt-up-dev.conllu.gz", "en_ewt-up-test.conllu.gz"),
    "up-chinese": ("zh-up-dev.conllu.gz", "zh-up-test.conllu.gz"),
}


def blocks(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for block in file.read().split("\n\n"):
            lines = block.split("\n")
            if any(line.startswith("#") and line.replace(" ", "") == "#propbank=no-up" for line in lines):
                continue
            rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
            rows = [row for row in rows if "-" not in row[0] and "." not in row[0]]
            if rows:
                yield rows


def read(path):
    """Sentences as words, and their propositions: the predicate's place, and the role of each head word."""
    for rows in blocks(path):
        marks = sum(len(row) > 8 and row[8] == "Y" for row in rows)
        frame = 9 if all(len(row) == 10 + marks and row[8] in ("Y", "_") for row in rows) else 10
        predicates = [i for i, row in enumerate(rows) if len(row) > frame and row[frame] not in ("_", "")]
        roles = [{i: row[frame + 1 + k] for i, row in enumerate(rows) if row[frame + 1 + k] not in ("_", "", "V")} for k in range(len(predicates))]
        yield [row[1] for row in rows], list(zip(predicates, roles))


def features(words, p, i):
    lower = [word.lower() for word in words]
    at = lambda k: lower[k] if 0 <= k < len(words) else "<>"
    side = "=" if i == p else "-" if i < p else "+"
    far, verb, word = side + str(min(abs(i - p), 10)), lower[p], lower[i]
    return {
        "word": word, "written": words[i], "last3": word[-3:], "last2": word[-2:], "first3": word[:3], "capital": words[i][:1].isupper(),
        "-1": at(i - 1), "+1": at(i + 1), "-2": at(i - 2), "+2": at(i + 2), "-1 0": f"{at(i - 1)} {word}", "0 +1": f"{word} {at(i + 1)}",
        "far": far, "side": side, "verb": verb, "verb last3": verb[-3:], "length": min(len(word), 8),
        "side verb": f"{side} {verb}", "far verb": f"{far} {verb}", "word verb": f"{word} {verb}", "side word": f"{side} {word}",
        "far last3": f"{far} {word[-3:]}", "far verb last3": f"{far} {verb[-3:]}", "verb -1": f"{side} {at(p - 1)}", "verb +1": f"{side} {at(p + 1)}",
    }  # fmt: skip


def examples(path):
    all_pairs = [(features(words, p, i), roles.get(i, "O")) for words, propositions in read(path) for p, roles in propositions for i in range(len(words))]
    return [pair[0] for pair in all_pairs], np.array([pair[1] for pair in all_pairs])


def argument_f1(truth, predicted):
    right = np.sum((truth == predicted) & (truth != "O"))
    return 2 * right / (np.sum(truth != "O") + np.sum(predicted != "O"))


def regression(folder, data):
    train, test = (os.path.join(folder, data, name) for name in PARTS[data])
    (rows, labels), (test_rows, truth) = examples(train), examples(test)
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform(rows)
    kept = matrix.getnnz(axis=0) >= 2
    test_matrix = vectorizer.transform(test_rows)[:, kept]
    model = LogisticRegression(C=1.0, max_iter=100).fit(matrix[:, kept], labels)
    f1 = argument_f1(truth, model.predict(test_matrix))
    print(f"logistic regression {data}: {len(labels)} pairs, {int(kept.sum())} features, argument F1 {f1:.4f}", flush=True)


if __name__ == "__main__":
    seeds = range(1, 1 + int(sys.argv[1]) if len(sys.argv) > 1 else 4)
    say_where()
    for name in PARTS:
        regression(os.environ["DESCENT_DATA"], name)
        several_seeds("semantic-role-labeling", name, seeds)
