"""What goes wrong at a simulated provider, and how often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from socratune.memory.errors import BadInput
from socratune.tools.simulator.chance import chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The share of requests, in [0, 1], that each fault meets; together at most 1."""

    rate_limit: float = 0.0
    """429 with Retry-After."""
    overloaded: float = 0.0
    """529."""
    error: float = 0.0
    """500."""
    reset: float = 0.0
    """The connection is torn before a byte of the answer."""
    hang: float = 0.0
    """The request is taken and never answered."""
    pings: float = 0.0
    """A stream that says nothing and does not end."""
    stall: float = 0.0
    """The first words, and then pings without end."""
    cut: float = 0.0
    """Half the answer, and an end without a stop reason."""
    stream_error: float = 0.0
    """An error inside the answer, which began with status 200."""
    html: float = 0.0
    """A page with status 200."""
    malformed: float = 0.0
    """What should be JSON is not."""
    refusal: float = 0.0
    """The model declines."""
    too_long: float = 0.0
    """The answer ends at the token limit."""
    odd_stop: float = 0.0
    """A stop reason that nobody has heard of."""
    empty: float = 0.0
    """A natural end, and no text."""
    no_usage: float = 0.0
    """A whole answer that does not say what it cost."""

    def __post_init__(self) -> None:
        shares = [getattr(self, each.name) for each in fields(self)]
        if not all(0 <= share <= 1 for share in shares) or sum(shares) > 1 + 1e-9:
            raise BadInput("shares are from 0 to 1, and together at most 1", place="faults")

    @classmethod
    def read(cls, words: Iterable[str]) -> Faults:
        """Read `NAME=SHARE` words. Raises `BadInput` for an unknown name or a share that is no number."""
        shares: dict[str, float] = {}
        for word in words:
            name, _, share = word.partition("=")
            if name not in NAMES:
                raise BadInput(f"there is no fault {name!r}", place="--fault", cure=f"choose of {', '.join(NAMES)}")
            try:
                shares[name] = float(share)
            except ValueError as error:
                raise BadInput(f"{share!r} is no share", place="--fault", cure=f"write {name}=0.1") from error
        return cls(**shares)

    def drawn(self, *, seed: int, number: int) -> str | None:
        """Return the name of the fault that meets a request; the same arguments always give the same."""
        point = chance("fault", seed, number)
        for each in fields(self):
            point -= getattr(self, each.name)
            if point < 0:
                return each.name
        return None


NAMES = tuple(each.name for each in fields(Faults))
NO_FAULTS = Faults()
