"""Documents: what is reported of XML, SVG, PDF and office files, and what stays silent."""

from __future__ import annotations

import pytest
from samples.recipes import documents

from tests.analyzers.executable_events import findings, rows, rules

SAMPLES = dict(documents.samples())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_xml_is_recognised_in_every_encoding(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    name = encoding.removesuffix("-sig").removesuffix("-be")
    data = f'{mark}<?xml version="1.0" encoding="{name}"?><a/>'.encode(encoding)
    assert rows("a.bin", data) == [("a.bin", "xml", "opaque")]


@pytest.mark.parametrize(
    "text",
    [
        '<div align="center">\n# A model\n</div>\n',
        "<unk>\n<s>\n</s>\n",
        "<!DOCTYPE html><html></html>",
        "<p>a < b",
    ],
)
def test_text_with_angle_brackets_is_no_xml(text: str) -> None:
    assert rows("README.md", text)[0][1] == "text"


def test_the_document_type_of_svg_is_silent_and_that_of_a_model_is_not() -> None:
    public = '<?xml version="1.0"?><!DOCTYPE {0} PUBLIC "-//W3C//DTD" "http://www.w3.org/x.dtd"><{0}/>'
    assert rules("a.svg", public.format("svg")) == set()
    assert rules("a.xml", public.format("PMML")) == {"DOC003"}


def test_a_broken_model_is_failed_and_a_broken_note_is_opaque() -> None:
    assert rows("a.pmml", "<PMML><Header></PMML>") == [("a.pmml", "xml", "failed")]
    assert rows("a.xml", '<?xml version="1.0"?><note><a></note>') == [("a.xml", "xml", "opaque")]


def test_what_stands_before_the_break_is_judged() -> None:
    assert "DOC020" in rules("a.svg", "<svg><script>eval('1')</script><g>")


def test_a_link_in_an_image_is_no_reference() -> None:
    assert rules("a.svg", '<svg><a href="https://example.invalid/"><path/></a></svg>') == set()


def test_an_action_that_needs_a_click_is_not_told() -> None:
    assert rules("a.pdf", SAMPLES["documents/paper.twin.pdf"]) == set()


def test_a_file_inside_of_a_pdf_is_inspected() -> None:
    assert ("a.pdf!/file of object 2", "text", "opaque") in rows(
        "a.pdf", SAMPLES["documents/carries.pdf"]
    )


def test_a_launch_action_in_a_compressed_object_is_told() -> None:
    (finding,) = findings("a.pdf", SAMPLES["documents/launch.pdf"])
    assert finding.rule == "DOC030"
    assert "cmd.exe" in finding.evidence


def test_a_hyperlink_of_an_office_document_is_silent_and_a_template_elsewhere_is_not() -> None:
    assert rules("a.docx", SAMPLES["documents/report.twin.docx"]) == set()
    assert rules("a.docx", SAMPLES["documents/template.docx"]) == {"DOC042"}


def test_a_field_that_is_cut_into_runs_is_read_as_one() -> None:
    assert rules("a.docx", SAMPLES["documents/field.docx"]) == {"DOC043"}


def test_macros_that_only_show_a_message_are_medium() -> None:
    assert rules("a.doc", SAMPLES["documents/macros-act.doc"]) == {"DOC041"}
    assert rules("a.docm", SAMPLES["documents/macros.docm"]) == {"DOC040"}


def test_a_packaged_object_is_taken_out() -> None:
    assert ("a.doc!/object 0", "text", "opaque") in rows("a.doc", SAMPLES["documents/object.doc"])
