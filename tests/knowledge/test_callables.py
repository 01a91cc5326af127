"""What the tables say of callables: families, twins, re-exports, conditions and laws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.knowledge.callables import (
    CallableKnowledge,
    Capability,
    Condition,
    Judgement,
    Standing,
)
from weighbridge.knowledge.locate import signatures_dir

KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")
ALLOW = KNOWLEDGE.allow.everything()
DATA = Path(__file__).parent.parent / "data"
HARMLESS = (Standing.ALLOWED, Standing.RECOGNISED)


def judge(dotted: str, protocol: int = 4) -> Judgement:
    module, _, name = dotted.rpartition(" " if " " in dotted else ".")
    return KNOWLEDGE.judge(module, name, protocol=protocol)


def fixture(name: str) -> list[str]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(
    ("dotted", "capability"),
    [
        ("builtins.eval", Capability.EXECUTES_CODE),
        ("builtins.__import__", Capability.IMPORTS_BY_NAME),
        ("posix.system", Capability.SPAWNS_PROCESS),
        ("nt.remove", Capability.WRITES_FILES),
        ("subprocess.Popen", Capability.SPAWNS_PROCESS),
        ("uuid._get_command_stdout", Capability.SPAWNS_PROCESS),
        ("torch.utils.collect_env.run", Capability.SPAWNS_PROCESS),
        ("code InteractiveInterpreter.runcode", Capability.EXECUTES_CODE),
        ("idlelib.pyshell ModifiedInterpreter.runcommand", Capability.EXECUTES_CODE),
        ("numpy.f2py.crackfortran.getlincoef", Capability.EXECUTES_CODE),
        ("torch._dynamo.guards GuardBuilder.get", Capability.EXECUTES_CODE),
        ("pkgutil.resolve_name", Capability.IMPORTS_BY_NAME),
        ("logging.config.dictConfig", Capability.IMPORTS_BY_NAME),
        ("numpy.core._ufunc_reconstruct", Capability.IMPORTS_BY_NAME),
        ("inspect.getattr_static", Capability.ATTRIBUTE_ACCESS),
        ("string Formatter.get_field", Capability.ATTRIBUTE_ACCESS),
        ("torch.load", Capability.DESERIALIZES),
        ("joblib.load", Capability.DESERIALIZES),
        ("torch.utils._config_module ConfigModule.load_config", Capability.DESERIALIZES),
        ("ssl.get_server_certificate", Capability.NETWORK),
        ("pandas.io.parsers.readers.read_csv", Capability.NETWORK),
        ("_io.FileIO", Capability.WRITES_FILES),
        ("distutils.file_util.write_file", Capability.WRITES_FILES),
        ("ctypes.CDLL", Capability.LOADS_NATIVE_CODE),
        ("pip._internal.cli.main.main", Capability.INSTALLS_PACKAGES),
        ("_thread.start_new_thread", Capability.PROCESS_CONTROL),
        ("itertools.starmap", Capability.GLUE),
        ("weakref.finalize", Capability.GLUE),
        ("picklescan.scanner.scan_bytes", Capability.TAMPERS_WITH_SCANNER),
        ("boto3.client", Capability.USES_CREDENTIALS),
    ],
)
def test_each_family_is_dangerous_by_its_capability(dotted: str, capability: Capability) -> None:
    judgement = judge(dotted)

    assert judgement.standing is Standing.DANGEROUS
    assert capability in judgement.capabilities


def worst_case(row: str) -> Judgement:
    return judge(row[:-1] + "any_name" if row.endswith(".*") else row)


def test_publicly_named_dangers_are_never_free() -> None:
    named = [row for row in fixture("dangerous_names.tsv") if "." in row]

    free = [
        row
        for row in named
        if (judgement := worst_case(row)).standing not in (Standing.DANGEROUS, Standing.STDLIB)
        and not (judgement.standing is Standing.CONDITIONAL and judgement.capabilities)
    ]

    assert len(named) > 500
    assert free == []


def every_split(row: str) -> list[tuple[str, str]]:
    parts = (row[:-1] + "any_name" if row.endswith(".*") else row).split(".")
    return [(".".join(parts[:cut]), ".".join(parts[cut:])) for cut in range(1, len(parts))]


def test_a_danger_stays_one_wherever_module_and_name_are_split() -> None:
    splits = [pair for row in fixture("dangerous_names.tsv") for pair in every_split(row)]

    free = [pair for pair in splits if KNOWLEDGE.judge(*pair, protocol=4).standing in HARMLESS]

    assert len(splits) > 600
    assert free == []


def test_a_dangerous_module_is_found_through_every_reexport_of_the_standard_library() -> None:
    rows = [row.split("\t") for row in fixture("stdlib_reexports.tsv")]
    missed = []
    for prefix, real in rows:
        module, _, attribute = prefix.rpartition(".")
        judgement = KNOWLEDGE.judge(module, f"{attribute}.anything", protocol=4)
        expected = (Standing.DANGEROUS, Standing.STDLIB) if real == "builtins" else (Standing.DANGEROUS,)
        if judgement.standing not in expected:
            missed.append(prefix)

    assert len(rows) > 400
    assert missed == []


@pytest.mark.parametrize(
    ("module", "name", "canonical"),
    [
        ("random", "_os.system", "os.system"),
        ("pathlib", "os.system", "os.system"),
        ("torch.library", "torch.utils.collect_env.run", "torch.utils.collect_env.run"),
        ("sklearn.base", "os.popen", "os.popen"),
        ("concurrent.futures.process", "mp.Process", "multiprocessing.Process"),
        ("enum", "bltns.eval", "builtins.eval"),
        ("some_library", "a.b._subprocess.run", "subprocess.run"),
        ("__main__", "os.system", "os.system"),
    ],
)
def test_a_walk_to_another_module_is_judged_as_that_module(
    module: str, name: str, canonical: str
) -> None:
    judgement = KNOWLEDGE.judge(module, name, protocol=4)

    assert judgement.standing is Standing.DANGEROUS
    assert judgement.canonical == canonical


@pytest.mark.parametrize(
    ("dotted", "protocol"),
    [
        ("collections OrderedDict.__init__.__globals__", 4),
        ("numpy __builtins__", 4),
        ("mylib Thing.__class__", 4),
        ("mylib Thing.__subclasses__", 4),
        ("mylib.__main__ run", 2),
        ("torch.serialization os", 2),
        ("ultralytics.nn tasks.torch_safe_load", 4),
        ("torch.nn functional.anything", 4),
        ("numpy ndarray.tofile", 4),
        ("transformers.trainer_utils SchedulerType.open", 4),
        ("mylib " + "a." * 5000 + "b", 4),
    ],
)
def test_walks_into_machinery_are_dangerous(dotted: str, protocol: int) -> None:
    assert judge(dotted, protocol).standing is Standing.DANGEROUS


@pytest.mark.parametrize(
    ("module", "name", "canonical"),
    [
        ("commands", "getoutput", "subprocess.getoutput"),
        ("urllib", "urlretrieve", "urllib.request.urlretrieve"),
        ("thread", "start_new_thread", "_thread.start_new_thread"),
        ("__builtin__", "eval", "builtins.eval"),
        ("six.moves.builtins", "exec", "builtins.exec"),
        ("six.moves", "getoutput", "subprocess.getoutput"),
        ("sklearn.externals.six.moves.builtins", "eval", "builtins.eval"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_old_and_internal_names_are_judged_in_every_protocol(
    module: str, name: str, canonical: str, protocol: int
) -> None:
    judgement = KNOWLEDGE.judge(module, name, protocol=protocol)

    assert judgement.standing is Standing.DANGEROUS
    assert judgement.canonical == canonical


def test_python_2_spellings_are_allowed_only_where_unpicklers_rename_them() -> None:
    assert KNOWLEDGE.judge("__builtin__", "set", protocol=2).standing is Standing.ALLOWED
    assert KNOWLEDGE.judge("__builtin__", "set", protocol=2).canonical == "builtins.set"
    assert KNOWLEDGE.judge("__builtin__", "set", protocol=3).standing is Standing.STDLIB


@pytest.mark.parametrize(
    "dotted",
    [
        "builtins.set",
        "collections.OrderedDict",
        "pathlib.PosixPath",
        "datetime.datetime",
        "decimal.Decimal",
        "numpy.dtype",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct",
        "numpy.random._pickle.__randomstate_ctor",
        "torch._utils._rebuild_tensor_v2",
        "torch.FloatStorage",
        "torch.bfloat16",
        "pandas._libs.internals._unpickle_block",
    ],
)
def test_what_writers_emit_is_allowed(dotted: str) -> None:
    judgement = judge(dotted)

    assert judgement.standing is Standing.ALLOWED
    assert judgement.condition is None
    assert judgement.capabilities == ()


@pytest.mark.parametrize(
    ("dotted", "condition"),
    [
        ("torch.nn.modules.conv.Conv2d", Condition.REBUILT),
        ("sklearn.ensemble._forest.RandomForestClassifier", Condition.REBUILT),
        ("sklearn.ensemble.forest.RandomForestClassifier", Condition.REBUILT),
        ("scipy.sparse.csr.csr_matrix", Condition.REBUILT),
        ("pandas.core.frame.DataFrame", Condition.REBUILT),
        ("xgboost.core.Booster", Condition.REBUILT),
        ("lightgbm.sklearn.LGBMClassifier", Condition.REBUILT),
        ("transformers.training_args.TrainingArguments", Condition.REBUILT),
        ("transformers.models.bert.modeling_bert.BertModel", Condition.REBUILT),
        ("joblib.numpy_pickle.NumpyArrayWrapper", Condition.REBUILT),
        ("transformers.trainer_utils.SchedulerType", None),
        ("sklearn.tree._tree.Tree", None),
    ],
)
def test_classes_of_known_libraries_are_recognised(dotted: str, condition: Condition | None) -> None:
    judgement = judge(dotted, protocol=2)

    assert judgement.standing is Standing.RECOGNISED
    assert judgement.condition is condition


@pytest.mark.parametrize(
    ("dotted", "condition"),
    [
        ("builtins.getattr", Condition.ALLOWED_CLASS_ATTRIBUTE),
        ("functools.partial", Condition.WRAPS_FIRST_ARGUMENT),
        ("copyreg._reconstructor", Condition.REBUILDS_FIRST_ARGUMENT),
        ("pandas.core.indexes.base._new_Index", Condition.REBUILDS_FIRST_ARGUMENT),
        ("operator.attrgetter", Condition.STORED_RESULT),
        ("torch.storage._load_from_bytes", Condition.NESTED_PICKLE),
        ("pickle.loads", Condition.NESTED_PICKLE),
        ("_codecs.encode", Condition.LITERAL_ARGUMENTS),
        ("numpy.memmap", Condition.NAMED_ONLY),
    ],
)
def test_conditional_callables_say_what_they_can_do_when_the_condition_fails(
    dotted: str, condition: Condition
) -> None:
    judgement = judge(dotted)

    assert judgement.standing is Standing.CONDITIONAL
    assert judgement.condition is condition
    assert judgement.capabilities


def test_every_conditional_callable_names_its_capabilities() -> None:
    entries = ALLOW.items()
    conditional = [line for line, entry in entries if entry.standing is Standing.CONDITIONAL]

    silent = [line for line in conditional if not judge(line).capabilities]

    assert "builtins getattr" in conditional
    assert silent == []


@pytest.mark.parametrize(
    ("dotted", "standing"),
    [
        ("__main__.Model", Standing.MAIN),
        ("__mp_main__.Model", Standing.MAIN),
        ("mylib.layers.Block", Standing.UNKNOWN),
        ("torch.EvilStorage", Standing.UNKNOWN),
        ("evil.FloatStorage", Standing.UNKNOWN),
        ("torch.nn.modules.conv Conv2d.forward", Standing.UNKNOWN),
        ("mylib Outer.Inner", Standing.UNKNOWN),
        ("calendar.Calendar", Standing.STDLIB),
        ("StringIO.anything", Standing.STDLIB),
        ("mylib string.Template", Standing.STDLIB),
    ],
)
def test_what_is_on_no_list_is_never_clean(dotted: str, standing: Standing) -> None:
    assert judge(dotted).standing is standing


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("оs", "system"),
        ("torch", "FloаtStorage"),
        ("", ""),
        ("", "set"),
        ("os ", "system"),
        ("builtins", "set\0"),
    ],
)
def test_names_that_are_not_plain_identifiers_are_unknown_and_say_so(module: str, name: str) -> None:
    judgement = KNOWLEDGE.judge(module, name, protocol=2)

    assert judgement.standing is Standing.UNKNOWN
    assert judgement.why


def test_a_look_alike_is_named_as_one() -> None:
    assert "look-alike" in KNOWLEDGE.judge("оs", "system", protocol=2).why


def test_torchscript_types_are_harmless_only_in_torchscript() -> None:
    judgement = judge("__torch__.torch.nn.modules.conv.___torch_mangle_3.Conv3d")

    assert judgement.standing is Standing.CONDITIONAL
    assert judgement.condition is Condition.TORCHSCRIPT_TYPE
    assert KNOWLEDGE.judge("__torch__.x", "os.system", protocol=4).standing is Standing.DANGEROUS


def test_dotted_names_are_allowed_only_where_the_protocol_walks_dots() -> None:
    assert KNOWLEDGE.judge("zoneinfo", "ZoneInfo._unpickle", protocol=4).standing is Standing.ALLOWED
    assert KNOWLEDGE.judge("zoneinfo", "ZoneInfo._unpickle", protocol=2).standing is Standing.STDLIB


def test_a_nested_class_on_the_list_is_recognised() -> None:
    nested = [line for line in ALLOW if "." in line.partition(" ")[2]]

    standings = {judge(line).standing for line in nested}

    assert len(nested) > 10
    assert standings <= {*HARMLESS, Standing.CONDITIONAL}


def test_popular_models_name_nothing_dangerous() -> None:
    rows = fixture("benign_names.tsv")

    bad = {row for row in rows if judge(row, 2).standing in (Standing.DANGEROUS, Standing.STDLIB)}
    unlisted = {
        row
        for row in rows
        if judge(row, 2).standing in (Standing.REACHES, Standing.UNKNOWN, Standing.MAIN)
    }

    assert bad == set()
    assert unlisted == {
        "__main__.DistillationTrainingArguments",
        # Its constructor does much; rebuilding it does not call that.
        "flair.embeddings.token.TransformerWordEmbeddings",
    }


names = st.text(st.characters(exclude_characters=" "), max_size=30)


@given(names, names, st.integers(0, 5))
def test_a_name_on_no_list_is_never_harmless(module: str, name: str, protocol: int) -> None:
    reached = KNOWLEDGE.renames.reached(module, name, protocol=protocol)
    judgement = KNOWLEDGE.judge(module, name, protocol=protocol)

    assert judgement.standing not in HARMLESS or " ".join(reached) in ALLOW


harmless_lines = st.sampled_from(
    sorted(line for line, entry in ALLOW.items() if entry.standing in HARMLESS)
)
additions = st.text("abcXYZ_.0 \0é", min_size=1, max_size=6)


@given(harmless_lines, additions, st.sampled_from(["before", "between", "after", "both"]))
def test_anything_added_to_an_allowed_name_takes_it_off_the_list(
    line: str, addition: str, where: str
) -> None:
    module, name = line.split(" ")
    if where == "both":
        module, name = addition + module, name + addition
    else:
        module = addition + module if where == "before" else module + addition * (where == "between")
        name = name + addition * (where == "after")

    judgement = KNOWLEDGE.judge(module, name, protocol=4)

    assert judgement.standing not in HARMLESS or f"{module} {name}" in ALLOW


@given(st.text(max_size=40), st.text(max_size=40), st.integers(-1, 300))
def test_any_text_is_judged(module: str, name: str, protocol: int) -> None:
    assert KNOWLEDGE.judge(module, name, protocol=protocol).why


WATCHED = """
import sys
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
knowledge = CallableKnowledge.load(signatures_dir() / "callables")
before = set(sys.modules)
sys.meta_path.clear()
sys.path.clear()
others = ["sqlite3 connect", "torch load", "mylib x", "wave os.x"]
for line in list(knowledge.allow.everything())[::50] + others:
    for protocol in (2, 4):
        print(line, protocol, knowledge.judge(*line.split(" "), protocol=protocol))
assert set(sys.modules) == before, set(sys.modules) - before
"""


def watched(*prelude: str) -> str:
    code = "\n".join([*prelude, WATCHED])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_judging_imports_nothing_and_does_not_depend_on_what_is_installed() -> None:
    bare = watched()
    crowded = watched(
        "import sys, types",
        "sys.modules.update({n: types.ModuleType(n) for n in ('torch', 'sklearn', 'mylib', 'numpy')})",
    )

    assert len(bare.splitlines()) > 100
    assert bare == crowded
