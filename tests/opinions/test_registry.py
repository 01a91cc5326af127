"""Which engines there are, and how they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import UsageError
from weighbridge.opinions.clamav import ClamavOpinion
from weighbridge.opinions.interface import EngineName, OpinionSettings
from weighbridge.opinions.registry import make_engine, parse_engines

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "weighbridge" / "opinions"


@pytest.mark.parametrize("name", EngineName)
def test_every_engine_can_be_made_and_bears_its_name(name: EngineName) -> None:
    assert make_engine(name, OpinionSettings()).name is name


def test_every_module_with_an_engine_is_in_the_list() -> None:
    homes = {type(make_engine(name, OpinionSettings())).__module__ for name in EngineName}
    written = {
        f"weighbridge.opinions.{path.stem}"
        for path in PACKAGE.glob("*.py")
        if "    name = EngineName." in path.read_text(encoding="utf-8")
    }
    assert written == homes


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("none", ()),
        ("all", tuple(EngineName)),
        ("yara,fickling", (EngineName.FICKLING, EngineName.YARA)),
        (" ClamAV , clamav", (EngineName.CLAMAV,)),
    ],
)
def test_names_are_put_in_our_order(text: str, names: tuple[EngineName, ...]) -> None:
    assert parse_engines(text) == names


@pytest.mark.parametrize("text", ["", "auto", "fickling,", "all,fickling", "none,yara"])
def test_what_is_no_list_of_engines_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--opinions"):
        parse_engines(text)


def test_the_address_of_clamd_comes_from_the_option_then_the_environment_then_the_usual_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def place(settings: OpinionSettings) -> str:
        engine = make_engine(EngineName.CLAMAV, settings)
        assert isinstance(engine, ClamavOpinion)
        return str(engine.address)

    monkeypatch.delenv("WEIGHBRIDGE_CLAMD", raising=False)
    assert place(OpinionSettings()) == "unix:/run/clamav/clamd.ctl"
    monkeypatch.setenv("WEIGHBRIDGE_CLAMD", "unix:/tmp/one")
    assert place(OpinionSettings()) == "unix:/tmp/one"
    assert place(OpinionSettings(clamd="tcp:127.0.0.1:1")) == "tcp:127.0.0.1:1"
