"""Secrets in texts, metadata and pickles: one hit for each SEC rule, and benign twins. All made up."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator

HOST = "example.invalid"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LETTERS = _BASE62[10:]
_URLSAFE = _BASE62 + "-_"


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for name, content in (*_texts(), *_twins(), *_files_of_credentials()):
        yield f"secrets/{name}", content.encode()
    arguments = {"output_dir": "out", "push_to_hub": "true", "hub_token": hub_token()}
    yield "secrets/training_args.bin", _pickle(arguments)
    yield "secrets/training_args.twin.bin", _pickle({"output_dir": "out", "hub_token": "hf_" + "x" * 34})
    yield "secrets/metadata.safetensors", _safetensors({"ss_training_comment": f"token {hub_token()}"})
    yield "secrets/metadata.twin.safetensors", _safetensors({"ss_training_comment": "token hf_..."})


def drawn(seed: str, alphabet: str, count: int) -> str:
    """Characters that look random and are always the same."""
    digits: list[str] = []
    block = seed.encode()
    while len(digits) < count:
        block = hashlib.sha256(block).digest()
        digits += [alphabet[byte % len(alphabet)] for byte in block]
    return "".join(digits[:count])


def hub_token() -> str:
    """A token of the form that the Hub issues."""
    return "hf_" + drawn("hub", _LETTERS, 34)


def checked(prefix: str) -> str:
    """A token with its checksum, as GitHub and npm issue them."""
    body = drawn(prefix, _BASE62, 30)
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return prefix + body + digits.rjust(6, "0")


def private_key(*, kind: str = "RSA ", is_locked: bool = False) -> str:
    """Bytes of the shape of a key, in PEM."""
    noise = bytes(int(drawn("key", "0123456789abcdef", 1200), 16).to_bytes(600, "big"))
    pbes2 = bytes.fromhex("06092a864886f70d01050d") if is_locked else b""
    body = b"\x30\x82" + struct.pack(">H", len(pbes2) + len(noise)) + pbes2 + noise
    text = base64.b64encode(body).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----\n"


def web_token(header: dict[str, object], claims: dict[str, object]) -> str:
    """A JSON Web Token whose signature nobody made."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)
    ]
    return b".".join(parts).decode() + "." + drawn("signature", _URLSAFE, 43)


def macaroon() -> str:
    """A token of the form that the Python package index issues."""
    identifier = json.dumps({"version": 1, "user": drawn("user", "0123456789abcdef", 32)}).encode()
    signature = hashlib.sha256(b"weighbridge").digest()
    body = (
        b"\x02\x01\x08pypi.org\x02" + bytes([len(identifier)]) + identifier + b"\0\0\x06\x20" + signature
    )
    return "pypi-" + base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def _texts() -> Iterator[tuple[str, str]]:
    yield "hub-token.md", f"# Training notes\n\n    huggingface-cli login --token {hub_token()}\n"
    yield "github-token.py", f'"""Fetch."""\n\nTOKEN = "{checked("ghp_")}"\n'
    yield "npm-token.yaml", f"registry:\n  token: {checked('npm_')}\n"
    yield "pypi-token.txt", f"upload with {macaroon()}\n"
    pair = f"aws_access_key_id = AKIA{drawn('aws', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}\n"
    yield "aws-pair.cfg", f"{pair}aws_secret_access_key = {drawn('pair', _BASE62 + '+/', 40)}\n"
    openai = f"sk-proj-{drawn('a', _BASE62, 58)}T3BlbkFJ{drawn('b', _BASE62, 58)}"
    yield "provider-keys.json", json.dumps({"openai": openai, "other": _anthropic()})
    account = {"type": "service_account", "private_key_id": "1", "private_key": private_key(kind="")}
    yield "service-account.json", json.dumps(account)
    yield "id_rsa", private_key()
    yield "locked-key.pem", private_key(kind="ENCRYPTED ", is_locked=True)
    yield "tests/fixtures/key.pem", private_key()
    yield "gitlab.md", f"clone with glpat-{drawn('gl', _URLSAFE[:-2], 20)}\n"
    yield (
        "webhook.py",
        f'URL = "https://discord.com/api/webhooks/{"1357" * 5}/{drawn("dc", _BASE62, 68)}"\n',
    )
    yield "tracking.sh", f"export WANDB_API_KEY={drawn('wb', '0123456789abcdef', 40)}\n"
    yield "assigned.py", f'client = connect(host, password="{drawn("pw", _BASE62 + "%+", 24)}")\n'
    yield "database.yaml", f"url: postgresql://train:{drawn('db', _BASE62, 18)}@db.{HOST}:5432/runs\n"
    claims: dict[str, object] = {"sub": "7", "exp": 1935700000}
    yield "session.md", f"use `{web_token({'alg': 'HS256', 'typ': 'JWT'}, claims)}`\n"
    yield "unsigned.md", f"use `{web_token({'alg': 'none'}, claims)}`\n"


def _anthropic() -> str:
    return f"sk-ant-api03-{drawn('c', _URLSAFE, 92)}_AA"


def _files_of_credentials() -> Iterator[tuple[str, str]]:
    yield "home/.netrc", f"machine {HOST}\n  login me\n  password {drawn('netrc', _BASE62, 20)}\n"
    yield "home/.git-credentials", f"https://me:{drawn('git', _BASE62, 20)}@git.{HOST}\n"
    yield "home/.npmrc", f"//registry.{HOST}/:_authToken={drawn('npmrc', _BASE62, 36)}\n"
    yield "home/.aws/credentials", f"[default]\naws_secret_access_key = {drawn('aws2', _BASE62, 40)}\n"
    auth = base64.b64encode(f"me:{drawn('docker', _BASE62, 20)}".encode()).decode()
    yield "home/.docker/config.json", json.dumps({"auths": {f"hub.{HOST}": {"auth": auth}}})


def _twins() -> Iterator[tuple[str, str]]:
    yield (
        "manual.twin.md",
        (
            "# Use\n\n    export HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
            "    export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\n    api_key='YOUR_API_KEY_GOES_HERE_1'\n"
            f"    GITHUB=ghp_{drawn('no checksum', _BASE62, 36)}\n    psql postgres://user:password@localhost/db\n"
            "    -----BEGIN PRIVATE KEY-----\n    ...\n    -----END PRIVATE KEY-----\n"
        ),
    )
    digest = hashlib.sha256(b"x").hexdigest()
    yield (
        "hashes.twin.yaml",
        (
            f"model: {{token: '{digest}', secret_key: '{digest[:32]}'}}\n"
            "uuid: 7b0c1c1e-9f0c-4c4e-8c0a-0b5e8f3c2d1a\n"
            "pad_token: '<|endoftext|>'\ntoken_type: 'BearerTokenWithLongName123'\n"
            "password: ${oc.env:DB_PASSWORD}\n"
        ),
    )
    words = {drawn(f"w{number}", _BASE62, 24): number for number in range(40)}
    vocabulary = {
        "version": "1.0",
        "model": {"vocab": {'password": "' + word: at for word, at in words.items()}},
    }
    yield "tokenizer.twin/tokenizer.json", json.dumps(vocabulary)


def _pickle(arguments: dict[str, str]) -> bytes:
    """A dictionary in protocol 2, each string with its place in the memo behind it."""
    out = b"\x80\x02}q\x00("
    for number, text in enumerate(word for pair in arguments.items() for word in pair):
        out += b"X" + struct.pack("<I", len(text)) + text.encode() + b"q" + bytes([number + 1])
    return out + b"u."


def _safetensors(metadata: dict[str, str]) -> bytes:
    header = json.dumps({"__metadata__": metadata}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header
