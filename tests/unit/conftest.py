"""Examples have no time limit of their own, since a busy machine is no defect; and how long the fuzzed tests run:
HYPOTHESIS_PROFILE=long pytest tests/unit/serving -k fuzz"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("short", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=300_000, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
