"""Which credentials are used at which level, and that nothing unasked-for is asked for any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.fetchers.object_stores import clear_environment
from tests.servers.faulty import FaultyServer, Status, running_faulty
from tests.servers.gcs_stub import StubStore, running_stub_store
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.errors import AccessDenied, TargetError, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import CloudCredentials, FetchSettings
from weighbridge.fetchers.objectstore_credentials import (
    Anonymous,
    AwsKeys,
    AzureKey,
    AzureSas,
    Bearer,
    Credentials,
    OwnChain,
    find_credentials,
)
from weighbridge.fetchers.objectstore_settings import place_of, settings_of
from weighbridge.fetchers.objectstore_target import Cloud
from weighbridge.fetchers.registry import fetch

HASTY = HttpSettings(inactivity_s=2, deadline_s=2, attempts=1)
TARGETS = ("s3://bucket/m", "gs://bucket/m", "az://bucket/m")
BELOW = [CloudCredentials.NONE, CloudCredentials.ENVIRONMENT, CloudCredentials.FILES]
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "of-environment"}
FILE = "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = of-file\n"


def found(
    cloud: Cloud, level: CloudCredentials, environment: Mapping[str, str], home: Path
) -> Credentials:
    return find_credentials(cloud, level, settings_of(cloud, level, environment, home), home)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StubStore]:
    clear_environment(monkeypatch, tmp_path)
    with running_stub_store() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.endpoint)
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{running.endpoint}/account")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "account")
        running.put("bucket", {"m/a.txt": b"1"})
        yield running


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Everything that is sent to an address that is not loopback, above all to 169.254.169.254."""
    with running_faulty({}) as running:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, running.origin)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x")
        yield running


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("level", BELOW)
def test_no_metadata_address_is_asked_unless_the_user_says_so(
    store: StubStore, metadata: FaultyServer, target: str, level: CloudCredentials
) -> None:
    store.token = "nobody-has-this"

    with pytest.raises(TargetError):
        fetch(target, FetchSettings(cloud=level, http=HASTY))

    assert metadata.requests == []
    assert [seen.authorization for seen in store.server.requests] == [None, None], "list, then HEAD"


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_asked_when_the_user_says_so(
    store: StubStore, metadata: FaultyServer, target: str
) -> None:
    with pytest.raises(TargetUnavailable, match=r"gave no credentials \(status 404\)"):
        fetch(target, FetchSettings(cloud=CloudCredentials.METADATA, http=HASTY))

    assert any("169.254." in seen.path for seen in metadata.requests)
    assert store.server.requests == []


def test_what_it_gives_is_used(
    store: StubStore, metadata: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    body = b'{"access_token": "from-metadata", "expires_in": 3600, "token_type": "Bearer"}'
    metadata.fault("token", Status(200, {"content-type": "application/json"}, body))
    store.token = "from-metadata"

    fetched = fetch("gs://bucket/m", FetchSettings(cloud=CloudCredentials.METADATA, http=HASTY))

    assert [item.name for item in fetched.items] == ["a.txt"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (CloudCredentials.NONE, Anonymous()),
        (CloudCredentials.ENVIRONMENT, Anonymous()),
        (CloudCredentials.FILES, AwsKeys(key_id="AKIAFILE", secret="of-file")),
        (CloudCredentials.METADATA, AwsKeys(key_id="AKIAFILE", secret="of-file")),
    ],
)
def test_files_are_read_by_those_who_allow_it(
    tmp_path: Path, level: CloudCredentials, expected: Credentials
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(FILE, encoding="utf-8")

    assert found(Cloud.S3, level, {}, tmp_path) == expected


def test_the_environment_comes_before_the_files_and_pairs_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"{FILE}aws_session_token = of-file\n", encoding="utf-8"
    )

    keys = found(Cloud.S3, CloudCredentials.FILES, KEYS, tmp_path)

    assert keys == AwsKeys(key_id="AKIAENVIRONMENT", secret="of-environment", session_token=None)


def test_a_profile_is_chosen_with_its_region_and_endpoint(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile lab]\nregion = eu-west-3\nendpoint_url = http://127.0.0.1:9/\n"
        "aws_access_key_id = AKIALAB\naws_secret_access_key = of-lab\n",
        encoding="utf-8",
    )
    environment = {"AWS_PROFILE": "lab", "AWS_CONFIG_FILE": str(tmp_path / "config")}

    settings = settings_of(Cloud.S3, CloudCredentials.FILES, environment, tmp_path)
    place = place_of(Cloud.S3, settings, None)

    assert find_credentials(Cloud.S3, CloudCredentials.FILES, settings, tmp_path) == AwsKeys(
        key_id="AKIALAB", secret="of-lab"
    )
    assert (place.endpoint, place.region, place.is_plain) == ("http://127.0.0.1:9", "eu-west-3", True)


@pytest.mark.parametrize(
    ("config", "environment", "words"),
    [
        ("[default]\nsso_session = x\n", {}, "by sso_session, which weighbridge does not do"),
        ("[default]\ncredential_process = /bin/x\n", {}, "by credential_process"),
        ("[default]\n", {"AWS_PROFILE": "lab"}, "'lab', which the files in ~/.aws do not have"),
        ("secret-without-a-section\n", {}, "can't understand"),
    ],
)
def test_what_the_files_cannot_give_is_said_and_not_quoted(
    tmp_path: Path, config: str, environment: Mapping[str, str], words: str
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(config, encoding="utf-8")

    with pytest.raises(UsageError, match=words) as caught:
        settings_of(Cloud.S3, CloudCredentials.FILES, environment, tmp_path)
    assert "secret-without" not in str(caught.value)


def test_half_a_pair_is_no_anonymity(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only one is set"):
        found(Cloud.S3, CloudCredentials.ENVIRONMENT, {"AWS_ACCESS_KEY_ID": "A"}, tmp_path)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Anonymous()),
        ({"AZURE_STORAGE_KEY": "a2V5"}, AzureKey(key="a2V5")),
        ({"AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=2"}, AzureSas(token="sv=1&sig=2")),
        ({"AZURE_STORAGE_TOKEN": "bearer"}, Bearer(token="bearer")),
        ({"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=a2V5=="}, AzureKey(key="a2V5==")),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": "SharedAccessSignature=sv=1&sig=2%3D"},
            AzureSas(token="sv=1&sig=2%3D"),
        ),
    ],
)
def test_azure_has_keys_signatures_and_tokens(
    tmp_path: Path, environment: Mapping[str, str], expected: Credentials
) -> None:
    assert found(Cloud.AZURE, CloudCredentials.ENVIRONMENT, environment, tmp_path) == expected
    assert found(Cloud.AZURE, CloudCredentials.NONE, environment, tmp_path) == Anonymous()


def test_the_file_of_azures_own_tool_is_read_by_those_who_allow_it(tmp_path: Path) -> None:
    (tmp_path / ".azure").mkdir()
    (tmp_path / ".azure" / "config").write_text("[storage]\nkey = a2V5\n", encoding="utf-8")

    assert found(Cloud.AZURE, CloudCredentials.ENVIRONMENT, {}, tmp_path) == Anonymous()
    assert found(Cloud.AZURE, CloudCredentials.FILES, {}, tmp_path) == AzureKey(key="a2V5")


def test_obstores_own_chain_is_for_metadata_only(tmp_path: Path) -> None:
    chains = [
        (cloud, level)
        for cloud in Cloud
        for level in CloudCredentials
        if isinstance(found(cloud, level, {}, tmp_path), OwnChain)
    ]

    assert chains == [(cloud, CloudCredentials.METADATA) for cloud in Cloud]


@pytest.mark.parametrize(
    "secret",
    [
        AwsKeys(key_id="weighbridge-a", secret="weighbridge-b", session_token="weighbridge-c"),
        AzureKey(key="weighbridge-a"),
        AzureSas(token="weighbridge-a"),
        Bearer(token="weighbridge-a"),
    ],
)
def test_credentials_are_not_shown(secret: Credentials) -> None:
    assert "weighbridge" not in repr(secret)


@pytest.mark.parametrize(
    ("cloud", "environment", "endpoint"),
    [
        (Cloud.S3, {}, "https://s3.us-east-1.amazonaws.com"),
        (Cloud.S3, {"AWS_DEFAULT_REGION": "eu-west-3"}, "https://s3.eu-west-3.amazonaws.com"),
        (Cloud.S3, {"AWS_REGION": "cn-north-1"}, "https://s3.cn-north-1.amazonaws.com.cn"),
        (Cloud.S3, {"AWS_ENDPOINT_URL_S3": "https://a/", "AWS_ENDPOINT_URL": "https://b"}, "https://a"),
        (Cloud.GCS, {}, "https://storage.googleapis.com"),
        (Cloud.GCS, {"STORAGE_EMULATOR_HOST": "localhost:4443"}, "http://localhost:4443"),
        (Cloud.AZURE, {}, "https://lake.blob.core.windows.net"),
        (Cloud.AZURE, {"AZURE_STORAGE_USE_EMULATOR": "true"}, "http://127.0.0.1:10000/devstoreaccount1"),
        (
            Cloud.AZURE,
            {"AZURE_STORAGE_CONNECTION_STRING": "EndpointSuffix=core.chinacloudapi.cn"},
            "https://lake.blob.core.chinacloudapi.cn",
        ),
    ],
)
def test_the_usual_variables_say_where_a_store_is(
    cloud: Cloud, environment: Mapping[str, str], endpoint: str, tmp_path: Path
) -> None:
    settings = settings_of(cloud, CloudCredentials.NONE, environment, tmp_path)

    assert place_of(cloud, settings, "lake").endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["ftp://host", "http://user:secret@host", "http://", "https://@x"])
def test_an_endpoint_that_is_none_is_said(tmp_path: Path, endpoint: str) -> None:
    settings = settings_of(Cloud.S3, CloudCredentials.NONE, {"AWS_ENDPOINT_URL": endpoint}, tmp_path)

    with pytest.raises(UsageError, match="not an http or https URL") as caught:
        place_of(Cloud.S3, settings, None)
    assert "secret" not in str(caught.value)


def test_a_missing_extra_is_a_sentence(
    store: StubStore, metadata: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)

    with pytest.raises(TargetUnavailable, match=r"pip install 'weighbridge\[objectstore\]'"):
        fetch("s3://bucket/m", FetchSettings(cloud=CloudCredentials.METADATA))
    assert metadata.requests == []


def test_a_stranger_who_is_refused_hears_what_to_set(store: StubStore) -> None:
    store.token = "nobody-has-this"

    with pytest.raises(AccessDenied, match="--cloud-credentials metadata") as caught:
        fetch("s3://bucket/m", FetchSettings())
    assert "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in str(caught.value)
