"""What a provider's refusals and broken connections mean: another attempt, or none.

Reasons are made here from status codes and error names alone. What a server writes into its errors may repeat the
request or the key, and is neither shown nor chained.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import ModuleType

from socratune.memory.errors import CallFailed, FinalFailure, TransientFailure

TRANSIENT_STATUS = (408, 409, 429)
"""Besides all from 500 on."""
HOPELESS = frozenset(
    {
        "authentication_error",
        "billing_error",
        "content_filter",
        "context_length_exceeded",
        "insufficient_quota",
        "invalid_request_error",
        "not_found_error",
        "permission_error",
        "request_too_large",
    }
)
"""Error names that say the same call would fail again."""

BROKEN = frozenset({"APIConnectionError", "ConnectionError", "TimeoutError", "TransportError"})
"""What HTTP libraries and SDKs call a connection that broke or never came about."""

PARAMETERS = ("response_format", "output_config", "temperature", "tools", "max_tokens", "max_completion_tokens")
"""What a refusal may be about; nothing else that a server writes is repeated."""

_NAME = re.compile(r"[a-z][a-z_]{2,39}")


@contextmanager
def translated(model: str, sdk: ModuleType) -> Iterator[None]:
    """Turn what an SDK raises into our failures; both SDKs name their errors alike."""
    import httpx2  # noqa: PLC0415  # comes with the SDKs

    try:
        yield
    except sdk.APIStatusError as error:
        raise _refusal(model, error.status_code, error.response.headers, _name_of(error), _about(error)) from None
    except sdk.APITimeoutError:
        raise TransientFailure(model, "no connection in time") from None
    except (sdk.APIConnectionError, httpx2.TransportError):
        raise TransientFailure(model, "the connection broke; is the server there?") from None
    except sdk.APIError as error:
        raise _refusal(model, 200, {}, _name_of(error)) from None
    except ValueError:
        raise TransientFailure(model, "the answer is malformed") from None


def unforeseen(model: str, error: Exception) -> CallFailed:
    """Judge what a model of other people's raised: by its HTTP status when it has one, else by its name."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        headers = getattr(getattr(error, "response", None), "headers", None)
        return _refusal(model, status, headers if isinstance(headers, Mapping) else {}, _name_of(error))
    lineage = {each.__name__ for each in type(error).__mro__}
    if lineage & BROKEN:
        return TransientFailure(model, f"the connection broke ({type(error).__name__}); is the server there?")
    return FinalFailure(model, f"{type(error).__name__} in the model's own code")


def _refusal(model: str, status: int, headers: Mapping[str, str], name: str, about: str = "") -> CallFailed:
    """Return the failure of an error answer, or, with status 200, of an error inside a stream."""
    place = f"HTTP {status}" if status >= 300 else "error inside the stream"
    said = ": ".join(part for part in (name, about) if part)
    reason = f"{place} ({said})" if said else place
    if status < 300 or status in TRANSIENT_STATUS or status >= 500:
        hopeless = name in HOPELESS and (status < 300 or name == "insufficient_quota")
        if not hopeless:
            return TransientFailure(model, reason, retry_after=retry_after(headers))
    return FinalFailure(model, reason)


def _name_of(error: Exception) -> str:
    """Return the error's code or type when it is a plain name; a server may write anything there."""
    said = (getattr(error, "code", None), getattr(error, "error_code", None), getattr(error, "type", None))
    return next((each for each in said if isinstance(each, str) and _NAME.fullmatch(each)), "")


def _about(error: Exception) -> str:
    """Return which parameter a refusal is about, when the server says so with one of our own words."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else {}
    message = str(inner.get("message", "")) if isinstance(inner, Mapping) else ""
    named = (str(getattr(error, "param", "") or ""), message)
    return next((each for each in PARAMETERS for text in named if re.match(rf"{each}\b", text)), "")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait: a number, or the time until an HTTP date; None without."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1_000
    written = headers.get("retry-after")
    seconds = _number(written)
    return _until(written) if seconds is None and written else seconds


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _until(date: str) -> float | None:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
