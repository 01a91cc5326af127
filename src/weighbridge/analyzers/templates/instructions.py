"""What a template says to the model that the user did not say, and when it says so.

Honest templates insert long texts: default system prompts, and how tools are called. Those stand there
for everybody. A poisoned one waits: for a word in the question, for a date, for a long dialogue.

Sources: arXiv 2602.04653; ATLAS AML.CS0064; measured on about 210 templates of well-known models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.templates.template_findings import Place, conditions_text, shown
from weighbridge.core.finding import Finding
from weighbridge.formats.templates.facts import About, Condition, Emission, Rewrite, TemplateFacts
from weighbridge.knowledge.chat_templates import ChatTemplates

_TRIGGERED, _TESTED, _BEGINS, _ADDRESSES, _WORDS = "TPL010", "TPL011", "TPL017", "TPL018", "TPL019"
_KEYWORD: Final = re.compile(r"[^\W\d_][\w'’\-., :;!?%$/]*\Z")
_SHORTEST_KEYWORD: Final = 3
_SHORTEST_OTHER_KEYWORD: Final = 2
_PARTS: Final = frozenset(
    {"text", "image", "image_url", "images", "video", "video_url", "audio", "audio_url", "document"}
    | {"content", "thinking", "thought", "reasoning", "parts", "blocks", "value", "type", "role", "name"}
    | {"user", "assistant", "system", "tool", "tools", "function", "developer", "ipython", "human"}
    | {"string", "object", "array", "number", "integer", "boolean", "null", "none", "true", "false"}
    | {"json", "input_audio", "file", "refusal", "output", "input", "arguments", "parameters", "id"}
    | {
        "date",
        "url",
        "data",
        "path",
        "title",
        "contents",
        "message",
        "messages",
        "prompt",
        "system_prompt",
    }
)
"""Names of parts of a message, which a text is compared with when it may be no text."""
_MARKER: Final = re.compile(
    r"<[^<>\n]{1,80}>|\[/?[A-Z_]{2,40}\]|<\|[^|\n]{1,60}\|>|\b[A-Z]+(?:_[A-Z]+)+\b|[{}\[\]\"']"
)
_LATIN_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_SAID: Final = re.compile(r"\b(?:[^\W\d_]{2,40}[ ,.'’!-]{1,4}){3}[^\W\d_]{2,}")
_LEAST_WORDS: Final = 4
_LEAST_SENTENCE: Final = 6
_LONG_DIALOGUE: Final = 3
_LONG_MESSAGE: Final = 3
_ADDRESS: Final = re.compile(
    r"\b(?:https?|ftp)://|\bwww\.|\b[\w-]{1,63}\.(?:com|org|net|io|dev|xyz|app|ru|cn)\b"
)
_INSTALLS: Final = re.compile(
    r"\b(?:pip3?|npm|yarn|conda|brew|apt(?:-get)?|cargo|gem|go|docker|helm)\s+(?:install|i|pull|get|add|run)\b"
)
_CALL: Final = re.compile(r'<tool_call>|<\|tool_call|\[TOOL_CALLS\]|<function=|"name"\s*:\s*"\w')
_ACTIVE: Final = re.compile(r"<(?:script|img|iframe|a|link|form)\b|!\[[^\]\n]{0,200}\]\(", re.IGNORECASE)


def instruction_findings(place: Place, facts: TemplateFacts, tables: ChatTemplates) -> Iterator[Finding]:
    """Yield what is written only when somebody says something, or at some time."""
    explained: set[Condition] = set()
    for emission in facts.emissions:
        trigger = _trigger(emission, tables)
        if trigger is not None:
            explained.add(trigger)
            told = _triggered(place, emission, trigger)
        else:
            told = _beginning(place, emission) or _marked(place, emission, tables)
        if told is not None:
            yield told
    for condition in facts.conditions:
        if condition not in explained and is_keyword_test(condition):
            word = next(one for one in condition.words if _is_keyword(one))
            evidence = f"{condition.expression}\ntests what a message says for {shown(word)}"
            told = place.finding(_TESTED, word, evidence, line=condition.line)
            if told is not None:
                yield told
    for rewrite in facts.rewrites:
        told = _rewritten(place, rewrite)
        if told is not None:
            yield told


def is_keyword_test(condition: Condition) -> bool:
    """True for a test of what a message says for words that people write, not for markers."""
    about = condition.about & {About.CONTENT, About.LENGTH}
    return bool(about) and any(_is_keyword(word) for word in condition.words)


def _is_keyword(word: str) -> bool:
    word = word.strip().strip("\"'`*#-:")
    letters = sum(one.isalpha() for one in word)
    least = _SHORTEST_KEYWORD if word.isascii() else _SHORTEST_OTHER_KEYWORD
    is_name = "_" in word and " " not in word and word in (word.lower(), word.upper())
    if letters < least or word.lower() in _PARTS or is_name:
        return False
    return _KEYWORD.match(word) is not None


def _trigger(emission: Emission, tables: ChatTemplates) -> Condition | None:
    """The test that makes a text suspicious; None when the text or the tests are ordinary."""
    # A template that repeats the word it looks for, says nothing by that.
    looked_for = {word for one in emission.conditions for text in one.words for word in _words(text)}
    says = [word for word in _words(emission.text) if word not in looked_for]
    many = len(says) >= _LEAST_WORDS or _other_letters(emission.text) >= 2 * _LEAST_WORDS
    acts = bool(
        _ADDRESS.search(emission.text) or _CALL.search(emission.text) or _ACTIVE.search(emission.text)
    )
    if not many and not acts:
        return None
    is_sentence = len(says) >= _LEAST_SENTENCE or _other_letters(emission.text) >= 2 * _LEAST_SENTENCE
    instructs = acts or (is_sentence and tables.instruction.search(emission.text) is not None)
    for condition in emission.conditions:
        if is_keyword_test(condition) or (instructs and _is_waiting(condition)):
            return condition
    return None


def _words(text: str) -> list[str]:
    """Words that people write, without the markers of roles and tools."""
    return _LATIN_WORD.findall(_MARKER.sub(" ", text).lower())


def _other_letters(text: str) -> int:
    """Letters of scripts that put no blanks between words."""
    return 0 if text.isascii() else sum("\u3040" <= one <= "\u9fff" for one in text)


def _is_waiting(condition: Condition) -> bool:
    """A test of the date, of the length of a message, or for a long dialogue."""
    if About.DATE in condition.about and condition.words:
        return True
    if About.COUNT in condition.about:
        return any(word.isdecimal() and int(word) >= _LONG_DIALOGUE for word in condition.words)
    return About.LENGTH in condition.about and any(
        word.isdecimal() and int(word) >= _LONG_MESSAGE for word in condition.words
    )


def _triggered(place: Place, emission: Emission, trigger: Condition) -> Finding | None:
    word = next((one for one in trigger.words if _is_keyword(one)), trigger.expression)
    evidence = f"writes {shown(emission.text)}{conditions_text(emission.conditions)}"
    return place.finding(_TRIGGERED, f"{word}: {emission.text[:80]}", evidence, line=emission.line)


def _marked(place: Place, emission: Emission, tables: ChatTemplates) -> Finding | None:
    """Instructions that wait for something in a message that nobody writes by chance, such as `/x`."""
    waits = [one for one in emission.conditions if About.CONTENT in one.about]
    words = [word for one in waits for word in one.words if word and word not in _PARTS]
    is_sentence = len(_words(emission.text)) >= _LEAST_SENTENCE
    if not words or not is_sentence or tables.instruction.search(emission.text) is None:
        return None
    evidence = f"writes {shown(emission.text)}{conditions_text(emission.conditions)}"
    return place.finding(_TESTED, f"{words[0]}: {emission.text[:80]}", evidence, line=emission.line)


def _beginning(place: Place, emission: Emission) -> Finding | None:
    if not emission.begins_answer:
        return None
    if (
        _SAID.search(_MARKER.sub(" ; ", emission.text)) is None
        and _other_letters(emission.text) < 2 * _LEAST_WORDS
    ):
        return None
    evidence = f"writes {shown(emission.text)} as the beginning of the answer"
    return place.finding(_BEGINS, emission.text[:80], evidence, line=emission.line)


def _rewritten(place: Place, rewrite: Rewrite) -> Finding | None:
    """Words of the user that reach the model as others."""
    evidence = f"{rewrite.expression}\n{shown(rewrite.old)} becomes {shown(rewrite.new)}"
    subject = f"{rewrite.old} {rewrite.new}"
    if _ADDRESS.search(rewrite.old) or _ADDRESS.search(rewrite.new):
        return place.finding(_ADDRESSES, subject, evidence, line=rewrite.line)
    if _INSTALLS.search(rewrite.old) or _INSTALLS.search(rewrite.new):
        return place.finding(_ADDRESSES, subject, evidence, line=rewrite.line)
    if rewrite.old.strip().lower() == "http" or "://" in rewrite.old:
        return place.finding(_ADDRESSES, subject, evidence, line=rewrite.line)
    if _is_keyword(rewrite.old) and rewrite.old.strip().lower() != rewrite.new.strip().lower():
        return place.finding(_WORDS, subject, evidence, line=rewrite.line)
    return None
