"""Named entities: a linear CRF with hand-made features (python-crfsuite) beside Descent, on the same parts, in one run.

    pip install sklearn-crfsuite seqeval
    npm run build
    DESCENT_DATA=FOLDER python3 scripts/peers/named-entities.py [SEEDS]

The features are those of sklearn-crfsuite's tutorial without parts of speech, which WNUT-17 has none of, and with shapes. Both
regularizations are tried on the dev part, and the better one is kept.
"""

import os
import sys

import sklearn_crfsuite
from seqeval.metrics import f1_score

from descent_run import say_where, several_seeds


def read(path):
    sentences, sentence = [], []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                columns = line.rstrip("\n").split("\t")
                sentence.append((columns[0], columns[-1]))
            elif sentence:
                sentences.append(sentence)
                sentence = []
    return [*sentences, sentence] if sentence else sentences


def shape(word):
    return "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word)


def features(words, i):
    word = words[i]
    found = {
        "bias": 1.0,
        "lower": word.lower(),
        "last3": word[-3:],
        "last2": word[-2:],
        "first3": word[:3],
        "shape": shape(word),
        "upper": word.isupper(),
        "title": word.istitle(),
        "digit": word.isdigit(),
        "first": i == 0,
        "last": i == len(words) - 1,
    }
    for by in (-1, 1):
        if 0 <= i + by < len(words):
            other = words[i + by]
            found.update({f"{by}:lower": other.lower(), f"{by}:title": other.istitle(), f"{by}:upper": other.isupper(), f"{by}:shape": shape(other)})
    return found


def columns(sentences):
    words = [[word for word, _ in sentence] for sentence in sentences]
    return [[features(each, i) for i in range(len(each))] for each in words], [[tag for _, tag in sentence] for sentence in sentences]


def crfsuite(folder):
    train, dev, test = (columns(read(os.path.join(folder, f"{part}.conll"))) for part in ("train", "dev", "test"))
    best = (0.0, None, None)
    for c1, c2 in ((0.0, 0.03), (0.0, 0.1), (0.0, 0.3), (0.1, 0.1), (0.05, 0.01)):
        model = sklearn_crfsuite.CRF(algorithm="lbfgs", c1=c1, c2=c2, max_iterations=100, all_possible_transitions=True)
        model.fit(*train)
        on_dev, on_test = f1_score(dev[1], model.predict(dev[0])), f1_score(test[1], model.predict(test[0]))
        print(f"crfsuite c1 {c1} c2 {c2}: dev {on_dev:.4f} test {on_test:.4f}", flush=True)
        best = max(best, (on_dev, on_test, (c1, c2)))
    print(f"crfsuite, chosen on dev {best[2]}: test F1 {best[1]:.4f}", flush=True)


if __name__ == "__main__":
    seeds = range(1, 1 + int(sys.argv[1]) if len(sys.argv) > 1 else 4)
    say_where()
    crfsuite(os.path.join(os.environ["DESCENT_DATA"], "wnut17"))
    several_seeds("token-classification", "wnut17", seeds)
    several_seeds("token-classification", "resume-ner-zh", seeds)
