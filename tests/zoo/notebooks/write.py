"""Write notebooks as people save them: run by a real kernel, with outputs of plots and widgets."""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbclient import NotebookClient
from nbconvert import HTMLExporter, MarkdownExporter, PythonExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PLAIN = ["import math\nprint(math.pi)", "!echo hello", "%time sum(range(1000))", "x = 1\nx?", "1 / 0"]
TABLES = [
    "import pandas as pd\nframe = pd.DataFrame({'a': range(40), 'b': list('xy') * 20})\nframe",
    "frame.style.highlight_max()",
]
MODELS = [
    "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import "
    "StandardScaler\nfrom sklearn.linear_model import Ridge",
    "make_pipeline(StandardScaler(), Ridge()).fit([[0], [1]], [0, 1])",
]
FIGURES = [
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2, 3])",
    "from IPython.display import SVG, HTML, YouTubeVideo",
]
DISPLAYS = [
    "from IPython.display import HTML, IFrame, Javascript, Markdown, SVG, YouTubeVideo, Audio, Image",
    "HTML('<b>bold</b> <a href=\"https://huggingface.co\">a link</a>')",
    "YouTubeVideo('dQw4w9WgXcQ')",
    "IFrame('https://huggingface.co/spaces', 600, 300)",
    "Javascript('console.log(1)')",
    'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>\')',
    "Markdown('# *title*')",
    "Audio([0, 1, 0, 1] * 100, rate=8000)",
]
PLOTLY = [
    "import plotly.io as pio\nimport plotly.graph_objects as go",
    "pio.renderers.default = 'notebook'\ngo.Figure(go.Bar(x=[1, 2], y=[3, 4])).show()",
    "pio.renderers.default = 'notebook_connected'\ngo.Figure(go.Scatter3d(x=[1], y=[2], z=[3])).show()",
    "pio.renderers.default = 'colab'\ngo.Figure(go.Bar(x=[1], y=[3])).show()",
    "pio.renderers.default = 'iframe_connected'\ngo.Figure(go.Bar(x=[1], y=[3])).show()",
]
BOKEH = [
    "from bokeh.io import output_notebook, show\nfrom bokeh.plotting import figure\nfrom "
    "bokeh.resources import INLINE\noutput_notebook()",
    "p = figure()\np.line([1, 2], [3, 4])\nshow(p)",
    "output_notebook(INLINE)\nshow(p)",
]
ALTAIR = [
    "import altair as alt\nimport pandas as pd",
    "chart = alt.Chart(pd.DataFrame({'x': [1, 2], 'y': [3, 4]})).mark_line().encode(x='x', "
    "y='y')\nchart",
    "alt.renderers.enable('html')\nchart",
]
WIDGETS = [
    "import ipywidgets as widgets\nfrom IPython.display import display",
    "widgets.VBox([widgets.IntSlider(), widgets.HTML('<b>x</b><script>1</script>'), widgets.Text('y')])",
    "@widgets.interact(x=(0, 10))\ndef double(x):\n    return 2 * x",
    "import anywidget, traitlets\nclass Counter(anywidget.AnyWidget):\n    _esm = 'export "
    "default {render({el}) {el.innerHTML = 1}}'\nCounter()",
]
HUB = [
    "!pip install -q transformers datasets 'accelerate>=1.0' --upgrade",
    "!nvidia-smi || true",
    "%%writefile train.py\nimport sys\nprint(sys.argv)",
    "%%bash\nmkdir -p data\npython train.py --out data",
    "%%html\n<style>.output {color: red}</style>",
    "%load_ext autoreload\n%autoreload 2",
    "import os\nos.environ['TOKENIZERS_PARALLELISM'] = 'false'",
    "from getpass import getpass",
]
GROUPS = {
    "plain": PLAIN,
    "tables": TABLES,
    "models": MODELS,
    "figures": FIGURES,
    "displays": DISPLAYS,
    "plotly": PLOTLY,
    "bokeh": BOKEH,
    "altair": ALTAIR,
    "widgets": WIDGETS,
}


def executed(cells: list[str], folder: Path) -> nbformat.NotebookNode:
    """Run the cells by a kernel; errors stay as outputs."""
    notebook = new_notebook(
        cells=[new_markdown_cell("# Notes\n\nSome *words*."), *map(new_code_cell, cells)]
    )
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    NotebookClient(
        notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": folder}}
    ).execute()
    return notebook


def main() -> None:
    folder = Path(sys.argv[1])
    scratch = folder.parent / "notebooks-scratch"
    scratch.mkdir(exist_ok=True)
    done = {}
    for name, cells in GROUPS.items():
        done[name] = executed(cells, scratch)
        nbformat.write(done[name], folder / f"{name}.ipynb")
    hub = new_notebook(cells=[new_code_cell(cell) for cell in HUB])
    hub.cells[0].metadata = {"cellView": "form", "collapsed": True}
    hub.cells[6].metadata = {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
    hub.metadata = {
        "accelerator": "GPU",
        "colab": {"provenance": []},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
    }
    nbformat.write(hub, folder / "hub.ipynb")
    kept = new_notebook(
        cells=[
            new_markdown_cell(
                "![p](attachment:p.png)", attachments={"p.png": {"image/png": "iVBORw0KGgo="}}
            )
        ]
    )
    kept.cells.append(new_code_cell("1", outputs=[new_output("stream", text="line\n" * 1000)]))
    nbformat.write(kept, folder / "attachment.ipynb")
    nbformat.write(
        nbformat.v3.convert.downgrade(new_notebook(cells=[new_code_cell("print(1)")])),
        folder / "version3.ipynb",
        version=nbformat.NO_CONVERT,
    )
    for suffix in ("py:percent", "md", "Rmd"):
        jupytext.write(done["plain"], folder / f"plain.{suffix.partition(':')[0]}", fmt=suffix)
    parameters = new_notebook(
        cells=[
            new_code_cell("rate = 1", metadata={"tags": ["parameters"]}),
            new_code_cell("print(rate)"),
        ]
    )
    parameters.metadata.kernelspec = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    nbformat.write(parameters, scratch / "parameters.ipynb")
    papermill.execute_notebook(
        scratch / "parameters.ipynb", folder / "papermill.ipynb", {"rate": 3}, progress_bar=False
    )
    for exporter, suffix in (
        (HTMLExporter(), "html"),
        (MarkdownExporter(), "md"),
        (PythonExporter(), "py"),
    ):
        text, _ = exporter.from_notebook_node(done["tables"])
        (folder / f"converted.{suffix}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
