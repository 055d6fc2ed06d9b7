import shutil
from pathlib import Path

import pytest

from pilotage.bundle.build import Bundle
from tests.unit.bundle.bundles import make_bundle


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """One bundle for all tests that only read it."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "fraud-1")


@pytest.fixture
def folder(built: Bundle, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may spoil."""
    return Path(shutil.copytree(built.path, tmp_path / "bundle"))
