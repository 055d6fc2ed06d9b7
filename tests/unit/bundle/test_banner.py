"""What `pilotage serve` shows at a terminal."""

import json
import shlex

from pilotage.bundle.format import BundleDocument, Contract, Feature, Tensor
from pilotage.cli.banner import banner

URL = "http://127.0.0.1:8080"
DIGEST = "sha256:" + "0" * 64
AGE = Feature("age", 0.0, 120.0, missing=False, refuse=True, redact=True)


def document(*features: Feature, datatype: str = "FP32") -> BundleDocument:
    inputs = (Tensor("person", datatype, (-1, len(features)), features),)
    return BundleDocument("fraud", "3", Contract(inputs, (Tensor("label", "INT64", (-1,)),)), {}, {})


def test_the_banner_shows_what_the_model_takes_and_gives() -> None:
    income = Feature("income", 1000000.0, None, missing=True)
    region = Feature("region", None, None, missing=False, categories=(1.0, 2.0, 3.0, 4.0, 5.0))
    request = {"inputs": [{"name": "person"}]}
    assert (
        banner(document(AGE, income, region), request, URL, DIGEST)
        == f"""
fraud 3 is ready at {URL}
{DIGEST}

takes
  person  FP32  [any, 3]

person has
  age     0 to 120                     others are refused  kept out of logs
  income  at least 1000000 or missing  others are counted
  region  1, 2, 3, 4, …                others are counted

gives
  label  INT64  [any]

try it
curl -s {URL}/v2/models/fraud/infer -d '{{"inputs":[{{"name":"person"}}]}}'
"""
    )


def test_the_request_survives_a_shell() -> None:
    request = {"inputs": [{"name": "it's $HOME `date` \"\\", "data": ["é\n"]}]}
    line = banner(document(AGE), request, URL, DIGEST).splitlines()[-1]
    assert json.loads(shlex.split(line)[-1]) == request


def test_a_long_contract_is_cut() -> None:
    shown = banner(document(*(Feature(f"x{i}", None, None, missing=False) for i in range(100))), {}, URL, DIGEST)
    assert "\n  and 88 more\n" in shown
    assert len(shown.splitlines()) < 40


def test_a_request_too_long_for_a_shell_is_left_out() -> None:
    assert "curl" not in banner(document(AGE), {"inputs": "0" * 200_000}, URL, DIGEST)


def test_a_bundles_words_do_not_command_the_terminal() -> None:
    evil = Feature("\x1b[2J\r\n" + "x" * 1000, None, None, missing=False, categories=("\x1b]0;\x07",))
    shown = banner(document(evil, datatype="BYTES"), {"id": "\x1b[2J"}, URL, DIGEST)
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert max(map(len, shown.splitlines())) < 120
