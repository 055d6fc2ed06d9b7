"""The access log: a line for some of the answers, never more than so many a second.

An answer that gets no line costs the look at one integer. The server's tick, once a second, refills what may be
written and says how much was left out.
"""

import time
from collections.abc import Callable

from pilotage.bundle.format import Contract
from pilotage.runtime.identity import Identity
from pilotage.transport.log.line import clean, json_line, moment
from pilotage.transport.log.payload import Request
from pilotage.transport.log.redaction import Secrets

LOGGER = "access"
_ID = 128  # letters
_ERROR = 500


class AccessLog:
    """`write` takes a line or says that it cannot (False); then it counts as left out.

    No line names the caller's address: it can be a person's, and a proxy's is of no use.
    """

    def __init__(
        self,
        identity: Identity,
        contract: Contract,
        write: Callable[[bytes], bool],
        *,
        per_second: int = 1,
        errors_per_second: int = 10,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._who = {"model": identity.deployment, "version": identity.version, "revision": identity.revision}
        self._secrets = Secrets(contract)
        self._counts_rows = contract.inputs[0].name if contract.inputs[0].shape[:1] == (-1,) else ""
        self._write = write
        self._now = now
        self._per_second, self._errors_per_second = per_second, errors_per_second
        self._good, self._errors = per_second, errors_per_second  # lines that may still be written in this second
        self._good_left_out = self._errors_left_out = 0

    def answered(
        self,
        code: int,
        seconds: float,
        transport: str,
        request: Request | None = None,
        error: str = "",
    ) -> None:
        """An inference request was answered with the HTTP status `code`, by gRPC with its equivalent.

        `seconds` as the metrics have them; `transport` is "rest" or "grpc"; `request` where it could be read; `error`
        the sentence that the caller got.
        """
        if code < 400:
            if not self._good:
                self._good_left_out += 1
                return
            self._good -= 1
        else:
            if not self._errors:
                self._errors_left_out += 1
                return
            self._errors -= 1
        if not self._write(self._line(code, seconds, transport, request, error)):
            if code < 400:
                self._good_left_out += 1
            else:
                self._errors_left_out += 1

    def tick(self) -> None:
        """A second is over: say what it left out, and begin anew."""
        self._good, self._errors = self._per_second, self._errors_per_second
        if not (self._good_left_out or self._errors_left_out):
            return
        said = json_line(
            {
                "time": moment(self._now()),
                "level": "info",
                "logger": LOGGER,
                "message": "answers without a line of their own",
                "good": self._good_left_out,
                "errors": self._errors_left_out,
                **self._who,
            }
        )
        if self._write(said):
            self._good_left_out = self._errors_left_out = 0

    def _line(self, code: int, seconds: float, transport: str, request: Request | None, error: str) -> bytes:
        line: dict[str, object] = {
            "time": moment(self._now()),
            "level": "info" if code < 400 else "warning" if code < 500 else "error",
            "logger": LOGGER,
            "code": code,
            "duration_ms": round(seconds * 1000, 3),
            "transport": transport,
            **self._who,
        }
        if request is not None:
            line["id"] = clean(request.id, _ID)
            line["rows"] = len(request.inputs[self._counts_rows]) if self._counts_rows else 1
        if error:
            line["error"] = clean(self._secrets.without(error), _ERROR)
        return json_line(line)
