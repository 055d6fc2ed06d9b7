"""V2's verbs on one model, whatever carries them: HTTP now, gRPC beside it later."""

import logging
import time
from typing import Any

from pilotage.bundle.format import BundleDocument
from pilotage.runtime.identity import Identity
from pilotage.runtime.session import RunError, Session
from pilotage.transport import v2
from pilotage.transport.errors import ProtocolError

log = logging.getLogger(__name__)


class Dataplane:
    """Answers for one loaded model. It goes by two names, the deployment's and the bundle's, and by two versions."""

    def __init__(self, identity: Identity, document: BundleDocument, session: Session) -> None:
        self.identity = identity
        self.names = (identity.deployment, identity.model)
        self.versions = (identity.version, identity.bundle_version)
        self._contract = document.contract
        self._outputs = {tensor.name: tensor for tensor in document.contract.outputs}
        self._session = session
        self._last_logged = 0.0

    def server_metadata(self) -> dict[str, Any]:
        """Who serves, and how it speaks; `version` is that of what is served."""
        return {"name": "pilotage", "version": self.identity.version, "extensions": []}

    def model_metadata(self, name: str) -> dict[str, Any]:
        """The contract, under the name that was asked for."""
        return {
            "name": name,
            "versions": [self.identity.version],
            "platform": "onnxruntime_onnx",
            "inputs": [tensor.signature() for tensor in self._contract.inputs],
            "outputs": [tensor.signature() for tensor in self._contract.outputs],
        }

    def infer(self, name: str, body: bytes) -> bytes:
        """Decode, run, encode. Raises ProtocolError: 400 when the request is wrong, 500 when the answer is."""
        request = v2.decode(body, self._contract.inputs, self._contract.outputs)
        try:
            answers = self._session.run(request.inputs)
        except RunError as error:
            self._log_failure(error)
            raise ProtocolError(500, "the model failed to answer this request; the server's log says why") from error
        tensors = [self._outputs[asked] for asked in request.outputs] or self._contract.outputs
        return v2.encode(name, self.identity.version, request.id, tensors, answers)

    def _log_failure(self, error: RunError) -> None:
        """At most one line a second: a model that fails every request must not drown its own log."""
        now = time.monotonic()
        if now - self._last_logged >= 1:
            self._last_logged = now
            log.error("%s", error)
