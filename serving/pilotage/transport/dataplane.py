"""V2's verbs on one model, whatever carries them: HTTP and gRPC are thin over it."""

from __future__ import annotations

import logging
from time import monotonic
from typing import Any

from pilotage.bundle.format import BundleDocument
from pilotage.runtime.batch import Batcher
from pilotage.runtime.errors import RunError
from pilotage.runtime.identity import Identity
from pilotage.transport.errors import TOLD, ProtocolError, worded

log = logging.getLogger(__name__)

PLATFORM = "onnxruntime_onnx"
EXTENSIONS = ("binary_tensor_data",)


class Dataplane:
    """Answers for one loaded model. It goes by two names, the deployment's and the bundle's, and by two versions."""

    def __init__(self, identity: Identity, document: BundleDocument, batcher: Batcher) -> None:
        self.identity = identity
        self.names = (identity.deployment, identity.model)
        self.versions = (identity.version, identity.bundle_version)
        self.contract = document.contract
        self.overload = batcher.overload
        """Seconds that a request which arrived then would wait, when it is to be turned away for that; else 0."""
        self.submit = batcher.submit
        """Hand a request to the model. Raises Refused when its inputs do not fit each other."""
        self._last_logged = 0.0

    def server_metadata(self) -> dict[str, Any]:
        """Who serves, and how it speaks; `version` is that of what is served."""
        return {"name": "pilotage", "version": self.identity.version, "extensions": list(EXTENSIONS)}

    def model_metadata(self, name: str) -> dict[str, Any]:
        """The contract, under the name that was asked for."""
        return {
            "name": name,
            "versions": [self.identity.version],
            "platform": PLATFORM,
            "inputs": [tensor.signature() for tensor in self.contract.inputs],
            "outputs": [tensor.signature() for tensor in self.contract.outputs],
        }

    def worded(self, error: Exception) -> ProtocolError:
        """What its caller is told. The rest is logged, a line a second at most: a model that fails every request must
        not drown its own log."""
        now = monotonic()
        if not isinstance(error, TOLD) and now - self._last_logged >= 1:
            self._last_logged = now
            log.error("%s", error, exc_info=None if isinstance(error, RunError) else error)
        return worded(error)
