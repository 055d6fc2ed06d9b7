"""Whatever a model's bytes are, a check of it ends with a report and a reason."""

from pathlib import Path

import pytest

from tests.component.bundle.fuzz_models import fuzz, make_seeds


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_seeds(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize("first", [0, 100])
def test_a_spoilt_model_gets_a_report(bundles: list[Path], first: int) -> None:
    result = fuzz(bundles, first, 100)
    assert result.code == 0, f"seed {first + len(result.said)} ended the process: {result.errors}"
    assert len(result.said) == 100
    assert {said.split(":")[0] for said in result.said.values()} == {"passed", "refused"}
