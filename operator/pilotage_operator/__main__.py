"""`python -m pilotage_operator`: runs the operator in a cluster, or from a kubeconfig beside one."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

from kubernetes.aio import config as cluster
from kubernetes.aio.client import ApiClient

from pilotage_operator.control import logs
from pilotage_operator.control.app import App
from pilotage_operator.control.config import Config, ConfigError, read_config
from pilotage_operator.handlers import watch


def main() -> int:
    """Exit code 2 for a configuration that cannot be used, with one sentence."""
    logs.set_up()
    try:
        config = read_config(Path(os.environ.get("PILOTAGE_CONFIG", "/config/config.yaml")))
    except ConfigError as error:
        print(f"pilotage-operator: {error}", file=sys.stderr)
        return 2
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        cluster.load_incluster_config()  # type: ignore[no-untyped-call]
    else:
        await cluster.load_kube_config()  # type: ignore[no-untyped-call]
    holder = f"{os.environ.get('POD_NAME') or socket.gethostname()}-{os.getpid()}"
    async with ApiClient() as client:
        return await App(client, config, os.environ.get("POD_NAMESPACE", "default"), holder, watch).run()


if __name__ == "__main__":
    sys.exit(main())
