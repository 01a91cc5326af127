"""Honest repository code: what is merely powerful, and what looks like an attack and is none."""

from __future__ import annotations

import base64
import bz2
from typing import Final

_HOST: Final = "https://host.example.invalid"
_KERNELS: Final = base64.b64encode(bz2.compress(b"weighbridge-marker " * 20)).decode()

POWERS: Final = {
    "trusts-other-repository.py": """\
        from transformers import AutoModel
        def load():
            return AutoModel.from_pretrained("marker/weighbridge", trust_remote_code=True)
        """,
    "torch-hub.py": """\
        import torch
        def backbone():
            return torch.hub.load("marker/weighbridge", "small", pretrained=True)
        """,
    "installs-packages.py": """\
        import subprocess, sys
        def ensure():
            subprocess.check_call([sys.executable, "-m", "pip", "install", "einops"])
        """,
    "installs-from-forge.py": """\
        import os
        os.system("pip install git+https://github.com/marker/weighbridge@v1 -q")
        """,
    "ffmpeg-in-forward.py": """\
        import subprocess, torch
        class Audio(torch.nn.Module):
            def forward(self, path):
                return subprocess.run(["ffmpeg", "-i", path, "-f", "f32le", "-"], capture_output=True)
        """,
    "replaces-torch-load.py": """\
        import torch
        _load = torch.load
        def load(*args, **kwargs):
            kwargs["weights_only"] = False
            return _load(*args, **kwargs)
        torch.load = load
        """,
    "lazy-finder.py": """\
        import importlib.abc, sys
        class Finder(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                return None
        sys.meta_path.append(Finder())
        """,
    "keyboard-control.py": """\
        from pynput import keyboard
        def on_press(key):
            print("turn", key)
        def control():
            keyboard.Listener(on_press=on_press).start()
        """,
    "labels-at-import.py": f"""\
        import requests
        LABELS = requests.get("{_HOST}/imagenet.json").json()
        """,
    "unpickles-when-called.py": f"""\
        import pickle, requests
        def vocabulary():
            return pickle.loads(requests.get("{_HOST}/v.pkl").content)
        """,
}
"""Medium, low or info: nothing here fails a gate by default."""

TWINS: Final = {
    "quantization.twin.py": f"""\
        import base64, bz2, ctypes, os
        from typing import List
        CODE = "{_KERNELS}"
        class Kernel:
            def __init__(self, code: bytes, names: List[str]):
                self.code, self.names = code, names
        kernels = Kernel(bz2.decompress(base64.b64decode(CODE)), ["int4", "int8"])
        class ParallelKernel:
            def __init__(self, folder):
                out = os.path.join(folder, "kernel.so")
                os.system("gcc -O3 -fPIC -shared kernel.c -o " + out)
                self.functions = ctypes.cdll.LoadLibrary(out)
        """,
    "modeling.twin.py": """\
        import importlib, math, os, warnings
        import torch
        from torch import nn
        from transformers import PreTrainedModel
        from .configuration import MarkerConfig
        try:
            from flash_attn import flash_attn_func
        except ImportError:
            flash_attn_func = None
        class Attention(nn.Module):
            def __init__(self, config):
                super().__init__()
                self.act = getattr(torch.nn.functional, config.hidden_act)
                self.dtype = getattr(torch, "float" + "16")
            def forward(self, x):
                return self.act(x)
        class MarkerModel(PreTrainedModel):
            config_class = MarkerConfig
            def __init__(self, config):
                super().__init__(config)
                if os.environ.get("MARKER_DEBUG") == "1":
                    warnings.warn("debugging")
                self.layers = nn.ModuleList([Attention(config) for _ in range(config.layers)])
            @classmethod
            def from_pretrained(cls, name, *args, **kwargs):
                return super().from_pretrained(name, *args, **kwargs)
        """,
    "lazy-init.twin.py": """\
        import importlib
        _NAMES = {"MarkerModel": ".modeling", "MarkerConfig": ".configuration"}
        def __getattr__(name):
            if name in _NAMES:
                return getattr(importlib.import_module(_NAMES[name], __package__), name)
            raise AttributeError(name)
        """,
    "handler.twin.py": f"""\
        import base64, io, os, requests
        class EndpointHandler:
            def __init__(self, path=""):
                self.token = os.environ.get("HF_TOKEN")
            def __call__(self, data):
                image = base64.b64decode(data["inputs"])
                headers = {{"Authorization": f"Bearer {{self.token}}"}}
                return requests.post("{_HOST}/v1", headers=headers, data=io.BytesIO(image)).json()
        """,
    "setup.twin.py": """\
        import os
        from setuptools import find_packages, setup
        about = {}
        with open(os.path.join("marker", "version.py")) as file:
            exec(file.read(), about)
        setup(name="marker", version=about["__version__"], packages=find_packages())
        """,
    "uploads.twin.py": """\
        import os
        from huggingface_hub import HfApi
        def publish(folder):
            HfApi(token=os.environ["HF_TOKEN"]).upload_folder(folder_path=folder, repo_id="marker/x")
        """,
    "asks-hub.twin.py": """\
        import os, requests
        def whoami():
            token = os.environ["HF_TOKEN"]
            return requests.get("https://huggingface.co/api/whoami-v2", params={"t": token}).json()
        """,
    "cleans-cache.twin.py": """\
        import os, shutil, subprocess
        from pathlib import Path
        def clean(name):
            shutil.rmtree(Path.home() / ".cache" / "marker")
            shutil.rmtree(os.path.join(os.path.expanduser("~"), ".cache", name), ignore_errors=True)
            os.remove(os.path.join(os.path.dirname(__file__), "marker.lock"))
        """,
    "distributed.twin.py": """\
        import datetime, os, socket, subprocess, time
        import torch.distributed as dist
        def init(port):
            address = socket.gethostbyname(socket.gethostname())
            dist.init_process_group("nccl", timeout=datetime.timedelta(seconds=1800))
        def watch(start):
            if time.time() - start > 3600:
                subprocess.run(["nvidia-smi"])
        """,
    "hashes.twin.py": """\
        def fnv(data):
            value = 0xCBF29CE484222325
            for byte in data:
                value = (value ^ byte) * 0x100000001B3 % (1 << 64)
            return value
        TABLE = [eval("0x" + one) for one in ("1f", "2e")]
        """,
    "documents-attack.twin.py": '''\
        """How one finds exec(base64.b64decode(...)) and requests.post(url, json=dict(os.environ))."""
        PATTERNS = ["().__class__.__base__.__subclasses__()", "stratum+tcp://", "~/.ssh/id_rsa"]
        import re
        FOUND = [re.compile(re.escape(one)) for one in PATTERNS]
        ''',
    "reads-settings.twin.py": """\
        import json, os
        with open(os.path.join(os.path.dirname(__file__), "settings.json")) as file:
            SETTINGS = json.load(file)
        VALUES = {name: value for name, value in os.environ.items() if name.startswith("MARKER_")}
        """,
    "makes-namedtuple.twin.py": """\
        TEMPLATE = "def {name}(x):\\n    return x * {factor}\\n"
        for name, factor in (("double", 2), ("triple", 3)):
            exec(TEMPLATE.format(name=name, factor=factor))
        """,
    "app.twin.py": """\
        import os, subprocess
        import gradio as gr
        def run(text):
            return text[::-1]
        with gr.Blocks() as demo:
            box = gr.Textbox()
            box.submit(run, box, box)
        if __name__ == "__main__":
            demo.launch(server_name=os.getenv("HOST", "0.0.0.0"))
        """,
}
"""Nothing at medium or above."""
