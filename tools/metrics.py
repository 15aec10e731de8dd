"""How good an output is for its row, without a model: eight metrics by name, a score in [0, 1] each.

Pure. Whatever a model writes, a metric gives a score and never raises; what a person wrote (a name, an option, the
expected outputs) is refused at the door by `metric_named` and `check_rows`. Our own patterns take linear time.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import math
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from socratune.memory.errors import BadInput
from socratune.memory.records import JUDGED, Example
from socratune.tools.assertions import asserted, checks_of, judgements
from socratune.tools.multiple_choice import bare, chosen_option, named_option, options_of
from socratune.tools.patterns import LONGEST_SEARCHED, compiled
from socratune.tools.scores import NOTHING, PASS, Metric, Score

__all__ = [
    "METRICS",
    "NOTHING",
    "PASS",
    "Metric",
    "Score",
    "check_metric",
    "check_rows",
    "judge_calls",
    "judgements_each",
    "metric_named",
]

ROUGE_VARIANTS = ("rougeL", "rouge1", "rouge2")

_NUMBER = re.compile(r"((?<![\w)])[-+])?[$€£]?([0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_WORD = re.compile(r"[^\W_]+")


def check_metric(name: str, options: Mapping[str, str | float]) -> None:
    """Raise `BadInput` for a metric, asked of a judge or not, or an option that does not exist."""
    if name not in JUDGED:
        metric_named(name, options)
    elif name == "pairwise" and options:
        raise BadInput(f"metric 'pairwise' has no option {min(options)!r}", place="metric", cure="write pairwise alone")
    elif name == "rubric":
        _check_rubric(options)


def judge_calls(name: str, rows: Sequence[Example]) -> int:
    """Return how often a judge is asked when each row is answered once; of two answers to compare, on the mean."""
    if name == "assert":
        return sum(judgements(row) for row in rows)
    return len(rows) if name in JUDGED else 0


def judgements_each(name: str, rows: Sequence[Example]) -> int:
    """Return how often a judge is asked for one answer, on the mean and rounded up."""
    return math.ceil(judge_calls(name, rows) / max(1, len(rows)))


def metric_named(name: str, options: Mapping[str, str | float]) -> Metric:
    """Return the metric of a task file. Raises `BadInput` for a name or an option that does not exist."""
    if name == "assert" and not options:
        return asserted
    if name not in METRICS:
        raise BadInput(f"unknown metric {name!r}", place="metric", cure=_nearest(name))
    if name == "rouge" and importlib.util.find_spec("rouge_score") is None:
        raise BadInput("metric 'rouge' needs a package", place="metric", cure="pip install 'socratune[rouge]'")
    measure = METRICS[name]
    settings = {key: _setting(name, key, value) for key, value in options.items()}

    def metric(output: str, example: Example) -> Score:
        if not output.strip():
            return _unread(example, output)
        return measure(output, example, **settings)

    return metric


def check_rows(name: str, examples: Iterable[Example]) -> None:
    """Raise `BadInput`, naming the row, for an expected output that the metric cannot use."""
    for example in examples:
        if name == "assert":
            checks_of(example)
        elif name == "regex":
            _pattern(example)
        elif name == "contains" and not example.expected.strip():
            raise _unusable(example, "is empty, and so stands in every output", "write the text to look for")
        elif name == "numeric" and _last_number(example.expected) is None:
            raise _unusable(example, "holds no number", "write one, or choose another metric")
        elif name == "json" and not _object(example.expected):
            raise _unusable(example, "is not a JSON object with fields", "write one, or choose another metric")


def exact(output: str, example: Example) -> Score:
    """Compare without case, surrounding quotes and a final period.

    An output of more than three times the expected length and 40 characters is prose, not an answer.
    """
    if bare(output) == bare(example.expected):
        return PASS
    if len(output.strip()) > 3 * len(example.expected) + 40:
        return _unread(example, output)
    return _missed(_shown(example.expected), output)


def contains(output: str, example: Example) -> Score:
    """Look for the expected text in the output, without case."""
    wanted = example.expected.strip()
    if wanted and wanted.casefold() in output.casefold():
        return PASS
    return _missed(f"{_shown(wanted)} to occur", output)


def regex(output: str, example: Example) -> Score:
    """Search the output for the expected output, which is a pattern. Raises `BadInput` for a bad pattern."""
    if _pattern(example).search(output[:LONGEST_SEARCHED]):
        return PASS
    return _missed(f"a match of {_shown(example.expected)}", output)


def numeric(output: str, example: Example, *, tolerance: float | None = None) -> Score:
    """Compare the last number of the output with the last number of the expected output.

    `tolerance`, relative or absolute, is 1e-6 by default; without it whole numbers must be equal.
    """
    found, wanted = _last_number(output), _last_number(example.expected)
    if found is None or wanted is None:
        return _unread(example, output)
    whole = tolerance is None and found.is_integer() and wanted.is_integer()
    allowed = 0.0 if whole else 1e-6 if tolerance is None else tolerance
    if math.isclose(found, wanted, rel_tol=allowed, abs_tol=allowed):
        return PASS
    return Score(reward=0.0, feedback=f"expected {wanted:.15g}, got {found:.15g}")


def json_fields(output: str, example: Example) -> Score:
    """Count the fields equal to those of the expected JSON object, over the expected and the extra ones."""
    wanted, found = _object(example.expected), _object(output)
    if wanted is None or found is None:
        return _unread(example, output)
    missing = [f"misses {key!r}" for key in wanted if key not in found]
    differ = [key for key in wanted if key in found and not _same(wanted[key], found[key])]
    wrong = [f"{key!r} should be {_shown(wanted[key])}, is {_shown(found[key])}" for key in differ]
    extra = [f"{_shown(key)} is not asked for" for key in found if key not in wanted]
    fields = len(wanted) + len(extra)
    equal = len(wanted) - len(missing) - len(wrong)
    return Score(reward=equal / fields if fields else 1.0, feedback="; ".join([*missing, *wrong, *extra][:8]))


def f1(output: str, example: Example) -> Score:
    """Overlap of words without case, punctuation and articles, as in SQuAD (arXiv 1606.05250)."""
    found, wanted = _words(output), _words(example.expected)
    if found == wanted:
        return PASS
    reward = 2 * (found & wanted).total() / (found.total() + wanted.total())
    return _missed(_shown(example.expected), output, reward=reward)


def rouge(output: str, example: Example, *, variant: str = "rougeL") -> Score:
    """F1 of the words in common order (rougeL), of words (rouge1) or of pairs of words (rouge2), as in Lin (2004).

    Words are of any script: the library's own tokenizer knows ASCII alone. On ASCII both count the same.
    """
    # An extra, and slow to import. It has no types.
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]  # noqa: PLC0415

    wanted, found = (text[:LONGEST_SEARCHED] for text in (example.expected, output))
    if _WORD.findall(wanted.casefold()) == _WORD.findall(found.casefold()):
        return PASS
    overlap = RougeScorer([variant], tokenizer=_Words()).score(wanted, found)[variant].fmeasure
    return PASS if overlap >= 1 else _missed(_shown(example.expected), output, reward=float(overlap))


def choice(output: str, example: Example) -> Score:
    """Find the option that the output settles on: `(B)`, `answer is B`, a letter alone on a line, or an option's text.

    Several letters of which none is marked as the answer count as no answer.
    """
    options = options_of(example)
    wanted = named_option(example.expected, options)
    if wanted is None:
        return exact(output, example)
    found = chosen_option(output, options)
    if found is None:
        return _unread(example, output)
    return PASS if found == wanted else _missed(_shown(example.expected), found)


METRICS: Mapping[str, Callable[..., Score]] = {
    "exact": exact,
    "choice": choice,
    "contains": contains,
    "regex": regex,
    "numeric": numeric,
    "json": json_fields,
    "f1": f1,
    "rouge": rouge,
}


class _Words:
    """What the rouge library takes for a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text.casefold())


def _check_rubric(options: Mapping[str, str | float]) -> None:
    if unknown := sorted(options.keys() - {"rubric", "label", "output"}):
        cure = "it has `rubric`, and for `socratune calibrate` `label` and `output`"
        raise BadInput(f"metric 'rubric' has no option {unknown[0]!r}", place="metric", cure=cure)
    if not str(options.get("rubric", "")).strip():
        raise BadInput("the rubric is empty", place="metric", cure="write what a good answer does")
    if ("label" in options) != ("output" in options):
        cure = "`label` names the column with people's grades, `output` the one with the answers they graded"
        raise BadInput("one of label and output is missing", place="metric", cure=cure)


def _setting(metric: str, key: str, value: str | float) -> str | float:
    if (metric, key) == ("rouge", "variant"):
        if value in ROUGE_VARIANTS:
            return value
        raise BadInput(f"variant is {value!r}", place="metric", cure=f"known are {', '.join(ROUGE_VARIANTS)}")
    if (metric, key) != ("numeric", "tolerance"):
        cure = "numeric has `tolerance` and rouge has `variant`; no other has any"
        raise BadInput(f"metric {metric!r} has no option {key!r}", place="metric", cure=cure)
    with suppress(ValueError):
        if 0 <= float(value) < math.inf:
            return float(value)
    raise BadInput(f"{key} is {value!r}", place="metric", cure="write a number of at least 0")


def _nearest(name: str) -> str:
    known = (*METRICS, *JUDGED)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known are {', '.join(known)}"


def _unusable(example: Example, problem: str, cure: str) -> BadInput:
    return BadInput(f"expected output {_shown(example.expected)} {problem}", place=f"row {example.id}", cure=cure)


def _missed(expected: str, found: str, *, reward: float = 0.0) -> Score:
    return Score(reward=reward, feedback=f"expected {expected}, got {_shown(found.strip())}")


def _unread(example: Example, output: str) -> Score:
    found = f"found no clear answer in {_shown(output.strip())}" if output.strip() else "got nothing"
    return Score(reward=0.0, feedback=f"expected {_shown(example.expected)}, {found}", parsed=False)


def _shown(value: object) -> str:
    try:
        text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "something nested too deeply to show"
    return text if len(text) <= 100 else f"{text[:60]} … {text[-30:]}"


def _words(text: str) -> Counter[str]:
    plain = text.lower().translate(str.maketrans("", "", string.punctuation))
    return Counter(word for word in plain.split() if word not in {"a", "an", "the"})


def _pattern(example: Example) -> re.Pattern[str]:
    try:
        return compiled(example.expected)
    except ValueError as error:
        raise _unusable(example, str(error), "mend it, or choose another metric") from error


def _last_number(text: str) -> float | None:
    numbers = _NUMBER.findall(text.replace("\N{MINUS SIGN}", "-"))
    return float("".join(numbers[-1]).replace(",", "")) if numbers else None


def _object(text: str) -> dict[str, object] | None:
    """Read a JSON object, bare, fenced or inside prose; None when there is none or a list comes first."""
    if text.lstrip("` \n").removeprefix("json").lstrip().startswith("["):
        return None
    for start in (text.find("{"), text.find("{", text.find("```"))):
        with suppress(ValueError, RecursionError):
            value, _ = json.JSONDecoder().raw_decode(text[start:])
            return value if isinstance(value, dict) else None
    return None


def _same(wanted: object, found: object) -> bool:
    return wanted == found and isinstance(wanted, bool) == isinstance(found, bool)  # in JSON true is not 1
