"""What is taken back, by what, and that it stays so; what is held instead."""

from __future__ import annotations

import pytest

from tests.unit.rollout.given import (
    MODE_IDS,
    MODES,
    baking,
    break_pods,
    canary,
    revision_of,
    rolled_back,
    serving,
    share_of,
)
from tests.unit.rollout.world import World

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)


def reason(world: World) -> str:
    return str((world.status or {})["reason"])


@both
@pytest.mark.parametrize(
    ("nature", "why"),
    [
        pytest.param("errors", "CheckFailed", id="a check fails"),
        pytest.param("crashing", "CrashLoop", id="its pods crash"),
        pytest.param("out of memory", "OutOfMemory", id="its pods need too much memory"),
        pytest.param("hanging", "NotReadyInTime", id="its pods do not become ready in time"),
    ],
)
def test_a_bad_version_is_rolled_back(nature: str, why: str, gateway: bool) -> None:
    world = rolled_back(nature, gateway=gateway)
    assert world.status
    assert world.status["failed"]["reason"] == why
    assert world.status["message"].startswith("v1 serves all: v2 rolled back: ")
    assert list(world.wanted()) == [revision_of(world, "v1")]
    assert share_of(world, "v1") == 1


@both
def test_the_traffic_goes_back_in_the_pass_that_sees_the_failure_and_pods_end_only_after_it(gateway: bool) -> None:
    world = canary("errors", gateway=gateway)
    while "RolledBack" not in world.events():
        world.tick()
        world.look()
    second = revision_of(world, "v2")
    assert second not in (world.routed() or {})
    assert world.selected() == revision_of(world, "v1")
    assert second in world.wanted(), "endpoints have not followed yet"
    world.look()
    assert (world.status or {})["canary"]["weight"] == 0, "it is not let go of before they have"
    world.tick()
    world.settle()
    assert second not in world.wanted(), "a rollback waits for the endpoints alone"


@both
def test_a_version_that_fails_in_the_bake_is_rolled_back(gateway: bool) -> None:
    world = baking(gateway=gateway)
    world.nature["v2"] = "crashing"
    world.until("RolledBack", "v1", limit=60)
    world.tick()
    assert share_of(world, "v1") == 1


@pytest.mark.parametrize(
    ("on_fail", "phase", "why"),
    [("rollback", "RolledBack", "CheckFailed"), ("pause", "Paused", "CheckFailed"), ("observe", "Healthy", "AllReady")],
)
def test_a_failing_check_does_what_its_on_fail_says(on_fail: str, phase: str, why: str) -> None:
    world = serving()
    world.spec["analysis"]["checks"] = [{"errorRate": {}, "onFail": on_fail}]
    world.release("v2", "errors")
    world.until(phase)
    world.wait(300)
    assert (world.is_(phase), reason(world)) == (True, why)


@pytest.mark.parametrize("edit", ["scaled", "steps edited", "time passes", "pods break", "the operator restarts"])
def test_a_rollback_stays(edit: str) -> None:
    world = rolled_back()
    match edit:
        case "scaled":
            world.spec["replicas"] = 2
        case "steps edited":
            world.release("v2", steps=[{"weight": 5, "for": "1m"}])
        case "pods break":
            break_pods(world, "v1", all_but=1)
    world.wait(8000)
    assert world.is_("RolledBack", "v1", 0)
    assert world.events().count("Started") == 1


@pytest.mark.parametrize("how", ["another version", "retry by a person", "retry in the spec"])
def test_a_rollback_ends_by(how: str) -> None:
    world = rolled_back()
    world.nature["v2"] = "good"
    match how:
        case "another version":
            world.release("v3")
        case "retry by a person":
            world.ask("retry")
        case "retry in the spec":
            world.release("v2", retry=1)
    world.until("Healthy", "v3" if how == "another version" else "v2")


def test_a_retry_is_the_next_attempt_with_evidence_of_its_own() -> None:
    world = rolled_back()
    world.nature["v2"] = "good"
    world.ask("retry")
    retried = world.now
    world.until("Progressing", "v1", weight=25)
    assert world.status
    assert world.status["canary"]["attempt"] == 2
    assert world.status["canary"]["step"] == 1
    assert world.now - retried >= 10


@pytest.mark.parametrize("how", ["by a person", "in the spec"])
def test_a_retry_waits_until_the_canary_that_failed_is_taken_back(how: str) -> None:
    world = canary("errors", gateway=True)
    while "RolledBack" not in world.events():
        world.tick()
        world.look()
    if how == "by a person":
        world.ask("retry")
    else:
        world.release("v2", retry=1)
    world.look()
    assert world.is_("RolledBack", "v1", 0)
    world.until("Progressing", "v1", weight=25)
    assert (world.status or {})["canary"]["attempt"] == 2


@both
def test_a_canary_that_loses_its_last_pod_gets_nothing_at_once_and_goes_on_when_it_is_back(gateway: bool) -> None:
    world = canary(gateway=gateway)
    break_pods(world, "v2")
    world.settle()
    assert (world.status or {})["weights"] == "100/0"
    assert revision_of(world, "v2") not in (world.routed() or {})
    world.tick()
    assert share_of(world, "v1") == 1
    world.heal()
    world.until("Healthy", "v2")
    assert "RolledBack" not in world.events()


@both
def test_while_stable_is_down_a_failed_canary_keeps_the_traffic_that_it_answers(gateway: bool) -> None:
    world = canary("errors", gateway=gateway)
    world.wait(5)
    break_pods(world, "v1")
    world.ask("abort")
    world.wait(120)
    assert world.is_("RolledBack", "v1", 25)
    assert share_of(world, "v2") == 1
    assert "traffic stays where it is answered" in (world.status or {})["message"]
    world.heal()
    world.wait(30)
    assert world.is_("RolledBack", "v1", 0)
    assert share_of(world, "v1") == 1


def test_what_the_cluster_is_to_blame_for_holds_and_then_pauses() -> None:
    world = serving()
    world.release("v2", "pending")
    world.wait(300)
    assert (world.is_("Progressing"), reason(world)) == (True, "Unschedulable")
    world.wait(400)
    assert (world.is_("Paused"), reason(world)) == (True, "Unschedulable")
    world.nature["v2"] = "good"
    world.wait(3600)
    assert world.is_("Paused"), "a person resumes"
    world.ask("resume")
    world.until("Healthy", "v2")


def test_the_time_that_the_cluster_took_is_not_the_versions() -> None:
    world = serving()
    world.release("v2", "pending")
    world.wait(580)
    world.nature["v2"] = "hanging"
    world.wait(580)
    assert world.is_("Progressing")
    world.wait(60)
    assert (world.is_("RolledBack"), reason(world)) == (True, "NotReadyInTime")


def test_pods_that_were_late_once_and_got_ready_have_their_whole_time_again() -> None:
    world = canary()
    world.ask("pause")
    world.settle()
    for _ in range(2):
        break_pods(world, "v2")
        world.wait(400)
        world.heal()
        world.wait(20)
    assert world.is_("Paused")


def test_after_the_deadline_a_person_decides() -> None:
    world = canary(gateway=True, progressDeadline="30m")
    world.measured.traffic = False
    world.wait(1900)
    assert (world.is_("Paused", "v1", 25), reason(world)) == (True, "DeadlineExceeded")
    assert "errorRate" in (world.status or {})["message"]
    world.measured.traffic = True
    world.wait(600)
    assert world.is_("Paused")
    world.ask("resume")
    world.until("Healthy", "v2")


def test_pauses_do_not_count_against_the_deadline() -> None:
    world = canary(progressDeadline="30m")
    world.ask("pause")
    world.wait(3000)
    world.release("v2", paused=True)
    world.ask("resume")
    world.wait(3000)
    world.release("v2", paused=False)
    world.until("Healthy", "v2")
    assert "DeadlineExceeded" not in [c["reason"] for c in (world.status or {})["conditions"]]
