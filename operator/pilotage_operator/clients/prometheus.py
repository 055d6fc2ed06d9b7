"""Prometheus' HTTP API: a query at one time, or at many."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

TIMEOUT = 10.0  # seconds for one query
LARGEST_ANSWER = 64 * 2**20  # bytes
LONGEST_COMPLAINT = 200  # characters of what Prometheus says is wrong


class PrometheusUnavailable(Exception):
    """Nothing can be measured now; the message says why, and what to do where somebody can."""


@dataclass(frozen=True)
class Series:
    """One series' labels, and (time, value) oldest first. Values that are not finite are missing."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """One server. `url` may have a path; `headers` (credentials, a tenant) go with every query, and nowhere else."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Prometheus:
        self._session = ClientSession(headers=self._headers, timeout=ClientTimeout(total=TIMEOUT))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def at(self, query: str, time: float) -> list[Series]:
        """An instant query; of a range selector the samples as they were scraped. Raises PrometheusUnavailable."""
        return await self._ask("query", {"query": query, "time": _time(time)})

    async def over(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """A query at start, start + step, … up to end, which is at most 11,000 times. Raises PrometheusUnavailable."""
        times = {"start": _time(start), "end": _time(end), "step": _time(step)}
        return await self._ask("query_range", {"query": query, **times})

    async def _ask(self, path: str, form: dict[str, str]) -> list[Series]:
        if not self._url:
            raise PrometheusUnavailable(
                "no Prometheus is configured; set prometheus.url in the operator's configuration"
            )
        if self._session is None:
            raise RuntimeError("use Prometheus as an async context manager")
        try:
            # A redirect would carry the headers to somebody else.
            async with self._session.post(f"{self._url}/api/v1/{path}", data=form, allow_redirects=False) as response:
                body = await _bounded(response)
                status = response.status
        except TimeoutError as error:
            raise PrometheusUnavailable(f"Prometheus gave no answer within {TIMEOUT:g} s") from error
        except (ClientError, OSError, ValueError) as error:
            raise PrometheusUnavailable(f"Prometheus cannot be reached: {str(error) or repr(error)}") from error
        return _read(status, body)


async def _bounded(response: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise PrometheusUnavailable(f"Prometheus' answer is larger than {LARGEST_ANSWER // 2**20} MiB")
    return bytes(body)


def _read(status: int, body: bytes) -> list[Series]:
    try:
        answer = json.loads(body)
        if status == 200 and answer["status"] == "success":
            return [_series(result) for result in answer["data"]["result"]]
        complaint = str(answer["error"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if status == 200:
            raise PrometheusUnavailable("Prometheus' answer is not what its API promises; check the URL") from error
        complaint = body.decode(errors="replace").strip()
    raise PrometheusUnavailable(f"Prometheus answered {status}: {complaint[:LONGEST_COMPLAINT]}")


def _series(result: dict[str, Any]) -> Series:
    points = result["values"] if "values" in result else [result["value"]]
    read = ((float(time), float(value)) for time, value in points)
    return Series(result["metric"], tuple((time, value) for time, value in read if math.isfinite(value)))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
