"""Serves plain answers over the HTTP/2 that gRPC is on, for h2spec to judge, which is run by hand:

go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
python -m tests.component.serving.h2spec        # prints its port
h2spec --strict --host 127.0.0.1 --port PORT    # 146 tests
"""

import asyncio

import uvloop

from pilotage.transport.http2.connection import Connection, Shared
from pilotage.transport.limits import Limits
from tests.unit.serving.wire import Listener


async def serve() -> None:
    """Until it is interrupted."""
    limits = Limits(max_body=1 << 20, connection_seconds=3600, max_connections=100)
    shared = Shared(Listener().accept, limits)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(shared), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while True:
        await asyncio.sleep(1)
        shared.tick()


if __name__ == "__main__":
    uvloop.run(serve())
