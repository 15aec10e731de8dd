"""How good an output is for its row, without a model: seven metrics by name, a score in [0, 1] each.

Pure. Whatever a model writes, a metric gives a score and never raises; what a person wrote (a name, an option, the
expected outputs) is refused at the door by `metric_named` and `check_rows`. Our own patterns take linear time.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import string
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

from socratune.memory.errors import BadInput
from socratune.memory.records import Example
from socratune.tools.assertions import asserted, check_assertions
from socratune.tools.patterns import LONGEST_SEARCHED, compiled
from socratune.tools.scores import PASS, Metric, Score

__all__ = ["METRICS", "PASS", "Metric", "Score", "check_rows", "metric_named"]

QUOTES = " \t\r\n\"'`\u201c\u201d\u2018\u2019"

_OPTIONS_HEAD = re.compile(r"(?im)^[ \t]{0,8}(?:answer )?(?:options|choices)[ \t]{0,3}:")
_OPTION = re.compile(r"(?m)^[ \t]{0,8}(?:[(\[]?([A-Za-z])[)\].:]|[-*•])[ \t]{1,4}(\S.*)$")
_LONE_LETTER = re.compile(r"\W{0,6}([A-Za-z])\W{0,6}")
_MENTION = re.compile(r"(?<!\w)\(([A-Z])\)")
_CUE = re.compile(r"(?i)\banswer(?:\s{1,3}is)?\b")
_AFTER_CUE = re.compile(r"[\s:*_\"'`]{0,8}(?:(?i:option|choice)\s)?(?:[(\[]([A-Za-z])[)\]]|([A-Z])(?![\w'\u2019]))")
_NUMBER = re.compile(r"((?<![\w)])[-+])?[$€£]?([0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


def metric_named(name: str, options: Mapping[str, str | float]) -> Metric:
    """Return the metric of a task file. Raises `BadInput` for a name or an option that does not exist."""
    if name == "assert" and not options:
        return asserted
    if name not in METRICS:
        raise BadInput(f"unknown metric {name!r}", place="metric", cure=_nearest(name))
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
            check_assertions(example)
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
    if _bare(output) == _bare(example.expected):
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


def choice(output: str, example: Example) -> Score:
    """Find the option that the output settles on: `(B)`, `answer is B`, a letter alone on a line, or an option's text.

    Several letters of which none is marked as the answer count as no answer.
    """
    options = _options(example)
    wanted = _named_option(example.expected, options)
    if wanted is None:
        return exact(output, example)
    found = _chosen(output, options)
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
}


def _setting(metric: str, key: str, value: str | float) -> float:
    if (metric, key) != ("numeric", "tolerance"):
        cure = "only numeric has one, `tolerance`"
        raise BadInput(f"metric {metric!r} has no option {key!r}", place="metric", cure=cure)
    with suppress(ValueError):
        if 0 <= float(value) < math.inf:
            return float(value)
    raise BadInput(f"{key} is {value!r}", place="metric", cure="write a number of at least 0")


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.5)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known are {', '.join(METRICS)}"


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


def _bare(text: str) -> str:
    return text.strip(QUOTES).removesuffix(".").strip(QUOTES).casefold()


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


def _options(example: Example) -> dict[str, str]:
    """Return the options in the inputs: by bare text, the letter, or the text itself where a list has no letters."""
    options: dict[str, str] = {}
    for name, value in example.inputs.items():
        block = f"{name}:\n{value}"
        if head := _OPTIONS_HEAD.search(block):
            named = ((letter.upper(), _bare(text)) for letter, text in _OPTION.findall(block, head.end()))
            options |= {text: letter or text for letter, text in named if text}
    return options


def _named_option(text: str, options: Mapping[str, str]) -> str | None:
    """Return the option that a text names while it says nothing else: `B`, `(B)`, `B. Paris` or `Paris`."""
    if key := options.get(_bare(text)):
        return key
    if letter := _LONE_LETTER.fullmatch(text.strip()):
        return letter[1].upper()
    marked = _OPTION.fullmatch(text.strip())
    key = options.get(_bare(marked[2])) if marked else None
    return key if marked and (marked[1] or key or "").casefold() == (key or "").casefold() else None


def _chosen(output: str, options: Mapping[str, str]) -> str | None:
    """Return the option that the output settles on, by the strongest sign first."""
    # Texts are in lower case. Without a list of options every letter may be one, but the pronoun.
    letters = {key for key in options.values() if key.isupper()} or set(string.ascii_uppercase) - {"I"}
    for cue in reversed(list(_CUE.finditer(output))):
        if found := _after_cue(output[cue.end() : cue.end() + 300], options, letters):
            return found
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if lines and (found := _named_option(lines[-1], options)):
        return found
    alone = {match[1].upper() for line in lines if (match := _LONE_LETTER.fullmatch(line))}
    mentioned = (alone | set(_MENTION.findall(output))) & letters
    if mentioned:
        return mentioned.pop() if len(mentioned) == 1 else None
    return _only_text(output.casefold(), options)


def _after_cue(tail: str, options: Mapping[str, str], letters: Collection[str]) -> str | None:
    match = _AFTER_CUE.match(tail)
    if match and (letter := (match[1] or match[2]).upper()) in letters:
        return letter
    start = tail.lstrip(QUOTES + ":*_(").casefold()
    texts = [text for text in options if re.match(rf"{re.escape(text)}(?!\w)", start)]
    return options[max(texts, key=len)] if texts else None


def _only_text(output: str, options: Mapping[str, str]) -> str | None:
    """Return the one option whose text occurs; a text inside another that occurs does not count."""
    found = [text for text in options if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", output)]
    alone = [text for text in found if not any(text != other and text in other for other in found)]
    return options[alone[0]] if len(alone) == 1 else None
