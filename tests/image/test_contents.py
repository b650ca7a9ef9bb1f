"""What the image holds: nothing that does not belong, nothing that is missing, and not too much."""

import inspect
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

import pytest
from aiobotocore import credentials, tokens

from tests.image.build import Image, build
from tests.image.conftest import ARGUMENTS, NAME
from tests.image.containers import File, export, run_python
from tests.image.engine import ROOT, Engine
from tests.image.stand_ins import BaseImages

Say = Callable[[str], None]
MEGABYTE: Final = 1_000_000
LARGEST_MEGABYTES: Final = 60
ADAPTER: Final = "opt/extensions/lambda-adapter"
OURS: Final = ("app/gateway/", "app/packages/", "app/pycache/", "app/LICENSE", "app/build-arguments", ADAPTER)
# Made by the engine in every container that is created.
MADE_BY_THE_ENGINE: Final = re.compile(r"(dev|proc|sys|run|etc)(/|$)")
# In gateway/, and in the credential providers of aiobotocore.
MADE_CLIENT: Final = re.compile(
    r"(?:create_client|client_creator|create_nested_client)\((?:self\._session,)?\s*['\"]([a-z-]+)['\"]"
)


def added(files: dict[str, File], base_files: dict[str, File]) -> set[str]:
    """Files, not folders, that the Dockerfile has put into the image."""
    return {
        path
        for path, file in files.items()
        if not file.entry.isdir() and path not in base_files and not MADE_BY_THE_ENGINE.match(path)
    }


def sources(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in (folder / "gateway").rglob("*.py")}


def test_it_is_small(image: Image, files: dict[str, File], base_files: dict[str, File], say: Say) -> None:
    parts: Counter[str] = Counter()
    for path in added(files, base_files):
        parts["/".join(PurePosixPath(path).parts[:2])] += files[path].entry.size
    for part, size in parts.most_common():
        say(f"{size / MEGABYTE:6.2f} MB  {part}")
    say(f"{parts.total() / MEGABYTE:6.2f} MB  beyond the base image, unpacked")
    assert 10 < parts.total() / MEGABYTE < LARGEST_MEGABYTES


def test_the_base_is_left_as_it_is_and_only_our_folders_are_added(
    files: dict[str, File], base_files: dict[str, File]
) -> None:
    assert {path for path in added(files, base_files) if not path.startswith(OURS)} == set()
    kept = {path: file.entry for path, file in base_files.items() if not MADE_BY_THE_ENGINE.match(path)}
    assert {path for path in kept if path not in files} == set()
    changed = {path for path, entry in kept.items() if entry.isfile() and entry.mtime != files[path].entry.mtime}
    assert changed == set()


def test_the_gateway_in_it_is_the_repositorys_byte_for_byte(files: dict[str, File]) -> None:
    inside = {
        path.removeprefix("app/")
        for path, file in files.items()
        if path.startswith("app/gateway/") and file.entry.isfile()
    }
    assert inside == sources(ROOT)
    for path in ("gateway/__main__.py", "gateway/app.py", "gateway/settings.py"):
        assert files[f"app/{path}"].read() == (ROOT / path).read_bytes()
    assert files["app/LICENSE"].read() == (ROOT / "LICENSE").read_bytes()


def test_the_packages_are_exactly_those_of_the_lock(files: dict[str, File]) -> None:
    locked = set(
        re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    found = {
        f"{match[1].replace('_', '-')}=={match[2]}"
        for path in files
        if (match := re.fullmatch(r"app/packages/([a-z0-9_]+)-([^/]+)\.dist-info/METADATA", path))
    }
    assert found == locked


def test_each_package_has_its_license_and_none_has_tests_or_sources_of_extensions(files: dict[str, File]) -> None:
    packages = [path for path in files if path.startswith("app/packages/")]
    assert len([path for path in packages if re.search(r"\.dist-info/(licenses/)?(LICEN[CS]E|COPYING)", path)]) >= 18
    unwanted = re.compile(r"/tests?/|/__pycache__/|\.(pyi|pyx|pxd|c|h)$|/RECORD$|swagger|^app/packages/bin/")
    assert [path for path in packages if unwanted.search(path)] == []


def test_everyone_can_read_it_and_nobody_but_root_can_change_it(
    files: dict[str, File], base_files: dict[str, File]
) -> None:
    """Lambda runs it as a user of its own."""
    for path in added(files, base_files) | {"app", "app/gateway", "app/packages", "opt/extensions"}:
        entry = files[path].entry
        readable = 0o555 if entry.isdir() or path == ADAPTER else 0o444
        assert (entry.mode & readable, entry.mode & 0o022, entry.uid, entry.gid) == (readable, 0, 0, 0), path


def test_its_configuration_is_the_documented_one(image: Image) -> None:
    config = image.config
    assert config["Cmd"] == ["python", "-m", "gateway", "serve"], "the exec form: no shell between signals and the app"
    assert not config.get("Entrypoint")
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("65532:65532", "/app", "SIGTERM")
    assert list(config["ExposedPorts"]) == ["3000/tcp"]
    expected = {
        "HOST": "0.0.0.0",
        "PORT": "3000",
        "AWS_LWA_HOST": "127.0.0.1",
        "AWS_LWA_PORT": "3000",
        "AWS_LWA_READINESS_CHECK_PATH": "/health",
        "AWS_LWA_INVOKE_MODE": "response_stream",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    assert {name: image.environment.get(name) for name in expected} == expected
    reserved = [name for name in image.environment if name.startswith("AWS_") and not name.startswith("AWS_LWA_")]
    assert reserved == [], "a region or a credential in the image would win over its surroundings"


def test_its_labels_say_what_it_is_and_from_which_commit(image: Image) -> None:
    labels = {
        name.rpartition(".")[2]: value for name, value in image.config["Labels"].items() if "opencontainers" in name
    }
    assert labels["title"] == "chatrix"
    description = re.search(
        r'^description = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert description
    assert (labels["description"], labels["licenses"]) == (description[1], "MIT")
    given = {"VERSION": labels["version"], "REVISION": labels["revision"], "SOURCE": labels["source"]}
    assert given == ARGUMENTS


def test_other_build_arguments_never_meet_a_cached_layer(engine: Engine, images: BaseImages, image: Image) -> None:
    """buildah 1.28 overlooks them but for RUN: SAM's image, for root, must not be taken for the deployed one."""
    for user in ("0", "65532"):
        arguments = {**ARGUMENTS, "REVISION": f"for-{user}", "RUN_AS": user}
        built = build(engine, images, tag=f"{NAME}:for-{user}", arguments=arguments)
        revision = built.config["Labels"]["org.opencontainers.image.revision"]
        assert (built.config["User"], revision) == (f"{user}:{user}", f"for-{user}")


def test_the_kept_aws_services_are_those_that_the_gateway_and_its_credentials_call() -> None:
    """`make install` has the packages of the same lock."""
    listed = re.search(r'^ARG AWS_SERVICES="(.*)"$', (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed
    ours = "".join(
        (ROOT / path).read_text(encoding="utf-8") for path in sources(ROOT) if not path.startswith("gateway/simulator/")
    )
    called = set(MADE_CLIENT.findall(ours))
    assert "bedrock-runtime" in called
    called |= set(MADE_CLIENT.findall(inspect.getsource(credentials) + inspect.getsource(tokens)))
    assert set(listed[1].split()) == called


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("bedrock", "list_inference_profiles", {}),
        ("bedrock-runtime", "converse", {"modelId": "m", "messages": []}),
        ("secretsmanager", "get_secret_value", {"SecretId": "s"}),
        (
            "sts",
            "assume_role_with_web_identity",
            {"RoleArn": "a" * 20, "RoleSessionName": "me", "WebIdentityToken": "token"},
        ),
        ("sso", "get_role_credentials", {"roleName": "r", "accountId": "0", "accessToken": "t"}),
        ("sso-oidc", "create_token", {"clientId": "c", "clientSecret": "s", "grantType": "g"}),
        ("signin", "create_oauth2_token", {"tokenInput": {"clientId": "c", "grantType": "g"}}),
    ],
)
def test_each_kept_service_can_still_be_called(
    engine: Engine, image: Image, service: str, operation: str, parameters: dict[str, object]
) -> None:
    """Up to the connection, which is refused: model, endpoint rules, signature and retries have been read by then."""
    script = f"""
import asyncio
from aiobotocore.session import get_session
from botocore.exceptions import EndpointConnectionError
async def call():
    async with get_session().create_client({service!r}, endpoint_url="http://127.0.0.1:1") as client:
        try:
            await client.{operation}(**{parameters!r})
        except EndpointConnectionError:
            print("refused")
asyncio.run(call())
"""
    variables = {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2", "AWS_MAX_ATTEMPTS": "1"}
    variables |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    assert run_python(engine, image.name, script, variables) == "refused\n"


def copy_context(context: Path) -> None:
    """What an image is built from, but for the lock."""
    shutil.copytree(ROOT / "gateway", context / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    (context / "deploy").mkdir()
    scripts = ("deploy/compile_bytecode.py", "deploy/trim_botocore.py")
    for name in ("Dockerfile", ".dockerignore", "LICENSE", *scripts):
        shutil.copy2(ROOT / name, context / name)


def test_nothing_else_of_the_folder_gets_into_it_and_a_strict_umask_does_no_harm(
    engine: Engine, images: BaseImages, files: dict[str, File], tmp_path: Path
) -> None:
    """The folder of somebody with secrets lying around."""
    context = tmp_path / "context"
    copy_context(context)
    shutil.copy2(ROOT / "requirements.txt", context)
    for secret in (".env", ".git/config", ".aws/credentials", "terraform/terraform.tfstate", "gateway/.env", "key.pem"):
        (context / secret).parent.mkdir(parents=True, exist_ok=True)
        (context / secret).write_text("chatrix-secret")
    (context / "gateway/__pycache__").mkdir()
    (context / "gateway/__pycache__/app.cpython-311.pyc").write_bytes(b"stale")
    for path in (context / "gateway").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    built = build(engine, images, tag=f"{NAME}:untidy", context=context, arguments=ARGUMENTS)
    inside = export(engine, built.name, tmp_path / "untidy.tar")

    def ours(found: dict[str, File]) -> dict[str, tuple[int, int]]:
        return {path: (file.entry.mode, file.entry.size) for path, file in found.items() if path.startswith("app/")}

    assert ours(inside) == ours(files)


def test_a_platform_without_wheels_is_refused_with_a_reason(engine: Engine, images: BaseImages) -> None:
    with pytest.raises(AssertionError, match="no wheels for 's390x'; build with --platform linux/amd64 or linux/arm64"):
        build(engine, images, tag=f"{NAME}:never", arguments={"TARGETARCH": "s390x"})


def test_a_package_with_another_hash_than_the_locks_is_refused(
    engine: Engine, images: BaseImages, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    copy_context(context)
    (context / "requirements.txt").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(AssertionError, match="DO NOT MATCH THE HASHES"):
        build(engine, images, tag=f"{NAME}:never", context=context)
