"""Offline figures of a model, from its own ONNX answers to the test rows."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def measure(answers: dict[str, Array], truth: Array, estimator: Any, classifier: bool) -> dict[str, float]:
    """accuracy, logLoss and auc of a classifier (auc where the test rows hold every class); r2 and mae otherwise."""
    from sklearn import metrics

    if not classifier:
        predicted = answers["prediction"].reshape(truth.shape)
        return {
            "r2": float(metrics.r2_score(truth, predicted)),
            "mae": float(metrics.mean_absolute_error(truth, predicted)),
        }
    classes = np.asarray(estimator.classes_)
    # In float32 a probability may be 1 + 1e-7; the metrics want none above 1 and rows that sum to 1.
    scores = answers["probabilities"].astype(np.float64).clip(0, 1)
    scores /= scores.sum(axis=1, keepdims=True)
    figures = {
        "accuracy": float(np.mean(answers["label"].astype(str) == truth.astype(classes.dtype).astype(str))),
        "logLoss": float(metrics.log_loss(truth, scores, labels=classes)),
    }
    if set(np.unique(truth)) == set(classes):
        figures["auc"] = float(
            metrics.roc_auc_score(truth, scores[:, 1])
            if len(classes) == 2
            else metrics.roc_auc_score(truth, scores, multi_class="ovr", labels=classes)
        )
    return figures
