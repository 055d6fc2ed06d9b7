"""A bad version is taken back, and the reason is said."""

from __future__ import annotations

from tests.e2e.conftest import both_modes
from tests.e2e.world import World, eventually


def _serves_on_without(bad: str, world: World) -> None:
    """After a rollback: the bad one's pods are gone, and stable answers everything.

    Nodes follow a Service by up to a second, so that until its pods end a new connection may still reach the bad one.
    """
    stable = world.status()["stable"]["revision"]

    def only_stable() -> bool:
        pods = world.items("pods", "pilotage.dev/revision")
        return {pod["metadata"]["labels"]["pilotage.dev/revision"] for pod in pods} == {stable}

    eventually("the bad version's pods are gone", only_stable, world.describe)
    with world.load() as load:
        eventually("answers", lambda: load.tally.answered > 200)
        tally = load.stop()
    assert (tally.lost, tally.failed(), tally.of(bad)) == (0, 0, 0), tally
    assert len(world.items("deploy", "pilotage.dev/revision")) == 1


@both_modes
def test_a_version_with_errors_is_rolled_back(world: World) -> None:
    # Given
    world.serving("v1")
    with world.load() as load:
        # When
        world.release("v3")
        # Then
        status = world.until_phase("RolledBack", "v1")
        tally = load.stop()
    assert status["failed"]["reason"] == "CheckFailed"
    assert "errorRate" in status["message"]
    assert status["message"].startswith("tumour-v1 serves")
    assert (tally.lost, tally.failed("v1")) == (0, 0), tally
    assert tally.failed("v3") > 0
    world.until("all of the traffic is back", lambda s: s["weights"] == "100/0" and "canary" not in s)
    _serves_on_without("v3", world)


def test_a_slow_version_is_rolled_back(world: World) -> None:
    # Given a limit that the slow one's matrices exceed and the machine's noise does not
    strict = {"latency": {"quantile": 0.5, "maxRatio": 1.5, "minDifference": "1ms"}}
    world.serving("v1", analysis={"interval": "5s", "checks": [strict]})
    with world.load() as load:
        # When
        world.release("slow")
        # Then
        status = world.until_phase("RolledBack", "v1")
        tally = load.stop()
    assert status["failed"]["reason"] == "CheckFailed"
    assert "latency" in status["message"]
    assert (tally.lost, tally.failed()) == (0, 0), tally


def test_a_version_that_does_not_start_is_rolled_back(world: World) -> None:
    # Given
    world.serving("v1", replicas=2)
    with world.load() as load:
        # When the pods get less memory than they need
        too_little = {"resources": {"requests": {"cpu": "20m", "memory": "20Mi"}, "limits": {"memory": "20Mi"}}}
        world.release("v2", server=too_little)
        # Then
        status = world.until_phase("RolledBack", "v1")
        tally = load.stop()
    assert status["failed"]["reason"] in ("OutOfMemory", "CrashLoop")
    assert tally.of("v2") == 0
    assert (tally.lost, tally.failed()) == (0, 0), tally


def test_a_person_aborts_and_retries(world: World) -> None:
    # Given
    world.serving("v1", replicas=2)
    with world.load() as load:
        world.release("v2")
        world.until_weight(25)
        # When
        world.act("abort")
        # Then
        status = world.until_phase("RolledBack", "v1")
        assert status["failed"]["reason"] == "Aborted"
        assert "maria" in status["message"]
        # When
        world.act("retry")
        # Then
        status = world.until("a second attempt", lambda s: (s.get("canary") or {}).get("attempt") == 2)
        world.until_phase("Healthy", "v2")
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally
    assert [h["by"] for h in world.status()["history"] if h["event"] in ("Abort", "Retry")] == ["maria", "maria"]
