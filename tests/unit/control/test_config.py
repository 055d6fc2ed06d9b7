"""The platform team's file: what it may say, and the sentence where it is wrong."""

from pathlib import Path

import pytest

from pilotage_operator.control.config import ConfigError, read_config

WHOLE = """
servingImage: localhost/pilotage/serving:dev
prometheus: {url: "http://prometheus:9090", headers: {X-Scope-OrgID: team}}
registries: {plainHTTP: ["registry:5000"]}
watchNamespaces: [models]
connectionSeconds: 30
defaults: {rollout: {progressDeadline: 3h}, traffic: null}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_every_field_is_read(path: Path) -> None:
    path.write_text(WHOLE)
    config = read_config(path)
    assert config.serving_image == "localhost/pilotage/serving:dev"
    assert config.prometheus.headers == {"X-Scope-OrgID": "team"}
    assert config.registries.plain_http == ("registry:5000",)
    assert config.watch_namespaces == ("models",)
    assert config.connection_seconds == 30
    assert config.defaults.rollout.progress_deadline == "3h"
    assert config.defaults.traffic is None


def test_only_the_serving_image_is_needed(path: Path) -> None:
    path.write_text("servingImage: serving:1")
    config = read_config(path)
    assert config.prometheus.url == ""
    assert config.watch_namespaces == ()
    assert config.connection_seconds == 60


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "config.servingImage: Field required", id="an empty file lacks the image"),
        pytest.param("servingImage: a\nservingimage: b", "config.servingimage: Extra", id="a misspelt field is named"),
        pytest.param("servingImage: a\nconnectionSeconds: 0", "config.connectionSeconds", id="a limit is kept"),
        pytest.param(
            "servingImage: a\ndefaults: {rollout: {paws: 1}}", "defaults.rollout.paws", id="defaults are judged"
        ),
        pytest.param("servingImage: [", "cannot be read as YAML", id="what is no YAML is refused"),
        pytest.param("[servingImage]", "config", id="a list is refused"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(path: Path, text: str, says: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_config(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        read_config(path)
