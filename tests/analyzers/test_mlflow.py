"""MLflow and BentoML manifests, and requirements that come from addresses."""

from __future__ import annotations

import pytest
from samples.recipes.config import MLMODEL

from tests.analyzers.config_events import scan, told


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        ("x", "x", []),
        ("loader_module: mlflow.sklearn", "loader_module: mlflow.pyfunc.model", []),
        ("loader_module: mlflow.sklearn", "loader_module: custom", ["CFG020"]),
        ("loader_module: mlflow.sklearn", "loader_module: os", ["CFG028"]),
        ("loader_module: mlflow.sklearn", "loader_module: mlflowx.sklearn", ["CFG020"]),
        ("model_path: model.pkl", "code: code", ["CFG021"]),
        ("model_path: model.pkl", "model_code_path: /home/user/model.py", ["CFG021"]),
        ("model_path: model.pkl", "data: /etc", ["CFG022"]),
        ("conda: conda.yaml", "conda: ../../conda.yaml", ["CFG022"]),
        ("pickled_model: model.pkl", "pickled_model: ~/model.pkl", ["CFG022"]),
        ("artifact_path: model", "artifact_path: <img src=x onerror=y>", ["CFG023"]),
        ("code: null", "code: !!js/function 'f'", ["CFG013", "CFG021"]),
    ],
)
def test_a_model_is_judged_by_what_its_loader_does(old: str, new: str, rules: list[str]) -> None:
    assert told("MLmodel", MLMODEL.replace(old, new)) == rules


def test_a_model_is_known_by_its_content_as_well_as_by_its_name() -> None:
    text = MLMODEL.replace("mlflow.sklearn", "custom")
    assert told("other", text) == ["CFG020"]
    assert told("MLmodel", "flavors: {python_function: {loader_module: custom}}\n") == ["CFG020"]


def test_a_loader_that_is_dangerous_is_said_to_be_so() -> None:
    findings, _ = scan("MLmodel", MLMODEL.replace("mlflow.sklearn", "runpy"))
    assert "can run code" in findings[0].evidence


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("numpy==2.1.0", []),
        ("torch --extra-index-url https://download.pytorch.org/whl/cpu", []),
        ("--index-url=https://packages.example.invalid/simple", ["CFG024"]),
        ("-i http://pypi.org/simple", ["CFG024"]),
        ("--find-links https://example.invalid/wheels", ["CFG024"]),
        ("--trusted-host example.invalid", ["CFG024"]),
        ("x @ https://example.invalid/x-1.tar.gz", ["CFG024"]),
        ("https://user:pass@example.invalid/x.whl", ["CFG024"]),
        ("git+ssh://git@example.invalid/x.git", ["CFG024"]),
        ("git+https://github.com/org/x.git@main", ["CFG025"]),
        ("x @ git+https://github.com/org/x.git", ["CFG025"]),
        ("file:///srv/x.whl", ["CFG024"]),
        ("numpy  # see https://example.invalid/", []),
        ("# --index-url https://example.invalid", []),
    ],
)
def test_a_requirement_is_told_for_where_it_comes_from(line: str, rules: list[str]) -> None:
    assert told("requirements.txt", f"{line}\n") == rules
    assert told("conda.yaml", {"dependencies": ["pip", {"pip": [line]}]}) == [
        rule for rule in rules if not line.startswith("#")
    ]


def test_a_text_of_another_name_is_no_requirements() -> None:
    assert told("notes.txt", "--index-url https://example.invalid\n") == []


def test_a_channel_at_an_address_is_an_index() -> None:
    tree = {"channels": ["conda-forge", "https://conda.example.invalid"], "dependencies": []}
    assert told("conda.yaml", tree) == ["CFG024"]


@pytest.mark.parametrize(
    ("extra", "rules"),
    [
        ({}, ["CFG027"]),
        ({"docker": {"setup_script": "./setup.sh"}}, ["CFG026", "CFG027"]),
        ({"docker": {"dockerfile_template": "./Dockerfile.j2"}}, ["CFG026", "CFG027"]),
        ({"docker": {"distro": "debian"}}, ["CFG027"]),
        ({"python": {"packages": ["git+https://github.com/o/x"]}}, ["CFG025", "CFG027"]),
        ({"python": {"index_url": "https://example.invalid"}}, ["CFG024", "CFG027"]),
        ({"python": {"pip_args": "--extra-index-url https://example.invalid"}}, ["CFG024", "CFG027"]),
    ],
)
def test_a_bento_is_told_for_what_its_build_runs(extra: dict[str, object], rules: list[str]) -> None:
    assert told("bentofile.yaml", {"service": "service:svc", **extra}) == rules


def test_a_service_elsewhere_is_no_bento() -> None:
    assert told("compose.yaml", {"service": "web", "docker": {"setup_script": "x"}}) == []
