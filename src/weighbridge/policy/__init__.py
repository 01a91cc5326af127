"""The user's policy: what it says, what it accepts, what it decides."""

from weighbridge.policy.baseline import Baseline, read_baseline
from weighbridge.policy.configuration import FILE_NAME, load_policy, read_policy
from weighbridge.policy.decision import (
    Decision,
    JudgedFinding,
    Policy,
    SuppressedFinding,
    exit_code,
)
from weighbridge.policy.source_rule import SourceRule
from weighbridge.policy.stored_report import StoredRun, read_report
from weighbridge.policy.suppression import Suppression

__all__ = [
    "FILE_NAME",
    "Baseline",
    "Decision",
    "JudgedFinding",
    "Policy",
    "SourceRule",
    "StoredRun",
    "SuppressedFinding",
    "Suppression",
    "exit_code",
    "load_policy",
    "read_baseline",
    "read_policy",
    "read_report",
]
