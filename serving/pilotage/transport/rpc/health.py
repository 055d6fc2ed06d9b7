"""`grpc.health.v1.Health`: whether this server should be sent requests, now and whenever that changes."""

from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.rpc.call import Call, Method
from pilotage.transport.rpc.messages import parsed
from pilotage.transport.rpc.protos.health_pb2 import HealthCheckRequest, HealthCheckResponse

SERVICE = "grpc.health.v1.Health"


class Health:
    """One state for all services: there is one model. The empty name is the server."""

    def __init__(self, services: frozenset[str]) -> None:
        self.serving = True
        self._services = services | {""}
        self._watching: set[Call] = set()

    def methods(self) -> dict[str, Method]:
        """By name."""
        return {"Check": Method(self._check), "Watch": Method(self._watch, lasting=True)}

    def stop(self) -> None:
        """From now on others should be asked; whoever watches hears of it."""
        self.serving = False
        for call in list(self._watching):
            call.send(self._status())

    def _check(self, call: Call, message: bytes) -> None:
        service = parsed(HealthCheckRequest, message).service
        if service not in self._services:
            raise ProtocolError(404, f"service {shown(service)} is not served here")
        call.reply(self._status())

    def _watch(self, call: Call, message: bytes) -> None:
        """A name that is unknown may become known, so that the protocol lets it be watched too; here none does."""
        if parsed(HealthCheckRequest, message).service not in self._services:
            call.send(HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN).SerializeToString())
            return
        self._watching.add(call)
        call.on_over = lambda: self._watching.discard(call)
        call.send(self._status())

    def _status(self) -> bytes:
        status = HealthCheckResponse.SERVING if self.serving else HealthCheckResponse.NOT_SERVING
        return HealthCheckResponse(status=status).SerializeToString()
