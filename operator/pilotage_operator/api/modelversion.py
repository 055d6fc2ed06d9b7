"""ModelVersion: what may be served. Immutable, checked once."""

import re
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field

from pilotage_operator.api.conditions import Condition
from pilotage_operator.api.quantities import Memory
from pilotage_operator.api.schema import Rule, Schema, StatusSchema

_URI: Final = r"^oci://[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$"
_DIGEST: Final = r"^sha256:[a-f0-9]{64}$"

Uri = Annotated[
    str,
    Field(max_length=512),
    Rule(
        says="write the bundle's place as oci://host[:port]/repository, without a tag; the digest has its own field",
        cel=f"self.matches('{_URI}')",
        holds=lambda uri: re.fullmatch(_URI, uri) is not None,
    ),
]
Digest = Annotated[
    str,
    Field(max_length=71),
    Rule(
        says="write the bundle's digest as `pilotage push` prints it: sha256: and 64 hex digits",
        cel=f"self.matches('{_DIGEST}')",
        holds=lambda digest: re.fullmatch(_DIGEST, digest) is not None,
    ),
]
Tolerance = Annotated[
    float,
    Rule(says="a tolerance must be 0 or more", cel="self >= 0.0", holds=lambda tolerance: tolerance >= 0),
]


class SecretRef(Schema):
    """A Secret in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the Secret. Its keys are `registry` (the host that they are for; no other is shown them), `username`
    and `password`."""


class Credentials(Schema):
    """How to log in at the registry."""

    secret_ref: SecretRef
    """The Secret that holds them. Pods mount it; the operator never reads it."""


class Source(Schema):
    """Where the bundle is. It cannot be changed: other bytes are another ModelVersion."""

    rules = (
        Rule(
            says="source is immutable: create a new ModelVersion for another bundle",
            cel="self == oldSelf",
        ),
    )

    uri: Uri
    """The bundle's repository: oci://host[:port]/repository, without a tag."""
    digest: Digest
    """The bundle's digest, as `pilotage push` prints it. Every byte that is served is checked against it."""
    credentials: Credentials | None = None
    """How to log in at the registry. Absent: without a login."""


class Golden(Schema):
    """How near the answers to the bundle's golden requests must be: |answer - golden| <= atol + rtol * |golden|."""

    rtol: Tolerance = 1e-4
    """Relative tolerance."""
    atol: Tolerance = 1e-5
    """Absolute tolerance, in the output's own unit."""


class Gate(Schema):
    """What must hold before the version may serve."""

    golden: Golden = Golden()
    """The bundle's golden requests are answered again, and compared."""
    memory: Memory = "512Mi"
    """The memory in which the model must load and answer."""


class ModelVersionSpec(Schema):
    """One version of a model: its bundle, and what must hold before it may serve."""

    rules = (
        Rule(
            says="model and version are immutable: create a new ModelVersion",
            cel="self.model == oldSelf.model && self.version == oldSelf.version",
        ),
    )

    model: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the model, as in its bundle."""
    version: Annotated[str, Field(min_length=1, max_length=63)]
    """Version of the model, as in its bundle."""
    source: Source
    """Where the bundle is. Immutable: other bytes are another ModelVersion."""
    gate: Gate = Gate()
    """What must hold before it may serve. The limits may be changed; the version is then checked again."""


class VersionPhase(StrEnum):
    """Where a ModelVersion stands."""

    PENDING = "Pending"
    CHECKING = "Checking"
    READY = "Ready"
    REJECTED = "Rejected"


class TensorContract(StatusSchema):
    """One input or output of the model."""

    name: str
    """Name of the tensor."""
    datatype: str
    """Type of its elements in the words of the Open Inference Protocol: FP32, INT64, BYTES."""
    shape: tuple[int, ...]
    """Its dimensions; -1 is any number of rows."""
    classes: tuple[str, ...] | None = None
    """Of an output of labels: the classes that are counted, as metrics and predictionShare name them. Absent: not known
    here."""


class Contract(StatusSchema):
    """What the model takes and gives."""

    inputs: tuple[TensorContract, ...] = ()
    """What a request must hold."""
    outputs: tuple[TensorContract, ...] = ()
    """What an answer holds."""
    hash: str
    """SHA-256 of the whole contract, features included: 64 hex digits."""


class GateCheck(StatusSchema):
    """One check of the gate and what came of it."""

    check: str
    """What was checked: digest, size, structure, load, golden."""
    verdict: Literal["pass", "fail"]
    """Whether it held."""
    figure: str = ""
    """What was measured."""
    limit: str = ""
    """What was allowed."""
    message: str = ""
    """What it means, for a person."""


class CheckingJob(StatusSchema):
    """The Job that checks, pinned by its UID."""

    name: str
    """Name of the Job."""
    uid: str
    """UID of the Job: one of the same name made by somebody else is not believed."""


class ModelVersionStatus(StatusSchema):
    """What is known of the version."""

    observed_generation: int | None = None
    """The generation of the spec that this status is about."""
    phase: VersionPhase = VersionPhase.PENDING
    """Pending: not looked at yet. Checking: its Job runs, or waits for a registry that is away. Ready: may serve.
    Rejected: may not."""
    message: str = ""
    """Why it is in this phase, for a person."""
    contract: Contract | None = None
    """What the model takes and gives, as the check found it."""
    report: Annotated[tuple[GateCheck, ...], Field(max_length=32)] = ()
    """Each check of the gate: its figure, its limit and its verdict."""
    job: CheckingJob | None = None
    """The Job that checks or has checked."""
    attempts: int = 0
    """How often a check was begun and could not be finished, since its registry or its node was away."""
    retry_at: AwareDatetime | None = None
    """When the next check is begun."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    """What holds now."""

    @classmethod
    def parse(cls, status: dict[str, Any] | None) -> "ModelVersionStatus":
        """The status of an object, or an empty one where it has none yet."""
        return cls.model_validate(status or {})
