"""Every callable that an advisory names is caught however it is reached.

The advisories are those of scanners whose list lacked the name: https://github.com/advisories/ID.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from samples.recipes.assembler import (
    MARKER,
    PAYLOAD,
    POP,
    REDUCE,
    STACK_GLOBAL,
    call,
    dict_of,
    global_line,
    inst,
    name,
    stream,
    string8,
    text,
    tuple_of,
)

from tests.regressions.scanning import scan

NAMES: Final[tuple[tuple[str, str, str], ...]] = (
    ("GHSA-g38g-8gr9-h9xp", "_aix_support", "_read_cmd_output"),
    ("GHSA-g38g-8gr9-h9xp", "_osx_support", "_read_output"),
    ("GHSA-g38g-8gr9-h9xp", "_pyrepl.pager", "pipe_pager"),
    ("GHSA-g38g-8gr9-h9xp", "_pyrepl.pager", "tempfile_pager"),
    ("GHSA-g38g-8gr9-h9xp", "imaplib", "IMAP4_stream"),
    ("GHSA-g38g-8gr9-h9xp", "test.support.script_helper", "assert_python_ok"),
    ("GHSA-g38g-8gr9-h9xp", "uuid", "_get_command_stdout"),
    ("GHSA-5hwf-rc88-82xm", "_osx_support", "_find_build_tool"),
    ("GHSA-6ggj-6f2q-f7mx", "_interpreters", "create"),
    ("GHSA-6ggj-6f2q-f7mx", "_interpreters", "run_string"),
    ("GHSA-6ggj-6f2q-f7mx", "_xxsubinterpreters", "create"),
    ("GHSA-6ggj-6f2q-f7mx", "_xxsubinterpreters", "run_string"),
    ("GHSA-9726-w42j-3qjr", "_io", "FileIO"),
    ("GHSA-9726-w42j-3qjr", "urllib.request", "urlopen"),
    ("GHSA-46h3-79wf-xr6c", "_operator", "attrgetter"),
    ("GHSA-955r-x9j8-7rhh", "_operator", "methodcaller"),
    ("GHSA-84r2-jw7c-4r5q", "operator", "methodcaller"),
    ("GHSA-84r2-jw7c-4r5q", "pydoc", "locate"),
    ("GHSA-m6fh-58r7-x697", "_posixsubprocess", "fork_exec"),
    ("GHSA-m6fh-58r7-x697", "atexit", "register"),
    ("GHSA-m6fh-58r7-x697", "site", "addsitedir"),
    ("GHSA-q77w-mwjj-7mqx", "asyncio.unix_events", "_UnixSubprocessTransport._start"),
    ("GHSA-9m3x-qqw2-h32h", "cloudpickle.cloudpickle", "_builtin_type"),
    ("GHSA-9m3x-qqw2-h32h", "cloudpickle.cloudpickle", "_function_setstate"),
    ("GHSA-9m3x-qqw2-h32h", "cloudpickle.cloudpickle", "_make_cell"),
    ("GHSA-9m3x-qqw2-h32h", "cloudpickle.cloudpickle", "_make_function"),
    ("GHSA-9m3x-qqw2-h32h", "cloudpickle.cloudpickle", "subimport"),
    ("GHSA-9m3x-qqw2-h32h", "types", "CodeType"),
    ("GHSA-cj3c-v495-4xqh", "code", "InteractiveInterpreter.runcode"),
    ("GHSA-49gj-c84q-6qm9", "cProfile", "run"),
    ("GHSA-9w88-8rmg-7g2p", "cProfile", "runctx"),
    ("GHSA-r48f-3986-4f9c", "difflib", "HtmlDiff"),
    ("GHSA-r48f-3986-4f9c", "gc", "get_objects"),
    ("GHSA-r48f-3986-4f9c", "linecache", "getline"),
    ("GHSA-m273-6v24-x4m4", "distutils.file_util", "write_file"),
    ("GHSA-fqq6-7vqf-w3fg", "doctest", "debug_script"),
    ("GHSA-xp4f-hrf8-rxw7", "ensurepip", "_run_pip"),
    ("GHSA-8r4j-24qv-fmq9", "idlelib.calltip", "Calltip.fetch_tip"),
    ("GHSA-3gf5-cxq9-w223", "idlelib.pyshell", "ModifiedInterpreter.runcode"),
    ("GHSA-j343-8v2j-ff7w", "idlelib.pyshell", "ModifiedInterpreter.runcommand"),
    ("GHSA-q5qq-mvfm-j35x", "importlib", "import_module"),
    ("GHSA-q5qq-mvfm-j35x", "multiprocessing.util", "spawnv_passfds"),
    ("GHSA-wfq2-52f7-7qvj", "runpy", "run_path"),
    ("GHSA-p9w7-82w4-7q8m", "lib2to3.pgen2.pgen", "ParserGenerator.make_label"),
    ("GHSA-m7j5-r2p5-c39r", "logging", "FileHandler"),
    ("GHSA-565g-hwwr-4pp3", "marshal", "loads"),
    ("GHSA-565g-hwwr-4pp3", "types", "FunctionType"),
    ("GHSA-r8g5-cgf2-4m4m", "numpy.f2py.crackfortran", "getlincoef"),
    ("GHSA-fphw-536r-4p88", "pickle", "_load"),
    ("GHSA-fphw-536r-4p88", "pickle", "_Unpickler"),
    ("GHSA-655q-fx9r-782v", "pip", "main"),
    ("GHSA-vvpj-8cmc-gx39", "pkgutil", "resolve_name"),
    ("GHSA-5cxw-w2xg-2m8h", "platform", "_syscmd_file"),
    ("GHSA-x696-vm39-cp64", "profile", "Profile.run"),
    ("GHSA-6vqj-c2q5-j97w", "profile", "Profile.runctx"),
    ("GHSA-7wx9-6375-f5wh", "profile", "run"),
    ("GHSA-r7v6-mfhq-g3m2", "pty", "spawn"),
    ("GHSA-mw35-8rx3-xf9r", "ray.data._internal.tensor_extensions.arrow", "deserialize"),
    ("GHSA-mxhj-88fx-4pcv", "smtplib", "SMTP"),
    ("GHSA-v7x6-rv5q-mhwc", "timeit", "timeit"),
    ("GHSA-86cj-95qr-2p4f", "torch._dynamo.guards", "GuardBuilder.get"),
    (
        "GHSA-f4x7-rfwp-v3xw",
        "torch.fx.experimental.symbolic_shapes",
        "ShapeEnv.evaluate_guards_expression",
    ),
    ("GHSA-vr7h-p6mm-wpmh", "torch.jit.unsupported_tensor_ops", "execWrapper"),
    ("GHSA-769v-p64c-89pr", "torch.serialization", "load"),
    ("GHSA-vv6j-3g6g-2pvj", "torch.utils._config_module", "ConfigModule.load_config"),
    ("GHSA-4whj-rm5r-c2v8", "torch.utils.bottleneck.__main__", "run_autograd_prof"),
    ("GHSA-4r9r-ch6f-vxmx", "torch.utils.bottleneck.__main__", "run_cprofile"),
    ("GHSA-f745-w6jp-hpxx", "torch.utils.collect_env", "run"),
    ("GHSA-jhph-76pp-mggw", "torch.utils.collect_env", "run_and_read_all"),
    ("GHSA-h3qp-7fh3-f8h4", "torch.utils.data.datapipes.utils.decoder", "basichandlers"),
    ("GHSA-5qwp-399c-mjwf", "trace", "Trace.run"),
    ("GHSA-g344-hcph-8vgg", "trace", "Trace.runctx"),
    ("GHSA-pc6j-px3p-rrj4", "unittest.mock", "_dot_lookup"),
    ("GHSA-pc6j-px3p-rrj4", "unittest.mock", "_importer"),
)
_HARMLESS_UNTIL_CALLED = frozenset(
    {("_operator", "attrgetter"), ("_operator", "methodcaller"), ("operator", "methodcaller")}
)
"""Honest files store these, applied to plain names (a key function); what they fetch is judged."""


def _reduce(module: str, qualname: str) -> bytes:
    return stream(global_line(module, qualname), tuple_of(_computed()), REDUCE)


def _inst(module: str, qualname: str) -> bytes:
    return stream(inst(module, qualname, _computed()))


def _stack_global(module: str, qualname: str) -> bytes:
    return stream(call(name(module, qualname), _computed()))


def _byte_strings(module: str, qualname: str) -> bytes:
    return stream(string8(module), string8(qualname), STACK_GLOBAL, tuple_of(_computed()), REDUCE)


def _dotted(module: str, qualname: str) -> bytes:
    """Through a module that is nowhere on a list: `torch.library` + `torch.utils.collect_env.run`."""
    return stream(call(name("torch.library", f"{module}.{qualname}"), _computed()))


def _computed() -> bytes:
    """An argument that is no literal, so that no callable passes for its harmless arguments."""
    return call(name("builtins", "str"), text(MARKER))


@pytest.mark.parametrize("reach", [_reduce, _inst, _stack_global, _byte_strings, _dotted])
@pytest.mark.parametrize(("advisory", "module", "qualname"), NAMES)
def test_a_call_is_caught(
    advisory: str, module: str, qualname: str, reach: Callable[[str, str], bytes]
) -> None:
    assert scan(reach(module, qualname)).payloads, advisory


@pytest.mark.parametrize(
    ("advisory", "module", "qualname"),
    [row for row in NAMES if row[1:] not in _HARMLESS_UNTIL_CALLED],
)
def test_an_import_alone_is_caught(advisory: str, module: str, qualname: str) -> None:
    assert scan(stream(dict_of(("hook", name(module, qualname))))).payloads, advisory


# GHSA-769v-p64c-89pr: functools.partial gave torch.load its `pickle_file`.
def test_a_partial_is_judged_by_what_it_holds() -> None:
    held = call(name("functools", "partial"), name("torch.serialization", "load"), text("model.pt"))
    assert scan(stream(held)).payloads


# GHSA-5j3x-jp52-966f
@pytest.mark.parametrize(
    ("module", "qualname"),
    [("pathlib", "os.system"), ("random", "_os.system"), ("logging", "os.system")],
)
def test_a_module_that_another_imported_is_no_hiding_place(module: str, qualname: str) -> None:
    assert scan(stream(call(name(module, qualname), text(MARKER)))).payloads


# GHSA-97f8-7cmv-76j2: the magic number of a legacy torch file was the result of a call.
def test_a_magic_number_that_is_computed_is_a_call_like_any_other() -> None:
    assert scan(stream(PAYLOAD.call, POP, b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")).payloads


# GHSA-cffv-grgg-g429: an allow-list entry was shadowed by a longer name.
@pytest.mark.parametrize(
    "qualname", ["OrderedDict.__init__.__globals__", "OrderedDict.__class__", "_sys.modules"]
)
def test_an_allowed_name_allows_nothing_below_it(qualname: str) -> None:
    assert scan(stream(name("collections", qualname))).payloads
