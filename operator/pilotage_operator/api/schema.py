"""What every part of the two resources is made of: frozen models, and rules that say what to do.

A rule is written once, with one sentence, in both languages it is needed in: CEL for the API server, which refuses a
bad manifest, and Python for what never passes there, which is the platform's defaults and what is merged with them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

CEL_KEY = "x-kubernetes-validations"

Part = TypeVar("Part", bound="Schema")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One condition on a value; `says` tells the user what to write instead.

    As metadata of `Annotated` it binds a single value; in a model's `rules` it binds fields together. `holds` is None
    for a rule about a change (CEL's `oldSelf`), which only the API server can see.
    """

    says: str
    cel: str
    holds: Callable[[Any], bool] | None = None

    def check(self, value: Any) -> Any:
        """The value itself; raises ValueError with the rule's sentence if it does not hold."""
        if self.holds is not None and not self.holds(value):
            raise ValueError(self.says)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(core)
        return {**json_schema, CEL_KEY: [*json_schema.get(CEL_KEY, []), {"rule": self.cel, "message": self.says}]}


class Schema(BaseModel):
    """A part of a resource: camelCase in YAML, snake_case here, frozen."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What must hold between the fields."""
    defaults_on_server: ClassVar[bool] = True
    """Whether the API server fills in the defaults. Not where absent means what the platform team chose."""

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules:
            rule.check(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler.resolve_ref_schema(handler(core))
        if cls.rules:
            json_schema[CEL_KEY] = [{"rule": rule.cel, "message": rule.says} for rule in cls.rules]
        if not cls.defaults_on_server:
            for field in json_schema.get("properties", {}).values():
                field.pop("default", None)
        return json_schema

    def dump(self) -> dict[str, Any]:
        """As it stands in YAML or JSON: camelCase, absent instead of null, times in RFC 3339."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class StatusSchema(Schema):
    """A part of a status. A field that a newer operator wrote is passed over, not refused."""

    model_config = ConfigDict(extra="ignore")
    defaults_on_server: ClassVar[bool] = False


def overlay(given: Part, base: Part) -> Part:
    """`given`, with `base` in place of every field that was not given; raises ValidationError if the two do not agree.

    Parts are merged field by field, lists are replaced whole.
    """
    merged = {name: _whole(getattr(base, name)) for name in type(given).model_fields}
    for name in given.model_fields_set:
        value, below = getattr(given, name), merged[name]
        merged[name] = overlay(value, below) if isinstance(value, Schema) and isinstance(below, type(value)) else value
    return type(given).model_validate(merged)


def _whole(value: Any) -> Any:
    """A part with every field as if it was given: after an overlay nothing is left open."""
    if not isinstance(value, Schema):
        return value
    return type(value).model_validate({name: _whole(getattr(value, name)) for name in type(value).model_fields})


def sentence(error: ValidationError, *, at: str = "spec") -> str:
    """Every mistake of a refused value on one line: where it is, and what to do."""
    mistakes = []
    for detail in error.errors(include_url=False, include_context=False):
        where = ".".join([at, *(str(part) for part in detail["loc"])])
        mistakes.append(f"{where}: {detail['msg'].removeprefix('Value error, ')}")
    return "; ".join(mistakes)
