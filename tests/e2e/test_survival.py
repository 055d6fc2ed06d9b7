"""What is around a rollout dies, and nothing is lost by it."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.conftest import both_modes
from tests.e2e.private_prometheus import private_prometheus
from tests.e2e.world import World, eventually, kubectl, time_passes


@both_modes
def test_prometheus_dies_and_comes_back(world: World) -> None:
    # Given a canary that is measured by a Prometheus which may be killed
    world.prometheus = private_prometheus(world.namespace)
    world.install()
    world.serving("v1", replicas=2)
    with world.load() as load:
        world.release("v2")
        world.until_weight(25)
        # When
        kubectl("scale", "-n", world.namespace, "deploy/prometheus", "--replicas=0")
        # Then it holds, and says so
        status = world.until("it holds", lambda s: s["reason"] == "MetricsUnavailable")
        assert status["phase"] == "Progressing"
        weights = status["weights"]
        time_passes(load, 1200)
        assert world.status()["weights"] == weights
        # When
        kubectl("scale", "-n", world.namespace, "deploy/prometheus", "--replicas=1")
        # Then
        world.until_phase("Healthy", "v2")
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally


@both_modes
@pytest.mark.parametrize("which", ["good", "bad"])
def test_the_operator_is_killed_at_every_phase(world: World, which: str) -> None:
    # Given
    asked, phase, stable = {"good": ("v2", "Healthy", "v2"), "bad": ("v3", "RolledBack", "v1")}[which]
    world.release("v1", replicas=2)
    world.until("it has begun", lambda s: s.get("phase"))
    world.kill_operator()
    world.until_phase("Healthy", "v1")
    with world.load() as load:
        # When
        world.release(asked)
        seen: set[str] = set()
        while True:
            status = world.until("another phase or step", lambda s: _place(s) not in seen)
            seen.add(_place(status))
            if status["phase"] == phase and status["stable"]["modelVersion"] == f"tumour-{stable}":
                break
            world.kill_operator()
        # Then
        tally = load.stop()
    assert len(seen) >= 3, seen
    assert tally.lost == 0, tally
    assert tally.failed("v1") + tally.failed("v2") == 0, tally


def _place(status: dict) -> str:  # type: ignore[type-arg]
    canary = status.get("canary") or {}
    return f"{status['phase']} {canary.get('step', '-')} {canary.get('weight', '-')}"


def test_the_status_is_deleted_during_a_rollout(world: World) -> None:
    # Given
    world.serving("v1", replicas=2)
    with world.load() as load:
        world.release("v2")
        world.until_weight(25)
        # When
        patch = '{"status": null}'
        kubectl(
            "patch", "-n", world.namespace, "mdeploy", world.name, "--subresource=status", "--type=merge", "-p", patch
        )
        # Then it is no first deployment: what serves goes on, and a person is asked
        status = world.until_phase("Paused", "v1")
        assert status["reason"] == "StatusLost"
        assert status["canary"]["modelVersion"] == "tumour-v2"
        # When
        world.act("resume")
        # Then
        world.until_phase("Healthy", "v2")
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally


def test_the_operator_is_uninstalled(world: World) -> None:
    # Given
    world.serving("v1", replicas=2)
    with world.load() as load:
        # When
        subprocess.run(
            ["helm", "uninstall", "pilotage", "-n", world.namespace, "--wait"], check=True, capture_output=True
        )
        before = load.tally
        # Then
        eventually("pods go on serving", lambda: load.tally.since(before).of("v1") > 300)
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally
    kubectl("delete", "-n", world.namespace, "mdeploy,mv", "--all", "--timeout=30s")
    eventually("the children are gone with their owner", lambda: not world.items("pods", "pilotage.dev/deployment"))
