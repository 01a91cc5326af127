"""Java streams with links of attack chains, with models, and streams of .NET's BinaryFormatter.

Written from the Java Object Serialization Specification, chapter 6; the chains hold no command.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

HEAD = b"\xac\xed\x00\x05"
NULL, END = b"\x70", b"\x78"
SERIALIZABLE, WROTE_MORE, EXTERNALIZABLE = 2, 1, 4
DOTNET = b"\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00"


def utf(text: str) -> bytes:
    return struct.pack(">H", len(text.encode())) + text.encode()


def string(text: str) -> bytes:
    return b"\x74" + utf(text)


def described(
    name: str,
    fields: Sequence[tuple[str, str]] = (),
    *,
    flags: int = SERIALIZABLE,
    parent: bytes = NULL,
) -> bytes:
    """A class descriptor; fields are (type code or signature, name)."""
    out = b"\x72" + utf(name) + struct.pack(">QBH", 7, flags, len(fields))
    for kind, field in fields:
        out += kind[:1].encode() + utf(field)
        if kind[0] in "[L":
            out += string(kind)
    return out + END + parent


def instance(descriptor: bytes, values: bytes = b"") -> bytes:
    return b"\x73" + descriptor + values


def byte_array(content: bytes) -> bytes:
    return b"\x75" + described("[B") + struct.pack(">I", len(content)) + content


def stream(*contents: bytes) -> bytes:
    return HEAD + b"".join(contents)


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    collections = "org.apache.commons.collections"
    method = [("Ljava/lang/String;", "iMethodName"), ("[Ljava/lang/Object;", "iArgs")]
    invoker = instance(
        described(f"{collections}.functors.InvokerTransformer", method),
        string("weighbridge-marker") + NULL,
    )
    lazy = described(f"{collections}.map.LazyMap", [("Ljava/lang/Object;", "factory")])
    yield "java/collections.ser", stream(instance(lazy, invoker))
    templates = described(
        "com.sun.org.apache.xalan.internal.xsltc.trax.TemplatesImpl", [("[B", "_bytecodes")]
    )
    yield "java/overlong.ser", stream(instance(_overlong(lazy), NULL))
    yield "java/templates.model", stream(instance(templates, byte_array(b"no class\n")))
    remote = b"\x7d" + struct.pack(">I", 1) + utf("java.rmi.registry.Registry") + END
    handler = described("java.rmi.server.RemoteObjectInvocationHandler", flags=SERIALIZABLE)
    proxy = described("java.lang.reflect.Proxy", [("Ljava/lang/Object;", "h")])
    yield "java/proxy.ser", stream(instance(remote + proxy, instance(handler)))
    address = string("ldap://example.invalid/weighbridge-marker")
    holder = described("java.util.Locale", [("Ljava/lang/String;", "name")])
    yield "java/address.ser", stream(instance(holder, address))
    places = described("java.util.HashMap", [("F", "loadFactor"), ("I", "threshold")], flags=3)
    host = instance(
        described("java.net.URL", [("I", "hashCode"), ("Ljava/lang/String;", "host")]),
        struct.pack(">i", -1) + string("marker.example.invalid"),
    )
    entries = b"\x77\x08" + struct.pack(">ii", 16, 1) + host + NULL + END
    yield "java/lookup.ser", stream(instance(places, struct.pack(">fi", 0.75, 12) + entries))
    own = described("com.example.OwnClassifier", [("D", "bias"), ("[D", "weights")])
    yield "java/unknown.ser", stream(instance(own, struct.pack(">d", 0.5) + NULL))
    yield "java/unknown-cut.ser", stream(instance(own))
    yield "java/nested.ser", stream(byte_array(stream(instance(lazy, NULL))))
    yield "java/weka.twin.model", _weka()
    yield "java/pojo.twin.java", (POJO % "").encode()
    started = '  static { Runtime.getRuntime().exec("echo weighbridge-marker"); }\n'
    yield "java/pojo.java", (POJO % started).encode()
    yield "java/dotnet.bin", DOTNET + b"\x06\x01\x00\x00\x00\x06marker\x0b"
    provider = b"System.Windows.Data.ObjectDataProvider"
    yield "java/dotnet-provider.bin", DOTNET + b"\x0c\x02" + bytes([len(provider)]) + provider + b"\x0b"


POJO = """/* Licensed under the Apache License */
import java.util.Map;
import hex.genmodel.GenModel;

public class marker extends GenModel {
  public double[] score0(double[] data, double[] preds) {
    preds[0] = data[0] < 0.5 ? 1 : 2;
    return preds;
  }
%s}
"""


def _overlong(descriptor: bytes) -> bytes:
    """The same class, each letter of its name in two bytes where one is enough."""
    length = int.from_bytes(descriptor[1:3], "big")
    name = b"".join(bytes([0xC0 | one >> 6, 0x80 | one & 63]) for one in descriptor[3 : 3 + length])
    return b"\x72" + struct.pack(">H", len(name)) + name + descriptor[3 + length :]


def _weka() -> bytes:
    """The shape of a tree of Weka: a class with a superclass, numbers, text and a list."""
    parent = described("weka.classifiers.AbstractClassifier", [("Z", "m_Debug")])
    fields = [("F", "m_CF"), ("I", "m_minNumObj"), ("Ljava/util/ArrayList;", "m_names")]
    tree = described("weka.classifiers.trees.J48", fields, parent=parent)
    items = described("java.util.ArrayList", [("I", "size")], flags=SERIALIZABLE | WROTE_MORE)
    listed = instance(items, struct.pack(">I", 1) + b"\x77\x04\0\0\0\x01" + string("petal") + END)
    return stream(instance(tree, b"\0" + struct.pack(">fI", 0.25, 2) + listed))
