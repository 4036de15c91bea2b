"""Writes test/golden/classical.json: traditional models of scikit-learn, and Shapley values of shap. Run: python scripts/golden/classical.py"""
import json
import pathlib

import lightgbm
import numpy
import shap
import sklearn
from sklearn.ensemble import RandomForestClassifier, GradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.svm import LinearSVC, LinearSVR

random = numpy.random.default_rng(11)


def rounded(values, digits=3):
    return numpy.round(values, digits).astype(numpy.float32).astype(float)


def flat(values):
    return numpy.asarray(values, dtype=float).ravel().tolist()


def linear_case(classes, n=120, f=5):
    x = rounded(random.normal(size=(n, f)) * [1, 2, 0.5, 1, 1])
    y = (x @ random.normal(size=(f, classes)) + random.normal(size=(n, classes))).argmax(axis=1)
    logistic = LogisticRegression(C=0.7, tol=1e-10, max_iter=10000).fit(x, y)
    svm = LinearSVC(C=0.5, tol=1e-10, max_iter=1000000, dual=False).fit(x, y)
    bayes = GaussianNB().fit(x, y)
    counts = random.poisson(2, size=(n, f)).astype(float)
    multinomial = MultinomialNB(alpha=0.5).fit(counts, y)
    return {
        "x": flat(x), "columns": f, "y": y.tolist(), "classes": classes,
        "logistic": {"C": 0.7, "weights": flat(logistic.coef_), "bias": flat(logistic.intercept_)},
        "svm": {"C": 0.5, "weights": flat(svm.coef_), "bias": flat(svm.intercept_)},
        "gaussian": {"means": flat(bayes.theta_), "variances": flat(bayes.var_), "logProbabilities": flat(bayes.predict_log_proba(x)[:10])},
        "multinomial": {"counts": flat(counts), "alpha": 0.5, "logProbabilities": flat(multinomial.predict_log_proba(counts)[:10])},
    }


def regression_case(n=100, f=4):
    x = rounded(random.normal(size=(n, f)))
    y = rounded(x @ [1, -2, 0, 0.5] + random.normal(size=n) * 0.3)
    svr = LinearSVR(C=0.8, epsilon=0.1, loss="squared_epsilon_insensitive", tol=1e-10, max_iter=1000000, dual=False).fit(x, y)
    return {"x": flat(x), "columns": f, "y": flat(y), "svr": {"C": 0.8, "weights": flat(svr.coef_), "bias": flat(svr.intercept_)}}


def ensemble(trees, features, outputs, width, base, tree_outputs):
    """Trees of scikit-learn as the arrays of src/classical/tree-ensemble.ts: node −1 − leaf is a leaf."""
    e = {"features": features, "outputs": outputs, "width": width, "base": flat(base), "roots": [], "treeOutputs": tree_outputs,
         "feature": [], "threshold": [], "left": [], "right": [], "missingLeft": [], "nodeCover": [], "leafCover": [], "leafValues": []}
    for tree, values in trees:
        places = {}
        for n in range(tree.node_count):
            if tree.children_left[n] < 0:
                places[n] = -1 - len(e["leafCover"])
                e["leafCover"].append(float(tree.weighted_n_node_samples[n]))
                e["leafValues"] += flat(values[n])
            else:
                places[n] = len(e["feature"])
                e["feature"].append(int(tree.feature[n]))
                # Rows are float32: the largest such number that is not above the threshold.
                t = numpy.float32(tree.threshold[n])
                e["threshold"].append(float(t if t <= tree.threshold[n] else numpy.nextafter(t, numpy.float32(-numpy.inf))))
                e["missingLeft"].append(0)
                e["nodeCover"].append(float(tree.weighted_n_node_samples[n]))
                e["left"].append(n)
                e["right"].append(n)
        at = len(e["feature"]) - sum(1 for p in places.values() if p >= 0)
        for place in range(at, len(e["feature"])):
            n = e["left"][place]
            e["left"][place] = places[int(tree.children_left[n])]
            e["right"][place] = places[int(tree.children_right[n])]
        e["roots"].append(places[0])
    return e


def shap_cases():
    x = rounded(random.normal(size=(150, 6)), 2)
    y = rounded(numpy.sin(x[:, 0]) + x[:, 1] * x[:, 2] + (x[:, 3] > 0) + random.normal(size=150) * 0.1)
    model = GradientBoostingRegressor(n_estimators=12, max_depth=4, learning_rate=0.3, random_state=1).fit(x, y)
    trees = [(t[0].tree_, t[0].tree_.value[:, 0, :] * 0.3) for t in model.estimators_]
    boosted = ensemble(trees, 6, 1, 1, [float(model.init_.constant_[0, 0])], [0] * len(trees))
    rows, background = x[:5], x[50:58]
    case = {"ensemble": boosted, "rows": flat(rows), "background": flat(background), "output": 0,
            "scores": flat(model.predict(rows)),
            "pathDependent": flat(shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_values(rows)),
            "interventional": flat(shap.TreeExplainer(model, background, feature_perturbation="interventional").shap_values(rows))}
    labels = numpy.digitize(y, numpy.quantile(y, [0.33, 0.66]))
    forest = RandomForestClassifier(n_estimators=7, max_depth=6, random_state=2).fit(x, labels)
    trees = [(t.tree_, t.tree_.value[:, 0, :] / t.tree_.value[:, 0, :].sum(axis=1, keepdims=True) / 7) for t in forest.estimators_]
    grown = ensemble(trees, 6, 3, 3, [0, 0, 0], [0] * len(trees))
    other = {"ensemble": grown, "rows": flat(rows), "background": flat(background), "output": 1,
             "scores": flat(forest.predict_proba(rows)[:, 1]),
             "pathDependent": flat(shap.TreeExplainer(forest, feature_perturbation="tree_path_dependent").shap_values(rows)[:, :, 1]),
             "interventional": flat(shap.TreeExplainer(forest, background, feature_perturbation="interventional").shap_values(rows)[:, :, 1])}
    return [case, other]


def boosting_case(kind, n=400):
    """Few distinct values in each column, so that both find the same bins; LightGBM's own answers."""
    x = numpy.round(random.normal(size=(n, 5)) * 8) / 4
    x[random.random((n, 5)) < 0.08] = numpy.nan
    filled = numpy.nan_to_num(x, nan=1.5)
    z = numpy.sin(filled[:, 0]) + filled[:, 1] * filled[:, 2] / 2 + (filled[:, 3] > 0) + random.normal(size=n) * 0.3
    y = z if kind == "quantity" else numpy.digitize(z, [0.5] if kind == "two" else [0, 1.2])
    settings = {"n_estimators": 10, "num_leaves": 15, "min_child_samples": 10, "learning_rate": 0.1, "verbose": -1, "deterministic": True,
                "force_row_wise": True, "boost_from_average": True, "min_data_in_bin": 3}
    model = (lightgbm.LGBMRegressor if kind == "quantity" else lightgbm.LGBMClassifier)(**settings).fit(x, y)
    raw = model.predict(x) if kind == "quantity" else model.predict(x, raw_score=True)
    return {"kind": kind, "x": [None if numpy.isnan(v) else v for v in flat(x)], "columns": 5, "y": flat(y), "scores": flat(raw)}


def text_case():
    texts = ["the room was clean and the staff was kind", "the room was dirty", "staff kind and helpful staff", "a dirty noisy room",
             "clean clean clean", "noisy street and noisy staff"]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\S+", lowercase=False)
    x = vectorizer.fit_transform(texts).toarray()
    return {"texts": texts, "names": vectorizer.get_feature_names_out().tolist(), "idf": flat(vectorizer.idf_), "x": flat(x)}


golden = {
    "madeBy": f"scripts/golden/classical.py, scikit-learn {sklearn.__version__}, shap {shap.__version__}, lightgbm {lightgbm.__version__}, numpy {numpy.__version__}",
    "classification": [linear_case(2), linear_case(3)],
    "regression": regression_case(),
    "shap": shap_cases(),
    "boosting": [boosting_case("quantity"), boosting_case("two"), boosting_case("three")],
    "text": text_case(),
}
path = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden" / "classical.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size, "bytes")
