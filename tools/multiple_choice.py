"""Which option of a multiple-choice question a text names. Pure; our own patterns take linear time."""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Mapping

from socratune.memory.records import Example

QUOTES = " \t\r\n\"'`\u201c\u201d\u2018\u2019"

_OPTIONS_HEAD = re.compile(r"(?im)^[ \t]{0,8}(?:answer )?(?:options|choices)[ \t]{0,3}:")
_OPTION = re.compile(r"(?m)^[ \t]{0,8}(?:[(\[]?([A-Za-z])[)\].:]|[-*•])[ \t]{1,4}(\S.*)$")
_LONE_LETTER = re.compile(r"\W{0,6}([A-Za-z])\W{0,6}")
_MENTION = re.compile(r"(?<!\w)\(([A-Z])\)")
_CUE = re.compile(r"(?i)\banswer(?:\s{1,3}is)?\b")
_AFTER_CUE = re.compile(r"[\s:*_\"'`]{0,8}(?:(?i:option|choice)\s)?(?:[(\[]([A-Za-z])[)\]]|([A-Z])(?![\w'\u2019]))")


def bare(text: str) -> str:
    """Return `text` without case, surrounding quotes and a final period."""
    return text.strip(QUOTES).removesuffix(".").strip(QUOTES).casefold()


def options_of(example: Example) -> dict[str, str]:
    """Return the options in the inputs: by bare text, the letter, or the text itself where a list has no letters."""
    options: dict[str, str] = {}
    for name, value in example.inputs.items():
        block = f"{name}:\n{value}"
        if head := _OPTIONS_HEAD.search(block):
            named = ((letter.upper(), bare(text)) for letter, text in _OPTION.findall(block, head.end()))
            options |= {text: letter or text for letter, text in named if text}
    return options


def named_option(text: str, options: Mapping[str, str]) -> str | None:
    """Return the option that a text names while it says nothing else: `B`, `(B)`, `B. Paris` or `Paris`."""
    if key := options.get(bare(text)):
        return key
    if letter := _LONE_LETTER.fullmatch(text.strip()):
        return letter[1].upper()
    marked = _OPTION.fullmatch(text.strip())
    key = options.get(bare(marked[2])) if marked else None
    return key if marked and (marked[1] or key or "").casefold() == (key or "").casefold() else None


def chosen_option(output: str, options: Mapping[str, str]) -> str | None:
    """Return the option that the output settles on, by the strongest sign first."""
    # Texts are in lower case. Without a list of options every letter may be one, but the pronoun.
    letters = {key for key in options.values() if key.isupper()} or set(string.ascii_uppercase) - {"I"}
    for cue in reversed(list(_CUE.finditer(output))):
        if found := _after_cue(output[cue.end() : cue.end() + 300], options, letters):
            return found
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if lines and (found := named_option(lines[-1], options)):
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
