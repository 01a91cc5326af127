"""What the blobs of a manifest are called: by their annotations, else by their media types.

Names come from whoever pushed. One that would land outside of the folder that it is pulled to is
said, and its content is scanned under the name of its digest.

Source: OCI image specification 1.1; CNCF ModelPack specification; media types of KitOps, of Docker
Model Runner and of Ollama.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.fetchers.oci.manifest import Descriptor
from weighbridge.formats.archive.member_paths import PathHazard, path_hazard

_FILE_PATHS: Final = ("org.cncf.model.filepath", "org.cnai.model.filepath")
_TITLE: Final = "org.opencontainers.image.title"
_UNPACK: Final = "io.deis.oras.content.unpack"
_MODEL_FAMILY: Final = re.compile(
    r"application/vnd\.(?:cncf\.model|cnai\.model|kitops\.modelkit|jozu\.model)\.(?P<role>[a-z]+)"
)
_PACKED: Final = re.compile(r"[.+](?:(?P<tar>tar)(?:[.+](?P<of_tar>gzip|zstd))?|(?P<alone>gzip|zstd))\Z")
_SUFFIXES: Final = {"gzip": ".gz", "zstd": ".zst", None: ""}
_OLLAMA: Final = "application/vnd.ollama.image."
_DOCKER: Final = "application/vnd.docker.ai."
_BY_MEDIA_TYPE: Final = {
    f"{_OLLAMA}model": "model.gguf",
    f"{_OLLAMA}adapter": "adapter.gguf",
    f"{_OLLAMA}projector": "projector.gguf",
    # Without a suffix: those of templates promise Jinja, and this is Go's language.
    f"{_OLLAMA}template": "template",
    f"{_OLLAMA}prompt": "prompt",
    f"{_OLLAMA}system": "system_prompt.txt",
    f"{_OLLAMA}params": "params.json",
    f"{_OLLAMA}messages": "messages.json",
    f"{_OLLAMA}license": "LICENSE",
    f"{_DOCKER}gguf.v3": "model.gguf",
    f"{_DOCKER}gguf.v3.lora": "adapter.gguf",
    f"{_DOCKER}gguf.v3.mmproj": "projector.gguf",
    f"{_DOCKER}mmproj": "projector.gguf",
    f"{_DOCKER}safetensors": "model.safetensors",
    f"{_DOCKER}license": "LICENSE",
    f"{_DOCKER}chat.template.jinja": "chat_template.jinja",
}
_KITFILE: Final = re.compile(r"application/vnd\.(?:kitops\.modelkit|jozu\.model)\.config\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a blob goes.

    Attributes:
        name: relative and safe; not yet unique.
        plain: the name that it has for clients which do not unpack, when `name` is that of an archive.
        hazard: why the name that the manifest gives is not the one.
        stated: that name.
    """

    name: str
    plain: str | None = None
    hazard: PathHazard | None = None
    stated: str = ""


def short(digest: str) -> str:
    """Return a digest as part of a path: `sha256-0123456789ab`."""
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}-{digits[:12]}"


def config_name(config: Descriptor) -> str:
    return "Kitfile.json" if _KITFILE.match(config.media_type) else "oci-config.json"


def placements(descriptor: Descriptor, number: int) -> tuple[Placement, ...]:
    """Name a layer: once, or once for each name that one of the clients gives it.

    Args:
        descriptor: of the layer.
        number: its place in the manifest, from 1, for those without a name.
    """
    found = [_placement(name, descriptor) for name in _stated(descriptor)]
    known = _BY_MEDIA_TYPE.get(descriptor.media_type.partition(";")[0].strip())
    if known is not None:
        found.append(Placement(name=known))
    if not found:
        family = _MODEL_FAMILY.match(descriptor.media_type)
        role = family["role"] if family else "layer"
        found.append(Placement(name=f"{role}-{number:02}{_suffix(descriptor.media_type)}"))
    return tuple(dict.fromkeys(found))


def _stated(descriptor: Descriptor) -> Iterator[str]:
    annotations = descriptor.annotations or {}
    for key in (*_FILE_PATHS, _TITLE):
        if posixpath.normpath(annotations.get(key) or ".") != ".":
            yield annotations[key]
    if descriptor.name and descriptor.media_type.startswith(_OLLAMA):
        yield descriptor.name


def _placement(name: str, descriptor: Descriptor) -> Placement:
    """Place a name; an archive is named as one, because the annotation is the name of what is in it.

    ORAS gives single files the media type of an archive, and says of archives that they are to be
    unpacked.
    """
    hazard = path_hazard(name)
    if hazard is not None:
        return Placement(name=short(descriptor.digest), hazard=hazard, stated=name)
    plain = posixpath.normpath(name)
    is_packed = (descriptor.annotations or {}).get(_UNPACK) == "true"
    suffix = _suffix(descriptor.media_type)
    if plain.endswith(suffix) or not (is_packed or _MODEL_FAMILY.match(descriptor.media_type)):
        return Placement(name=plain)
    return Placement(name=f"{plain}{suffix}", plain=plain)


def _suffix(media_type: str) -> str:
    packed = _PACKED.search(media_type)
    if packed is None:
        return ""
    return f"{'.tar' if packed['tar'] else ''}{_SUFFIXES[packed['of_tar'] or packed['alone']]}"
