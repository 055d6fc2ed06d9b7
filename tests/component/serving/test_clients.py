"""Triton's own HTTP client against the real server: every datatype there and back, as JSON, in binary, and mixed."""

from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from pilotage.bundle.format import DATATYPES
from tests.component.serving import echo
from tests.component.serving.process import WAIT, Server

# Triton's client sends FP16 in binary only.
IN_JSON = [word for word in DATATYPES if word != "FP16"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton.InferenceServerClient]:
    """A client of a server that gives back what it gets."""
    bundle = echo.write(tmp_path_factory.mktemp("bundles") / "echo")
    with (
        Server(bundle, PILOTAGE_DEPLOYMENT="parrot", PILOTAGE_VERSION="echo-v1") as server,
        triton.InferenceServerClient(f"127.0.0.1:{server.port}", network_timeout=WAIT) as connected,
    ):
        yield connected


def inputs(in_json: list[str]) -> list[triton.InferInput]:
    """Every input, those of the datatypes `in_json` as JSON."""
    given = []
    for word in DATATYPES:
        tensor = triton.InferInput(f"in_{word.lower()}", [2, 3], word)
        tensor.set_data_from_numpy(echo.values(word), binary_data=word not in in_json)
        given.append(tensor)
    return given


def check(result: triton.InferResult, words: list[str]) -> None:
    assert [output["name"] for output in result.get_response()["outputs"]] == [f"out_{word.lower()}" for word in words]
    for word in words:
        wanted, found = echo.values(word), result.as_numpy(f"out_{word.lower()}")
        if word == "BYTES":
            found = np.array([v.decode() if isinstance(v, bytes) else v for v in found.ravel()], object).reshape(2, 3)
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype


def test_it_tells_what_is_served(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("parrot")
    assert client.is_model_ready("parrot", "echo-v1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("echo", "1")
    assert (metadata["name"], metadata["versions"]) == ("echo", ["echo-v1"])
    assert [tensor["datatype"] for tensor in metadata["inputs"]] == list(DATATYPES)


@pytest.mark.parametrize("in_json", [[], IN_JSON, IN_JSON[::2], IN_JSON[1::2]], ids=["binary", "JSON", "one", "other"])
def test_every_datatype_goes_there_and_back(client: triton.InferenceServerClient, in_json: list[str]) -> None:
    result = client.infer("parrot", inputs(in_json), request_id="a-1")
    assert result.get_response()["id"] == "a-1"
    assert result.get_response()["model_version"] == "echo-v1"
    check(result, list(DATATYPES))


@pytest.mark.parametrize("in_json", [[], list(DATATYPES), list(DATATYPES[::2])], ids=["binary", "JSON", "mixed"])
def test_outputs_come_in_the_order_and_the_form_of_asking(
    client: triton.InferenceServerClient, in_json: list[str]
) -> None:
    words = list(DATATYPES)[::-1]
    asked = [triton.InferRequestedOutput(f"out_{word.lower()}", binary_data=word not in in_json) for word in words]
    result = client.infer("echo", inputs([]), model_version="1", outputs=asked)
    check(result, words)
    assert all(("data" in output) == (output["datatype"] in in_json) for output in result.get_response()["outputs"])


@pytest.mark.parametrize("algorithm", ["gzip", None])
def test_bodies_may_be_packed(client: triton.InferenceServerClient, algorithm: str | None) -> None:
    given = inputs(IN_JSON)
    result = client.infer(
        "parrot", given, request_compression_algorithm=algorithm, response_compression_algorithm="gzip"
    )
    check(result, list(DATATYPES))


def test_refusals_reach_the_caller_as_sentences(client: triton.InferenceServerClient) -> None:
    with pytest.raises(
        InferenceServerException, match="input 'in_uint8' is missing; the model takes in_bool"
    ) as caught:
        client.infer("parrot", inputs([])[:1])
    assert caught.value.status() == "400"
    with pytest.raises(InferenceServerException, match="'out_bool' has parameter classification"):
        client.infer("parrot", inputs([]), outputs=[triton.InferRequestedOutput("out_bool", class_count=2)])
    with pytest.raises(InferenceServerException, match="this is model parrot or echo"):
        client.infer("cockatoo", inputs([]))


def test_a_deadline_that_has_passed_is_told(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer("parrot", inputs([]), timeout=1)  # a microsecond
    assert caught.value.status() == "504"
