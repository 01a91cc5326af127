"""Whether a library is there is told without importing it."""

from __future__ import annotations

import sys

from weighbridge.opinions.installed import missing, version_of


def test_a_missing_library_is_said_with_the_command_that_installs_it() -> None:
    reason = missing("no_such_library_anywhere", "pip install 'weighbridge[yara]'")
    assert reason == "is not installed: pip install 'weighbridge[yara]'"
    assert version_of("no-such-distribution-anywhere") is None


def test_a_library_that_is_there_is_not_imported_by_the_question() -> None:
    before = "yara_x" in sys.modules
    assert missing("yara_x", "") is None
    assert ("yara_x" in sys.modules) == before
