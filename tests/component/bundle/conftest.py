from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotage.bundle.build import Bundle
from tests.component.bundle.registry import RunningRegistry, running_registry
from tests.unit.bundle.bundles import make_bundle


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "fraud-1")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RunningRegistry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    with running_registry(folder) as running:
        yield running


@pytest.fixture
def guarded_registry(tmp_path: Path) -> Iterator[RunningRegistry]:
    """One that asks for a password."""
    folder = tmp_path / "guarded"
    folder.mkdir()
    with running_registry(folder, password=True) as running:
        yield running
