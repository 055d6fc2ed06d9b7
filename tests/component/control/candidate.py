"""A process that wants the Lease: says `stands` when it begins to ask and `holds` when it has it.

It answers `write?` with `yes` or `no`.
"""

import asyncio
import os
import sys
import time

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient

from pilotage_operator.clients.kube import Kube
from pilotage_operator.control.lease import Lease, LeaseLost


async def main(namespace: str, holder: str) -> None:
    await config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
    lease = Lease(namespace, holder, time.monotonic)
    asked = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    async with ApiClient() as client:
        kube = Kube(client, lambda: None)
        print("stands", flush=True)
        running = asyncio.create_task(lease.run(kube))
        await lease.held.wait()
        print("holds", flush=True)
        while question := (await asked.readline()).strip():
            if question == b"release":
                running.cancel()
                await lease.release(kube)
            try:
                lease.fence()
                print("yes", flush=True)
            except LeaseLost:
                print("no", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
