"""Three versions of a model, as a data scientist makes them.

    python examples/train.py DIR                          trains and bundles them below DIR
    python examples/train.py DIR oci://HOST/models/fraud  pushes them, too, and writes version 1 into quickstart.yaml

The rows are scikit-learn's breast cancer measurements. In production some of them come incomplete. Version 3 was
trained and tested on complete rows only and lost its imputer on the way: offline it looks as good as any, on a row
with a gap it answers NaN.

A digest is that of the bytes. They are the same on every day, but not on every machine: a bundle says which Python and
which libraries made it, and the last digits of its golden answers are the processor's.
"""

import argparse
import re
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pilotage
from pilotage.bundle.build import Bundle

QUICKSTART = Path(__file__).with_name("quickstart.yaml")
GAPS = 0.3  # of the rows that production sends, the share with a missing measurement

Array = np.ndarray[Any, np.dtype[Any]]


def measurements() -> tuple[Array, Array]:
    """Complete rows, and what each one was."""
    X, y = load_breast_cancer(return_X_y=True)
    return X, y


def with_gaps(X: Array, seed: int = 0) -> Array:
    """The rows as production sends them: in a share of `GAPS`, one measurement is missing (NaN)."""
    random = np.random.default_rng(seed)
    incomplete = np.flatnonzero(random.random(len(X)) < GAPS)
    X = X.copy()
    X[incomplete, random.integers(X.shape[1], size=len(incomplete))] = np.nan
    return X


def train(into: Path) -> list[Bundle]:
    """Train and bundle the three versions, each in its own folder below `into`."""
    X, y = measurements()
    gaps = with_gaps(X)
    made = []
    for version, rows, estimator in [
        ("1", gaps, make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=0.01))),
        ("2", gaps, make_pipeline(SimpleImputer(), HistGradientBoostingClassifier(max_iter=60, random_state=0))),
        ("3", X, make_pipeline(StandardScaler(), LogisticRegression())),
    ]:
        X_train, X_test, y_train, y_test = train_test_split(rows, y, random_state=0)
        estimator.fit(X_train, y_train)
        folder = into / f"fraud-{version}"
        made.append(pilotage.bundle(estimator, X_train, X_test, y_test, name="fraud", version=version, into=folder))
    return made


def point(manifest: str, uri: str, digest: str) -> str:
    """The manifest with its one source pointed at a bundle."""
    manifest = re.sub(r"(?m)^(\s+uri: ).*$", rf"\g<1>{uri}", manifest)
    return re.sub(r"(?m)^(\s+digest: ).*$", rf"\g<1>{digest}", manifest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("into", type=Path, metavar="DIR")
    parser.add_argument("uri", nargs="?", metavar="oci://HOST/REPOSITORY")
    parser.add_argument("--plain-http", action="store_true", help="the registry speaks HTTP without TLS")
    options = parser.parse_args()
    bundles = train(options.into)
    for bundle in bundles:
        print(
            bundle.push(options.uri, plain_http=options.plain_http) if options.uri else f"{bundle.path} {bundle.digest}"
        )
    if options.uri:
        QUICKSTART.write_text(point(QUICKSTART.read_text(), options.uri, bundles[0].digest))
        print(f"now: kubectl apply -f examples/{QUICKSTART.name}")


if __name__ == "__main__":
    main()
