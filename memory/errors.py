"""What can go wrong, one type per boundary.

::

    SocratuneError
    ├── BadInput            a file, row, flag or key is wrong; exit 2, nothing was called
    ├── CallFailed          one call to a model gave no answer
    │   ├── TransientFailure    worth another attempt (rate limit, overload, connection)
    │   └── FinalFailure        not worth one (refused, cut, wrong key)
    ├── MalformedReply      an agent did not answer in the asked form, twice
    ├── BudgetExhausted     a cap is reached; ends the search, never the verdict
    ├── Paused              the run stopped to be resumed: provider trouble or failed proposals; exit 4
    ├── Interrupted         a person pressed Ctrl-C; exit 130, resumable
    └── RunOwned            another process holds the run
"""

from __future__ import annotations

import re

from socratune.memory.usage import Usage


class SocratuneError(Exception):
    """Root of all errors that Socratune raises on purpose."""


class BadInput(SocratuneError):
    """Something a person wrote cannot be used. The message is one line: place, problem, cure."""

    def __init__(self, problem: str, *, place: str = "", cure: str = "") -> None:
        self.problem, self.place, self.cure = problem, place, cure
        line = ": ".join(part for part in (place, problem) if part)
        super().__init__("; ".join(part for part in (line, cure) if part))


_MARK = re.compile(r"#[0-9a-f]{8}\Z")


def unmarked(model: str) -> str:
    """Return a model's name without the mark of the options sent along: it tells models apart, and people nothing."""
    return _MARK.sub("", model)


class CallFailed(SocratuneError):
    """A call to a model gave no answer that may count."""

    def __init__(self, model: str, reason: str) -> None:
        self.model, self.reason = model, reason
        self.used: Usage | None = None
        """What the provider may bill all the same; None when it did not take the call on."""
        super().__init__(f"{unmarked(model)}: {reason}")


class TransientFailure(CallFailed):
    """The same call may succeed later."""

    def __init__(self, model: str, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(model, reason)
        self.retry_after = retry_after
        """Seconds the provider asked to wait; None when it did not say."""


class FinalFailure(CallFailed):
    """The same call would fail again."""


class MalformedReply(SocratuneError):
    """An agent's reply is not in the asked form, also after one repair round."""

    def __init__(self, role: str, problem: str, reply: str) -> None:
        self.role, self.problem, self.reply = role, problem, reply
        super().__init__(f"{role} reply is not in the asked form ({problem}): {reply[:200]!r}")


class BudgetExhausted(SocratuneError):
    """A cap leaves no room for the next call."""

    def __init__(self, cap: str) -> None:
        self.cap = cap
        super().__init__(f"the {cap} budget is used up")


class Paused(SocratuneError):
    """The run stopped before its end and can be resumed."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(cause)


class Interrupted(SocratuneError):
    """A person asked the run to stop."""

    def __init__(self) -> None:
        super().__init__("interrupted")


class RunOwned(SocratuneError):
    """Another process is working on the run."""

    def __init__(self, run: str, holder: str) -> None:
        self.run, self.holder = run, holder
        super().__init__(f"run {run} is held by {holder}; wait for it or stop it first")
