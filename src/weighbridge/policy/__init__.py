"""The user's policy: what it says, what it accepts, what it decides."""

from weighbridge.policy.configuration import FILE_NAME, load_policy, read_policy
from weighbridge.policy.decision import (
    Decision,
    JudgedFinding,
    Policy,
    SuppressedFinding,
    exit_code,
)
from weighbridge.policy.suppression import Suppression

__all__ = [
    "FILE_NAME",
    "Decision",
    "JudgedFinding",
    "Policy",
    "SuppressedFinding",
    "Suppression",
    "exit_code",
    "load_policy",
    "read_policy",
]
