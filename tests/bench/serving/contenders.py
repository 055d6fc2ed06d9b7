"""The servers: ours, and those that others would take. Each rival lives in a virtual environment of its own.

All run on Debian's Python, are compiled beforehand as they are in images, and get one core, one worker process and
one thread in ONNX Runtime; access logs are off.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.serving import machine
from tests.bench.serving.process import Command, free_port
from tests.cluster import cache
from tests.cluster.cache import Artefact
from tests.cluster.progress import Note
from tests.cluster.shell import follow, run

HERE = Path(__file__).parent
RIVALS = HERE / "rivals"
ROOT = HERE.parents[2]
SOURCES = ROOT / "serving" / "pilotage"
PINS = ROOT / "serving" / "requirements.txt"
PYTHON = "bin/python"


@dataclass(frozen=True)
class Contender:
    """A server by its name in the report. `command` is told the model's name, its folder, and one to write in."""

    title: str
    command: Callable[[str, Path, Path], Command]


def environment(rival: str) -> Artefact:
    """The virtual environment of MLServer, KServe or uvicorn."""
    pins = RIVALS / f"{rival}.txt"
    return Artefact(
        name=f"bench-{rival}",
        why="what it needs is installed into a virtual environment of its own, a minute or two",
        key=cache.key(pins, machine.python()),
        build=lambda folder, note: _install(folder, pins, note, "--no-deps"),
    )


def ours() -> Artefact:
    """The virtual environment of our server, as serving/Dockerfile makes it."""
    return Artefact(
        name="bench-pilotage",
        why="our server is installed as it is in its image, half a minute",
        key=cache.key(SOURCES, PINS, machine.python()),
        build=_install_ours,
        fleeting=True,
    )


def models() -> Artefact:
    """The models' folder; see models.py."""
    return Artefact(
        name="bench-models",
        why="the models are trained and bundled, half a minute",
        key=cache.key(HERE / "models.py", HERE / "bodies.py", SOURCES / "bundle"),
        build=lambda folder, note: follow([sys.executable, "-m", "tests.bench.serving.models", folder], note),
        fleeting=True,
    )


def _install(folder: Path, pins: Path, note: Note, how: str) -> None:
    run([machine.PYTHON, "-m", "venv", folder])
    follow([folder / PYTHON, "-m", "pip", "install", how, "-r", pins], note)


def _install_ours(folder: Path, note: Note) -> None:
    _install(folder, PINS, note, "--require-hashes")
    shutil.copytree(SOURCES, folder / "src" / SOURCES.name, ignore=shutil.ignore_patterns("__pycache__"))
    run([folder / PYTHON, "-m", "compileall", "-q", folder / "src"])


def _pilotage(name: str, model: Path, scratch: Path) -> Command:
    return _serve(model, "-m", "pilotage")


def _pilotage_bare(name: str, model: Path, scratch: Path) -> Command:
    return _serve(model, "-m", "tests.bench.serving.bare")


def _pilotage_grpc(name: str, model: Path, scratch: Path) -> Command:
    return _serve(model, "-m", "pilotage", grpc_port=free_port())


def _serve(model: Path, *module: str, grpc_port: int = 0) -> Command:
    port = free_port()
    listen = ("--host", "127.0.0.1", "--port", str(port))
    grpc = ("--grpc-port", str(grpc_port)) if grpc_port else ()
    return Command(
        argv=(ours().path / PYTHON, *module, "serve", model / "bundle", *listen, *grpc),
        port=port,
        grpc_port=grpc_port,
        ready=f"/v2/models/{model.name}/ready",
        environment={"PYTHONPATH": f"{ours().path / 'src'}:{ROOT}"},
    )


def _mlserver(name: str, model: Path, scratch: Path) -> Command:
    return _mlserver_with("mlserver_sklearn.SKLearnModel", name, model / "model.joblib", scratch)


def _mlserver_onnx(name: str, model: Path, scratch: Path) -> Command:
    return _mlserver_with("mlserver_onnx.OnnxModel", name, model / "bundle" / "model.onnx", scratch)


def _mlserver_with(runtime: str, name: str, file: Path, scratch: Path) -> Command:
    """Models in the server's own process: its default, a worker process beside it, cannot help on one core.

    Nor does that worker start with these versions: uvloop leaves it without an event loop.
    """
    port, grpc_port = free_port(), free_port()
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": grpc_port,
        "metrics_port": free_port(),
        "parallel_workers": 0,
    }
    model = {"name": name, "implementation": runtime, "parameters": {"uri": str(file), "version": "1"}}
    (scratch / "settings.json").write_text(json.dumps(settings))
    (scratch / "model-settings.json").write_text(json.dumps(model))
    return Command(
        argv=(environment("mlserver").path / PYTHON, "-c", "from mlserver.cli import main; main()", "start", scratch),
        port=port,
        grpc_port=grpc_port,
        ready=f"/v2/models/{name}/ready",
        environment={"PYTHONPATH": str(RIVALS)},
        folder=scratch,
    )


def _kserve(name: str, model: Path, scratch: Path) -> Command:
    """Without its three lines of log for every request, which are its default."""
    port, grpc_port = free_port(), free_port()
    quiet = {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}}
    loggers = {name: {"level": "WARNING"} for name in ("kserve", "kserve.trace", "uvicorn.access", "uvicorn")}
    (scratch / "log.json").write_text(json.dumps({**quiet, "loggers": loggers}))
    flags = {
        "http_port": port,
        "grpc_port": grpc_port,
        "enable_latency_logging": "false",
        "log_config_file": scratch / "log.json",
    }
    given = [f"--{flag}={value}" for flag, value in flags.items()]
    return Command(
        argv=(
            environment("kserve").path / PYTHON,
            RIVALS / "kserve_onnx.py",
            name,
            model / "bundle" / "model.onnx",
            *given,
        ),
        port=port,
        grpc_port=grpc_port,
        ready=f"/v2/models/{name}/ready",
    )


def _asgi(name: str, model: Path, scratch: Path) -> Command:
    port = free_port()
    flags = ("--app-dir", str(RIVALS), "--port", str(port), "--no-access-log", "--log-level", "warning")
    return Command(
        argv=(environment("asgi").path / PYTHON, "-m", "uvicorn", "raw_asgi:app", *flags),
        port=port,
        ready=f"/v2/models/{name}/ready",
        environment={"MODEL": str(model / "bundle" / "model.onnx"), "PATH": os.environ["PATH"]},
    )


CONTENDERS = {
    "pilotage": Contender("Pilotage", _pilotage),
    "pilotage-bare": Contender("Pilotage without metrics", _pilotage_bare),
    "pilotage-grpc": Contender("Pilotage, gRPC on", _pilotage_grpc),
    "mlserver": Contender("MLServer, scikit-learn", _mlserver),
    "mlserver-onnx": Contender("MLServer, ONNX Runtime", _mlserver_onnx),
    "kserve": Contender("KServe, ONNX Runtime", _kserve),
    "asgi": Contender("uvicorn, bare ASGI", _asgi),
}
