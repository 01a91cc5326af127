"""Ask an index of Python packages which of the names that a target asks for it has.

Laws: only the supervisor asks, and only when the user said so. A name is checked before it becomes
part of an address, and asked for once. What could not be asked is a row of coverage.

Source: PEP 503 (simple repository API): 404 at `<index>/<normalised name>/` for no such project.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final

from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter
from weighbridge.core.finding import Finding
from weighbridge.core.package_name import PackageName
from weighbridge.core.report import REPOSITORY, Coverage, Outcome
from weighbridge.core.repository import WHOLE
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.packages import normalised

MOST_NAMES: Final = 200
_ABSENT, _TOLD = "PKG020", "PKG021"
_DEFAULT: Final = "https://pypi.org/simple"
_VARIABLES: Final = ("WEIGHBRIDGE_INDEX_URL", "PIP_INDEX_URL")
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?")
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@]*@")
_KNOWN: Final = "pip"
"""Every index of the public packages has it: one that does not is no such index."""
_SETTINGS: Final = HttpSettings(deadline_s=30.0, attempts=2, wait_total_s=30.0, in_flight=8)
_WITHOUT_HEAD: Final = (405, 501)


def index_url() -> str:
    """Return the index to ask, without credentials: they are not ours to send."""
    address = next((found for name in _VARIABLES if (found := os.environ.get(name))), _DEFAULT)
    return _CREDENTIALS.sub("", address.strip()).rstrip("/")


def look_up(asked: Iterable[PackageName], traffic: TrafficCounter) -> Iterator[Finding | Coverage]:
    """Yield a finding for each place that asks for a name that the index does not have."""
    places: dict[str, list[PackageName]] = {}
    for one in asked:
        if _NAME.fullmatch(normalised(one.name)) is not None:
            places.setdefault(normalised(one.name), []).append(one)
    names = sorted(places)
    if len(names) > MOST_NAMES:
        words = f"{MOST_NAMES} of {len(names):,} names of packages were looked up"
        yield _row(Outcome.LIMITED, words)
    yield from _answers(names[:MOST_NAMES], places, traffic)


def _answers(
    names: Sequence[str], places: dict[str, list[PackageName]], traffic: TrafficCounter
) -> Iterator[Finding | Coverage]:
    if not names:
        return
    index = index_url()
    try:
        with closing(_Index(index, traffic)) as opened:
            found = opened.ask(names)
            if False in found.values() and True not in found.values() and not opened.has(_KNOWN):
                raise ReadError(f"it does not have {_KNOWN!r} either, so it is no index of packages")
    except ReadError as error:
        yield _row(Outcome.FAILED, f"names of packages could not be looked up at {index}: {error}")
        return
    for name in names:
        if found.get(name) is False:
            yield from (_finding(place, name, index) for place in places[name])
    if opened.trouble is not None:
        missing = len(names) - len(found)
        words = f"{missing} of {len(names)} names of packages could not be looked up at {index}"
        yield _row(Outcome.FAILED, f"{words}: {opened.trouble}")


class _Index:
    """An index that is asked in parallel, until it fails once."""

    def __init__(self, address: str, traffic: TrafficCounter) -> None:
        from weighbridge.bytesource.http_client import HttpClient

        if not address.startswith(("https://", "http://")):
            raise ReadError("its address is not one of http or https")
        self.trouble: ReadError | None = None
        self._address = address
        self._client = HttpClient(
            address, settings=_SETTINGS, traffic=traffic, user_agent=f"weighbridge/{VERSION}"
        )

    def ask(self, names: Sequence[str]) -> dict[str, bool]:
        """Return whether it has each name; those that it did not answer for are left out."""
        with ThreadPoolExecutor(_SETTINGS.in_flight) as threads:
            answers = list(threads.map(self._answer, names))
        return {name: has for name, has in zip(names, answers, strict=True) if has is not None}

    def _answer(self, name: str) -> bool | None:
        if self.trouble is not None:
            return None
        try:
            return self.has(name)
        except ReadError as error:
            self.trouble = error
            return None

    def has(self, name: str) -> bool:
        """Raises ReadError when it says neither."""
        status = self._status(name, "HEAD")
        if status in _WITHOUT_HEAD:
            status = self._status(name, "GET")
        if status not in (200, 404, 410):
            raise ReadError(f"it answered with status {status}")
        return status == 200

    def _status(self, name: str, method: str) -> int:
        from weighbridge.bytesource.http_client import Ask

        ask = Ask(url=f"{self._address}/{name}/", method=method)
        return self._client.exchange(ask, lambda reply: reply.status)

    def close(self) -> None:
        self._client.close()


def _finding(place: PackageName, name: str, index: str) -> Finding:
    evidence = f"{index} has no package named {quoted(place.name)}"
    rule = _TOLD if place.is_told else _ABSENT
    return Finding(rule=rule, path=place.path, subject=name, evidence=evidence, route=place.route)


def _row(outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=(WHOLE,), format=REPOSITORY, outcome=outcome, detail=detail[:1000])
