"""A pickle is found in whatever container it comes in, and its benign twin is not accused.

PKC numbers are those of the threat catalogue. What a container does wrong may well be a finding of
high severity on the twin too: readers disagree on it, whatever it holds.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

import lz4.frame
import py7zr
import pytest
import zstandard
from samples.recipes.assembler import BENIGN, PAYLOAD, stream
from samples.recipes.pickles import pairs

from tests.regressions.scanning import assert_caught, scan

HIT, TWIN = stream(PAYLOAD.call), stream(BENIGN.call)


# PKC-01: https://github.com/advisories/GHSA-jgw4-cr84-mqxg
@pytest.mark.parametrize("name", ["named.bin", "named.weights", "without-extension"])
def test_a_pickle_needs_no_name_of_a_pickle(name: str) -> None:
    assert_caught(f"pkc-01-{name}", "PKL002")


# PKC-01: https://github.com/advisories/GHSA-769v-p64c-89pr
@pytest.mark.parametrize("name", ["named.h5", "named.safetensors", "printable.txt"])
def test_a_pickle_under_the_name_of_something_harmless_is_told(name: str) -> None:
    assert_caught(f"pkc-01-{name}", "PKL002", "PKL060", twin_rules=("PKL060",))


# PKC-02: CVE-2025-10156, https://github.com/advisories/GHSA-mjqp-26hc-grxg
def test_a_wrong_checksum_does_not_end_the_scan() -> None:
    assert_caught("pkc-02-bad-crc.pt", "PKL002", twin_rules=("ZIP006",))


# PKC-02: CVE-2025-1944, https://github.com/advisories/GHSA-7q5r-7gvp-wc82
def test_a_member_with_two_names_is_read_under_both() -> None:
    assert_caught("pkc-02-names-differ.pt", "PKL002", twin_rules=("ZIP001", "PKL060"))


# PKC-02: CVE-2025-1945, https://github.com/advisories/GHSA-w8jq-xcqf-f792
def test_a_flag_that_says_encrypted_does_not_end_the_scan() -> None:
    assert_caught("pkc-02-encrypted-flag.pt", "PKL002", twin_rules=("ZIP002",))


# PKC-02: https://github.com/protectai/modelscan/issues/263
def test_bytes_in_front_of_a_zip_do_not_hide_it() -> None:
    assert_caught("pkc-02-prefixed.pt", "PKL002", twin_rules=("ZIP010",))


# PKC-03: CVE-2025-1889, https://github.com/advisories/GHSA-769v-p64c-89pr
def test_every_member_is_looked_at_whatever_its_name() -> None:
    assert_caught("pkc-03-odd-member.pt", "PKL002")


# PKC-03: https://github.com/protectai/modelscan/issues/263
def test_a_member_that_the_directory_leaves_out_is_found() -> None:
    assert_caught("pkc-03-unlisted-member.pt", "PKL002", "ZIP009", twin_rules=("ZIP009", "ZIP010"))


# PKC-04: https://atlas.mitre.org/studies/AML.CS0031
@pytest.mark.parametrize("name", ["zip-in-zip.pt", "tar.gz"])
def test_archives_in_archives_are_unpacked(name: str) -> None:
    assert_caught(f"pkc-04-{name}", "PKL002")


def _sevenzip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w") as archive:
        archive.writef(io.BytesIO(content), "model.weights")
    return buffer.getvalue()


def _deep(content: bytes) -> bytes:
    for depth in range(4):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{depth}.dat", content)
        content = gzip.compress(buffer.getvalue()) if depth == 2 else buffer.getvalue()
    return content


# PKC-04: https://atlas.mitre.org/studies/AML.CS0031 (nullifAI came as 7z)
@pytest.mark.parametrize("pack", [_sevenzip, lz4.frame.compress, zstandard.compress, _deep])
def test_archives_of_real_writers_are_unpacked(pack: Callable[[bytes], bytes]) -> None:
    hit, twin = scan(pack(HIT), "model.pt"), scan(pack(TWIN), "model.pt")
    assert hit.payloads == {"PKL002"}
    assert not twin.payloads


# PKC-05: CVE-2025-32434, https://github.com/advisories/GHSA-53q9-r3pm-6pq6
def test_every_member_of_a_legacy_torch_tar_is_a_pickle() -> None:
    assert_caught("pkc-05-legacy-tar.pt", "PKL002")


# PKC-06: https://github.com/advisories/GHSA-97f8-7cmv-76j2
@pytest.mark.parametrize("place", ["magic", "system", "keys"])
def test_each_of_the_five_pickles_of_a_legacy_torch_file_is_read(place: str) -> None:
    assert_caught(f"pkc-06-legacy-{place}.pt", "PKL002")


# PKC-07: CVE-2025-32434, https://github.com/advisories/GHSA-53q9-r3pm-6pq6
def test_a_torchscript_archive_is_read_as_the_pickle_that_it_is() -> None:
    assert_caught("pkc-07-torchscript.pt", "PKL002")


# PKC-08: https://github.com/mmaitre314/picklescan/pull/68
@pytest.mark.parametrize(
    "name",
    ["gzip.pkl.gz", "bzip2.pkl.bz2", "xz.pkl.xz", "lzma.pkl.lzma", "zlib.joblib", "zfile.joblib"],
)
def test_compressed_pickles_are_read(name: str) -> None:
    assert_caught(f"pkc-08-{name}", "PKL002")


# PKC-09: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
@pytest.mark.parametrize("name", ["objects.npy", "structured.npy", "archive.npz"])
def test_arrays_of_objects_are_pickles(name: str) -> None:
    assert_caught(f"pkc-09-{name}", "PKL002", "NPY001", twin_rules=("NPY001",))


# PKC-10: https://nvd.nist.gov/vuln/detail/CVE-2024-34997
@pytest.mark.parametrize("name", ["after-array", "array-of-objects"])
def test_raw_arrays_between_opcodes_hide_nothing(name: str) -> None:
    assert_caught(f"pkc-10-{name}.joblib", "PKL002")


# PKC-11: https://github.com/trailofbits/fickling (polyglot module)
@pytest.mark.parametrize(
    ("name", "twin_rules"),
    [
        ("pickle-then-zip.pt", ("PKL042", "ZIP010")),
        ("zip-behind-pickle.pt", ("PKL042", "PKL051", "ZIP010")),
        ("behind-safetensors.safetensors", ("ST009",)),
    ],
)
def test_a_file_that_is_two_formats_is_read_as_both(name: str, twin_rules: tuple[str, ...]) -> None:
    assert_caught(f"pkc-11-{name}", "PKL002", twin_rules=twin_rules)


# PKC-11: an archive behind a pickle is one archive, not the pieces around the pickles in it.
@pytest.mark.parametrize("name", ["pickle-then-zip.pt", "zip-behind-pickle.pt"])
def test_an_archive_behind_a_pickle_is_analyzed_to_the_end(name: str) -> None:
    assert all(scan(data, name).is_complete for data in pairs()[f"pkc-11-{name}"])


# PKC-12: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
def test_an_archive_behind_a_pointer_is_read() -> None:
    twin_rules = ("ORG001", "ORG002", "ZIP010")
    assert_caught("pkc-12-pointer-with-archive.pt", "PKL002", twin_rules=twin_rules)


# PKC-13: https://github.com/protectai/modelscan/issues/263
def test_what_is_encrypted_is_said_and_never_complete() -> None:
    hit, twin = (scan(data, "model.zip") for data in pairs()["pkc-13-encrypted.zip"])
    assert ("ARC008" in hit.rules, hit.is_complete) == (True, False)
    assert (set(twin.rules), twin.is_complete) == (set(), True)
