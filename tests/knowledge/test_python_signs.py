"""The table of what names and texts mean in Python of a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import UsageError
from weighbridge.knowledge.python_signs import installed_python_signs, load_python_signs


def test_a_name_has_a_sign_by_itself_and_as_what_a_call_gives() -> None:
    signs = installed_python_signs()
    assert signs.has("socket.gethostname", "names_host")
    assert signs.first(["zlib.crc32", "asyncio.open_connection().readline"], "receives") is not None
    assert signs.first(["os.path.join"], "names_host") is None


def test_the_first_text_with_a_sign_is_given() -> None:
    texts = ["notes", "~/.ssh/id_rsa", "model.pth"]
    assert installed_python_signs().text(texts, "hoard") == "~/.ssh/id_rsa"
    assert installed_python_signs().text(texts, "data_file") == "model.pth"
    assert installed_python_signs().text([".pth"], "data_file") is None


@pytest.mark.parametrize("text", ["not toml [", '[[call]]\nsign = "a"\nnames = ["b"]\nodd = 1\n'])
def test_a_table_that_is_wrong_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "python.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"python\.toml"):
        load_python_signs(path)
