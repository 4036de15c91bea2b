"""Fits scikit-learn's and LightGBM's models to tables, 10 splits each, and writes matrices and scores for scripts/classical-peers.ts.
Run: python scripts/peers/classical.py FOLDER OUT.json, with FOLDER the CSV files (iris, penguins, titanic, tips, mpg, healthexp, flights, diamonds; of these, which may be
gzipped, 6,000 rows). A forest's score is the mean of FORESTS forests, since one differs from the next by more than methods do."""
import json
import pathlib
import sys
import time
import warnings

import lightgbm
import numpy
import pandas
import sklearn
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import LinearSVC, LinearSVR

warnings.filterwarnings("ignore")
FORESTS = 5
ROWS = 6000
folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
# File, target, columns left out.
TABLES = [("iris", "species", []), ("penguins", "species", []), ("titanic", "survived", ["alive"]), ("tips", "tip", []),
          ("mpg", "mpg", ["name"]), ("healthexp", "Life_Expectancy", []), ("flights", "passengers", []), ("diamonds", "price", [])]


def models(kind, seed=1):
    lgb = {"verbose": -1, "n_jobs": 1, "deterministic": True}
    if kind == "classes":
        return {"logistic-regression": LogisticRegression(max_iter=5000), "linear-svm": LinearSVC(dual=False, max_iter=20000),
                "naive-bayes": GaussianNB(), "k-nearest-neighbours": KNeighborsClassifier(5),
                "random-forest": RandomForestClassifier(100, random_state=seed), "gradient-boosting": lightgbm.LGBMClassifier(**lgb)}
    return {"linear-svm": LinearSVR(loss="squared_epsilon_insensitive", epsilon=0.1, dual=False, max_iter=20000),
            "k-nearest-neighbours": KNeighborsRegressor(5), "random-forest": RandomForestRegressor(100, min_samples_leaf=5, max_features=1 / 3, random_state=seed),
            "gradient-boosting": lightgbm.LGBMRegressor(**lgb)}


def score(kind, truth, answer):
    return float((truth == answer).mean()) if kind == "classes" else float(1 - ((truth - answer) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


tables = []
for name, target, dropped in TABLES:
    file = folder / f"{name}.csv"
    table = pandas.read_csv(file if file.exists() else f"{file}.gz")
    table = table.sample(min(ROWS, len(table)), random_state=0).reset_index(drop=True).drop(columns=dropped).dropna(subset=[target])
    y = table.pop(target)
    kind = "classes" if y.dtype == object or str(y.dtype) in ("string", "str") or y.nunique() == 2 else "quantity"
    y = numpy.unique(y, return_inverse=True)[1] if kind == "classes" else (y - y.mean()).to_numpy(float) / y.std()
    numbers = [c for c in table if pandas.api.types.is_numeric_dtype(table[c]) and table[c].dtype != bool]
    codes = numpy.column_stack([table[c].to_numpy(float) if c in numbers else pandas.Categorical(table[c].astype(str)).codes.astype(float) for c in table])
    dense = pandas.get_dummies(table.astype({c: str for c in table if c not in numbers}), dtype=float)
    dense = dense.fillna(dense.mean()).to_numpy(float)
    dense = (dense - dense.mean(axis=0)) / numpy.where(dense.std(axis=0) == 0, 1, dense.std(axis=0))
    categorical = [i for i, c in enumerate(table) if c not in numbers]
    dense, codes = dense.astype(numpy.float32), codes.astype(numpy.float32)
    splits = []
    for seed in range(10):
        train, test = train_test_split(numpy.arange(len(y)), test_size=0.25, random_state=seed, stratify=y if kind == "classes" else None)
        scores = {}
        for method, model in models(kind).items():
            x = codes if method in ("random-forest", "gradient-boosting") else dense
            x = numpy.nan_to_num(x, nan=-999) if method == "random-forest" else x
            options = {"categorical_feature": categorical} if method == "gradient-boosting" else {}
            began = time.process_time()
            fits = [models(kind, seed)[method] for seed in range(1, FORESTS + 1)] if method == "random-forest" else [model]
            found = [score(kind, y[test], fit.fit(x[train], y[train], **options).predict(x[test])) for fit in fits]
            scores[method] = {"score": sum(found) / len(found), "seconds": time.process_time() - began}
        splits.append({"train": train.tolist(), "test": test.tolist(), "scores": scores})
    as_list = lambda m: [None if numpy.isnan(v) else float(v) for v in m.ravel()]
    tables.append({"name": name, "forests": FORESTS, "kind": kind, "y": y.tolist(), "dense": as_list(dense), "codes": as_list(codes), "categorical": categorical, "splits": splits})
out.write_text(json.dumps({"madeBy": f"scikit-learn {sklearn.__version__}, lightgbm {lightgbm.__version__}", "tables": tables}))
