"""Whether the checks ask for outputs and classes that the model has: a slip would hold every rollout for ever."""

from __future__ import annotations

from collections.abc import Sequence

from pilotage_operator.api.analysis import Check, PredictionShare
from pilotage_operator.api.modelversion import TensorContract
from pilotage_operator.domain.analysis.finding import listed


def unknown_to_model(checks: Sequence[Check], outputs: Sequence[TensorContract], version: str) -> str:
    """What a check asks for that the model does not have, in a sentence; "" if nothing.

    Outputs are not listed where they did not fit into the check's report, and classes neither: then nothing is said,
    and the check itself says what is missing once it is measured.
    """
    if not outputs:
        return ""
    for check in checks:
        share, about = check.prediction_share, check.prediction_share or check.prediction_drift
        wanted = about.output if about else None
        found = [output for output in outputs if wanted in (None, output.name)]
        if not found:
            names = listed([output.name for output in outputs])
            return f"spec.analysis.checks: {check.name}: {version} has no output {wanted}; it has {names}"
        why = _no_class(share, found) if share else ""
        if why:
            return f"spec.analysis.checks: {check.name}: {version} {why}"
    return ""


def _no_class(share: PredictionShare, outputs: Sequence[TensorContract]) -> str:
    labelled = [output for output in outputs if not output.datatype.startswith("FP")]
    if not labelled:
        named = f"output {share.output} is of numbers and has" if share.output else "answers with numbers only, and has"
        return f"{named} no classes; watch it by predictionDrift"
    classes = [name for output in labelled for name in output.classes or ()]
    if share.class_ is None or share.class_ in classes or not all(output.classes for output in labelled):
        return ""
    return f"has no class {share.class_}; it has {listed(classes)}"
