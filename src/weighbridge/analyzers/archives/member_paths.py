"""Findings that every kind of archive shares: where a member's name or link would lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.member_paths import LinkTable, PathHazard, path_hazard

_RULES = {PathHazard.ESCAPES: "ARC001", PathHazard.ABSOLUTE: "ARC002"}
_LINK_LEAVES, _WRITTEN_THROUGH_LINK = "ARC003", "ARC004"
_SYSTEM = "ARC017"
_SYSTEM_NAME: Final = re.compile(
    r"(?i)/(?:etc|root|boot|bin|sbin|usr/(?:bin|sbin|lib)|var/spool|proc|sys|dev)/"
    r"|/(?:home|Users)/[^/]+/(?:\.(?:ssh|bash\w*|profile|zsh\w*|config/(?:autostart|systemd))|Library/Launch)"
    r"|[a-z]:[\\/](?:windows|program files[^\\/]*|programdata)[\\/]"
    r"|.*[\\/]start menu[\\/]programs[\\/]startup[\\/]"
)
"""Where an absolute name overwrites what the system or a login runs."""
_SECRET_TARGET: Final = re.compile(
    r"(?:^|/)(?:etc/(?:passwd|shadow|gshadow|sudoers|ssh|cron[\w.]*|ld\.so\.preload)|proc/(?:self|\d+)"
    r"|\.(?:ssh|aws|kube|gnupg|netrc|git-credentials|huggingface|bashrc|profile)|huggingface/token)(?:/|$)"
    r"|^/root(?:/|$)"
)
"""What a link is made to so that somebody gives it away, or writes to it."""


def path_findings(
    artifact: Artifact, name: str, links: LinkTable, offset: int | None
) -> Iterator[Finding]:
    """Yield what is dangerous about extracting a member of this name after `links`."""
    hazard = path_hazard(name)
    if hazard is not None:
        evidence = f"{quoted(name)} {hazard.value}"
        is_system = hazard is PathHazard.ABSOLUTE and _SYSTEM_NAME.match(name)
        rule = _SYSTEM if is_system else _RULES[hazard]
        yield Finding(rule=rule, path=artifact.path, subject=name, evidence=evidence, offset=offset)
    elif links.leaves(name):
        evidence = f"{quoted(name)} is written through a link that leaves the target directory"
        yield Finding(
            rule=_WRITTEN_THROUGH_LINK,
            path=artifact.path,
            subject=name,
            evidence=evidence,
            offset=offset,
        )


def symlink_findings(
    artifact: Artifact, name: str, target: str, links: LinkTable, offset: int | None
) -> Iterator[Finding]:
    """Remember a symbolic link; yield a finding when it leads out of the target directory."""
    if links.add_symlink(name, target):
        yield link_finding(artifact, name, target, offset)


def hard_link_findings(
    artifact: Artifact, name: str, target: str, links: LinkTable, offset: int | None
) -> Iterator[Finding]:
    """Yield a finding when a hard link, whose target counts from the root, leads out."""
    if path_hazard(target) is not None or links.leaves(target):
        yield link_finding(artifact, name, target, offset)


def link_finding(artifact: Artifact, name: str, target: str, offset: int | None) -> Finding:
    """Return the finding for a link that leads out of the target directory."""
    return Finding(
        rule=_SYSTEM if _SECRET_TARGET.search(target) else _LINK_LEAVES,
        path=artifact.path,
        subject=name,
        evidence=f"{quoted(name)} -> {quoted(target)}",
        offset=offset,
    )
