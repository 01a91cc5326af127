"""Whose scans a registry shows beside its files."""

from __future__ import annotations

from typing import Final

VENDORS: Final = {
    "status": "hub",
    "avScan": "ClamAV",
    "pickleImportScan": "Picklescan",
    "protectAiScan": "Protect AI",
    "jFrogScan": "JFrog",
    "virusTotalScan": "VirusTotal",
}
"""What people call the scans that the API names."""
