"""What schemathesis is told of our requests (SCHEMATHESIS_HOOKS) because a JSON schema cannot say it.

Only right requests are touched; wrong ones are sent as they were made.
"""

from copy import deepcopy
from typing import Any

import schemathesis

MINUTE = 60_000_000  # microseconds
ALLOWED = 1.5


@schemathesis.hook
def map_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """The data has as many elements as the shape says, an output is named once, and there is time to answer.

    Where rows are not told apart, the one feature with limits, the last, keeps to them.
    """
    right = case.meta is not None and case.meta.generation.mode.is_positive
    if not right or not case.path.endswith("/infer") or not isinstance(case.body, dict):
        return case
    body: dict[str, Any] = deepcopy(case.body)
    case.body = body
    tensor = body["inputs"][0]
    data, width = tensor["data"], tensor["shape"][1]
    if isinstance(data[0], list):
        tensor["shape"][0] = len(data)
    else:
        data = tensor["data"] = data[: len(data) // width * width] or (data * width)[:width]
        tensor["shape"][0] = len(data) // width
        data[width - 1 :: width] = [ALLOWED] * (len(data) // width)
    if body.get("outputs"):
        body["outputs"] = list({output["name"]: output for output in body["outputs"]}.values())
    if (body.get("parameters") or {}).get("timeout"):
        body["parameters"]["timeout"] = MINUTE
    return case
