"""Keras configurations: what is named, what is carried, and what honest models may have."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.keras import (
    PICKLED_SYSTEM,
    SCALE_TEXT,
    SYSTEM_TEXT,
    archive,
    coded,
    function,
    layer,
    legacy,
    metadata,
    model,
    old_model,
    torch_wrapper,
)

from weighbridge.analyzers.archives.archive_kinds import judge_members
from weighbridge.analyzers.archives.zips import inspect as inspect_zip
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.keras import metadata as keras_metadata
from weighbridge.analyzers.keras.code import read_code
from weighbridge.analyzers.keras.configs import judge_tree
from weighbridge.analyzers.keras.judgement import Container, judge_config
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.documents.strict_json import Json, decode_json
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir

KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")
FUNCTIONS = ("clear_session", "get_file", "load_model", "model_from_json", "deserialize", "save_img")


def tree_of(config: object) -> Json:
    return decode_json(json.dumps(config)).value


def context() -> Context:
    return Context(Budget(Limits()), KNOWLEDGE)


def events(config: object, container: Container = Container.DOCUMENT) -> list[Event]:
    artifact = Artifact(("config.json",), MemorySource(b"{}"))
    return list(judge_config(artifact, tree_of(config), context(), container=container))


def findings(config: object) -> list[Finding]:
    return [event for event in events(config) if isinstance(event, Finding)]


def rules(config: object) -> list[str]:
    return [finding.rule for finding in findings(config)]


class TestClaims:
    @pytest.mark.parametrize(
        "tree",
        [model(), old_model(), [legacy("Dense")], {"modelTopology": {"model_config": old_model()}}],
        ids=["keras-3", "keras-2", "list", "tensorflow-js"],
    )
    def test_a_configuration_is_known_by_its_shape(self, tree: object) -> None:
        artifact = Artifact(("anything.json",), MemorySource(b""))

        assert judge_tree(artifact, tree_of(tree), context()) is not None

    @pytest.mark.parametrize(
        "tree",
        [
            {},
            [],
            "text",
            None,
            {"class_name": "x"},
            {"_class_name": "UNet", "config": {}},
            {"config": {}},
        ],
    )
    def test_other_documents_are_not(self, tree: object) -> None:
        artifact = Artifact(("config.json",), MemorySource(b""))

        assert judge_tree(artifact, tree_of(tree), context()) is None


class TestNames:
    @pytest.mark.parametrize("name", FUNCTIONS)
    @pytest.mark.parametrize(
        "module", ["keras.utils", "tf_keras.models", "tensorflow.keras.saving", "keras.api.saving"]
    )
    def test_tools_of_keras_are_no_part_of_models(self, module: str, name: str) -> None:
        assert rules(model(function(module, name))) == ["KER004"]

    @pytest.mark.parametrize(
        "target", ["os.system", "builtins.exec", "subprocess.Popen", "shutil.rmtree"]
    )
    def test_what_does_harm_is_critical_as_a_function_and_as_a_class(self, target: str) -> None:
        module, _, name = target.rpartition(".")

        assert rules(model(function(module, name))) == ["KER002"]
        assert rules(model({"module": module, "class_name": name, "config": {}})) == ["KER002"]

    def test_any_function_of_the_standard_library_is_told(self) -> None:
        assert rules(model(function("json", "loads"))) == ["KER003"]

    def test_an_unknown_package_is_medium_and_a_registered_class_is_info(self) -> None:
        assert rules(model(layer("Scale", "my_package.layers"))) == ["KER013"]
        assert rules(model(layer("Scale", None))) == ["KER012"]

    @pytest.mark.parametrize(
        "node",
        [
            layer("Dense", "keras.layers"),
            layer("Functional", "keras.src.models.functional"),
            layer("Dense", "keras.src.layers.core.dense"),
            layer("Dense", "tf_keras.layers"),
            layer("Add", "keras.src.ops.numpy"),
            layer("GemmaBackbone", "keras_hub.src.models.gemma.gemma_backbone"),
            function("builtins", "relu"),
            function("keras.ops", "sin"),
            function("tensorflow.python.ops.nn_ops", "relu6"),
        ],
        ids=lambda node: f"{node['module']}.{node['class_name']}",
    )
    def test_what_writers_name_is_known(self, node: dict[str, object]) -> None:
        assert rules(model(node)) == []

    def test_a_class_of_keras_under_another_name_is_told(self) -> None:
        assert rules(model({**layer("Dense"), "registered_name": "other>Thing"})) == ["KER011"]
        assert rules(model({**layer("Dense"), "registered_name": "keras>Dense"})) == []

    def test_one_name_is_told_once(self) -> None:
        assert rules(model(*[function("os", "system")] * 50)) == ["KER002"]

    def test_a_type_specification_is_looked_up_like_a_class(self) -> None:
        spec = {"class_name": "__typespec__", "spec_name": "TensorSpec", "config": []}
        inside = {**spec, "module": "tensorflow.python.framework.tensor"}

        assert rules(model(inside)) == []
        assert rules(model({**spec, "module": "subprocess", "spec_name": "Popen"})) == ["KER002"]


class TestCode:
    @pytest.mark.parametrize(
        "node",
        [
            coded(SYSTEM_TEXT),
            legacy("Lambda", function=[SYSTEM_TEXT, None, None], function_type="lambda"),
            legacy("Lambda", function=SYSTEM_TEXT, function_type="lambda"),
            legacy(
                "Lambda",
                function="f",
                output_shape=[SYSTEM_TEXT, None, None],
                output_shape_type="lambda",
            ),
            legacy("Lambda", function="f", mask=SYSTEM_TEXT),
            {"class_name": "__lambda__", "config": {"value": [SYSTEM_TEXT, None, None]}},
            layer(
                "Scale",
                None,
                kernel={"deep": [{"class_name": "__lambda__", "config": {"code": SYSTEM_TEXT}}]},
            ),
            layer("Scale", None, hidden=SYSTEM_TEXT),
        ],
        ids=["3", "list", "text", "output_shape", "mask", "value", "anywhere", "no Lambda at all"],
    )
    def test_code_that_starts_a_program_is_critical_wherever_it_is(self, node: object) -> None:
        assert {"COD001", "KER001"} <= set(rules(old_model(node)))

    def test_code_that_computes_is_one_medium_finding(self) -> None:
        (found,) = findings(model(coded(SCALE_TEXT), coded(SCALE_TEXT.replace("\n", ""))))

        assert found.rule == "KER001"
        assert "safe_mode" in found.evidence

    def test_code_that_cannot_be_read_is_high_and_incomplete(self) -> None:
        found = events(model(coded(base64.b64encode(b"no code").decode())))

        assert [event.rule for event in found if isinstance(event, Finding)] == ["COD004"]
        assert [event.outcome for event in found if isinstance(event, Coverage)] == [Outcome.FAILED]

    def test_base64_is_decoded_as_leniently_as_the_loader_does(self) -> None:
        broken_up = "!" + "\n* ".join(SYSTEM_TEXT[at : at + 7] for at in range(0, len(SYSTEM_TEXT), 7))

        code, _ = read_code(broken_up)

        assert code is not None
        assert code.names == ("os", "system")

    def test_the_name_of_a_function_is_no_code(self) -> None:
        assert (
            rules(
                old_model(
                    legacy("Lambda", function="scale_of_all_my_images_by_255", function_type="function")
                )
            )
            == []
        )

    def test_a_lambda_without_a_module_hides_among_those_that_have_one(self) -> None:
        hidden = legacy("Lambda", function=[SCALE_TEXT, None, None], function_type="lambda")

        assert "KER010" in rules(model(hidden))
        assert "KER010" in rules(model(layer("TimeDistributed", layer=hidden)))
        assert "KER010" not in rules(old_model(hidden))
        assert "KER010" not in rules(
            old_model(hidden, legacy("Dense", dtype=layer("DTypePolicy", "keras")))
        )

    def test_in_an_archive_every_layer_has_a_module(self) -> None:
        hidden = legacy("Lambda", function=[SCALE_TEXT, None, None], function_type="lambda")
        told = [
            one.rule for one in events(old_model(hidden), Container.ARCHIVE) if isinstance(one, Finding)
        ]

        assert told == ["KER001", "KER010"]


class TestParts:
    def test_a_torch_module_is_handed_on(self) -> None:
        (nested,) = [
            one for one in events(model(torch_wrapper(PICKLED_SYSTEM))) if isinstance(one, Artifact)
        ]

        assert bytes(nested.source.read_at(0, nested.source.size)) == PICKLED_SYSTEM

    def test_encoded_data_is_handed_on_and_words_are_not(self) -> None:
        blob = base64.b64encode(PICKLED_SYSTEM).decode()
        found = events(
            model(layer("Dense", note=blob, other="words_of_a_layer_that_is_long_enough_" * 3))
        )

        assert [one.rule for one in found if isinstance(one, Finding)] == ["KER016"]
        assert [one.source.size for one in found if isinstance(one, Artifact)] == [len(PICKLED_SYSTEM)]

    @pytest.mark.parametrize(
        ("path", "rule"),
        [
            ("saved_model", "KER006"),
            ("../saved_model", "KER007"),
            ("/tmp/model", "KER007"),
            ("C:\\model", "KER007"),
            ("gs://bucket.example.invalid/m", "KER007"),
        ],
    )
    def test_a_saved_model_is_judged_by_where_it_is(self, path: str, rule: str) -> None:
        assert rules(model(layer("TFSMLayer", filepath=path))) == [rule]

    @pytest.mark.parametrize(
        ("path", "rule"),
        [
            ("/etc/passwd", "KER008"),
            ("/proc/self/environ", "KER008"),
            ("../../.aws/credentials", "KER008"),
            ("/home/user/.ssh/id_rsa", "KER008"),
            ("https://host.example.invalid/words.txt", "KER008"),
            ("\\\\host\\share\\words.txt", "KER008"),
            ("words.txt", "KER009"),
            ("/content/drive/words.txt", "KER009"),
        ],
    )
    def test_a_vocabulary_is_judged_by_where_it_is(self, path: str, rule: str) -> None:
        assert rules(model(layer("StringLookup", vocabulary=path))) == [rule]

    def test_a_list_of_words_is_a_vocabulary(self) -> None:
        assert rules(model(layer("StringLookup", vocabulary=["/etc/passwd"]))) == []

    @pytest.mark.parametrize("name", ["io.read_file", "io.write_file", "py_function", "load_op_library"])
    def test_an_operation_that_leaves_the_graph_is_high(self, name: str) -> None:
        assert rules(old_model(legacy("TFOpLambda", function=name))) == ["KER018"]

    @pytest.mark.parametrize(
        "name", ["math.add", "nn.relu", "reshape", "image.resize", "__operators__.getitem"]
    )
    def test_arithmetic_is_not(self, name: str) -> None:
        assert rules(old_model(legacy("TFOpLambda", function=name))) == []


class TestArchives:
    def members(self, *names: str, archive_name: str = "m.keras") -> list[str]:
        artifact = Artifact((archive_name,), MemorySource(b""))
        found = judge_members(artifact, names, context())
        return [event.rule for event in found if isinstance(event, Finding)]

    def test_what_keras_writes_is_expected(self) -> None:
        names = (
            "config.json",
            "metadata.json",
            "model.weights.h5",
            "assets/layers/words/vocabulary.txt",
        )

        assert self.members(*names) == []
        assert (
            self.members("config.json", "metadata.json", "model_00000.weights.h5", "model.weights.json")
            == []
        )

    @pytest.mark.parametrize("name", ["setup.py", "assets/x.pkl", "data/model.weights.h5"])
    def test_anything_else_is_told(self, name: str) -> None:
        assert self.members("config.json", "metadata.json", name) == ["KER014"]

    @pytest.mark.parametrize("name", ["lib.so", "assets/run.sh", "bin/RUN.EXE"])
    def test_programs_are_high(self, name: str) -> None:
        assert self.members("config.json", "metadata.json", name, "setup.py") == ["KER020", "KER014"]

    def test_another_archive_with_a_config_is_not_keras(self) -> None:
        assert self.members("config.json", "run.py", archive_name="bundle.zip") == []

    def test_the_members_of_an_archive_reach_the_judge(self) -> None:
        data = archive(model(), setup_py=b"pass")
        found = inspect_zip(Artifact(("m.keras",), MemorySource(data)), context())

        assert "KER014" in [event.rule for event in found if isinstance(event, Finding)]

    def test_metadata_of_a_release_that_wrote_no_archives_is_told(self) -> None:
        def told(version: str) -> list[str]:
            tree = tree_of({"keras_version": version, "date_saved": "2025-01-01"})
            artifact = Artifact(("m.keras", "metadata.json"), MemorySource(b""))
            return [
                one.rule
                for one in judge_tree(artifact, tree, context()) or ()
                if isinstance(one, Finding)
            ]

        assert told("2.2.4") == ["KER015"]
        assert [told(version) for version in ("2.12.0", "3.15.1", "odd", "")] == [[], [], [], []]


class TestShards:
    def told(self, *files: object) -> list[str]:
        tree = tree_of(
            {"weight_map": {"/layers/dense/vars": list(files), "/layers/other/vars": files[0]}}
        )
        artifact = Artifact(("model.weights.json",), MemorySource(b""))
        found = judge_tree(artifact, tree, context()) or ()
        return [one.rule if isinstance(one, Finding) else type(one).__name__ for one in found]

    @pytest.mark.parametrize(
        "file", ["../x.weights.h5", "/etc/x.h5", "https://host.example.invalid/x.h5"]
    )
    def test_a_shard_outside_of_the_folder_is_high(self, file: str) -> None:
        assert self.told(file) == ["HDF001"]

    def test_a_shard_beside_the_index_is_a_reference(self) -> None:
        assert self.told("model_00000.weights.h5", 7) == ["Reference"]


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(["Lambda", "os", SYSTEM_TEXT, "4w==", "\ud800", "é" * 30]),
)
_KEYS = st.sampled_from(
    [
        "class_name",
        "config",
        "module",
        "registered_name",
        "function",
        "code",
        "value",
        "filepath",
        "vocabulary",
        "spec_name",
    ]
)
_NAMES = st.sampled_from(
    [
        "Lambda",
        "__lambda__",
        "function",
        "__typespec__",
        "TFSMLayer",
        "TorchModuleWrapper",
        "TensorFlowOpLayer",
    ]
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(_KEYS, inner, max_size=4),
        st.builds(
            lambda name, config, more: {**more, "class_name": name, "config": config},
            _NAMES,
            inner,
            st.dictionaries(_KEYS, inner, max_size=3),
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(_TREES)
def test_any_tree_gives_events(tree: Json) -> None:
    artifact = Artifact(("config.json",), MemorySource(b"{}"))

    found = list(judge_config(artifact, tree, context(), container=Container.DOCUMENT))

    assert all(isinstance(event, Finding | Coverage | Artifact) for event in found)


def test_depth_costs_nothing() -> None:
    tree: Json = {"class_name": "TFSMLayer", "config": {"filepath": "/tmp/m"}}
    for _ in range(50_000):
        tree = [tree]
    artifact = Artifact(("config.json",), MemorySource(b"{}"))

    found = list(judge_config(artifact, tree, context(), container=Container.DOCUMENT))

    assert [one.rule for one in found if isinstance(one, Finding)] == ["KER007"]


class TestMetadata:
    def test_each_node_is_judged(self) -> None:
        data = metadata(old_model(), legacy("Lambda", function=[SYSTEM_TEXT, None, None]))
        found = keras_metadata.inspect(Artifact(("keras_metadata.pb",), MemorySource(data)), context())

        told = [(one.rule, one.path[-1]) for one in found if isinstance(one, Finding)]
        assert told == [("COD001", "root.layer-1"), ("KER001", "root.layer-1")]

    def test_a_document_that_is_no_json_is_told_and_the_rest_is_read(self) -> None:
        data = metadata(old_model(), legacy("TFSMLayer", filepath="/tmp/m")).replace(
            b'{"class_name": "Seq', b'{"class_name"; "Seq'
        )
        found = list(
            keras_metadata.inspect(Artifact(("keras_metadata.pb",), MemorySource(data)), context())
        )

        assert [one.outcome for one in found if isinstance(one, Coverage)] == [Outcome.FAILED]
        assert [one.rule for one in found if isinstance(one, Finding)] == ["KER007"]

    def test_a_message_that_breaks_off_is_malformed_after_what_was_read(self) -> None:
        data = metadata(legacy("TFSMLayer", filepath="/tmp/m"), old_model())
        found = keras_metadata.inspect(
            Artifact(("keras_metadata.pb",), MemorySource(data[:-5])), context()
        )

        first = next(found)
        assert isinstance(first, Finding)
        assert first.rule == "KER007"
        with pytest.raises(Malformed):
            list(found)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
def test_a_configuration_in_any_encoding_that_json_takes_is_judged(encoding: str) -> None:
    from weighbridge.analyzers.documents import json_documents
    from weighbridge.formats.identify import identify
    from weighbridge.formats.kinds import Format

    source = MemorySource(json.dumps(model(function("os", "system"))).encode(encoding))
    assert Format.JSON in identify(source, "config.json")
    seen = json_documents.inspect(Artifact(("config.json",), source), context())
    assert "KER002" in [event.rule for event in seen if isinstance(event, Finding)]


@pytest.mark.parametrize("name", ["exec", "eval", "__import__"])
@pytest.mark.parametrize("class_name", ["function", "builtin_function_or_method", "itself"])
def test_builtins_are_no_layers(name: str, class_name: str) -> None:
    named = {
        "module": "builtins",
        "class_name": name if class_name == "itself" else class_name,
        "config": name,
        "registered_name": name,
    }
    assert "KER002" in [one.rule for one in findings(model(named))]


def test_a_lambda_of_keras_2_may_name_a_function_of_any_module() -> None:
    harmful = legacy("Lambda", function="system", function_type="function", module="os")
    assert "KER002" in [one.rule for one in findings(old_model(harmful))]
    own = legacy("Lambda", function="scale", function_type="function", module="__main__")
    assert not {"KER002", "KER003"} & {one.rule for one in findings(old_model(own))}


def test_an_honest_function_of_a_program_has_the_module_builtins() -> None:
    own = {
        "module": "builtins",
        "class_name": "function",
        "config": "clipped",
        "registered_name": "function",
    }
    assert not {"KER002", "KER003"} & {one.rule for one in findings(model(own))}
