"""Why a goal was missed, by the goal's title: shown in the report as long as it is missed."""

MISSES: dict[str, str] = {}
