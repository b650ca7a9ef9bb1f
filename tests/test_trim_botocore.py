"""What is cut from botocore's data changes no endpoint that the gateway could ask for, and no call."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import EndpointVariantError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver

from deploy.trim_botocore import DESCRIPTION, trim, without_documentation

ROOT = Path(__file__).parent.parent
DATA = Path(botocore.__file__).parent / "data"
SERVICES = re.findall(r'ARG AWS_SERVICES="(.*)"', (ROOT / "Dockerfile").read_text())[0].split()
SMALL_BYTES = 60_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    shutil.copy(DATA / "endpoints.json", folder)
    for service in SERVICES:
        shutil.copytree(DATA / service, folder / service)
    trim(folder, SERVICES)
    return folder


def test_every_endpoint_of_what_stays_is_the_one_it_was(folder: Path) -> None:
    whole = json.loads((DATA / "endpoints.json").read_bytes())
    assert (folder / "endpoints.json").stat().st_size < SMALL_BYTES
    before = EndpointResolver(whole)
    after = EndpointResolver(json.loads((folder / "endpoints.json").read_bytes()))
    listed = {region for partition in whole["partitions"] for region in partition["regions"]}
    prefixes = {description_of(DATA, service).metadata["endpointPrefix"] for service in SERVICES}
    assert len(listed) > 40
    assert {"bedrock", "secretsmanager", "sts", "oidc"} <= prefixes
    for prefix in prefixes:
        for region in (*listed, "eu-north-9", "us-gov-south-3", "aws-global"):
            for variants in ({}, {"use_fips_endpoint": True}, {"use_dualstack_endpoint": True}):
                assert construct(before, prefix, region, variants) == construct(after, prefix, region, variants)
    assert before.get_available_partitions() == after.get_available_partitions()


def construct(resolver: EndpointResolver, prefix: str, region: str, variants: dict[str, bool]) -> Any:
    try:
        return resolver.construct_endpoint(prefix, region, **variants)
    except EndpointVariantError as error:
        return str(error)


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_described_as_it_was_but_for_its_documentation(folder: Path, service: str) -> None:
    before, after = description_of(DATA, service), description_of(folder, service)
    assert list(before.operation_names) == list(after.operation_names)
    raw = [json.dumps(without_documentation(each._service_description), sort_keys=True) for each in (before, after)]
    assert raw[0] == raw[1]
    assert '"documentation": "' not in raw[1]
    assert not list(folder.glob(f"{service}/*/{DESCRIPTION}"))


def test_a_member_that_has_the_name_stays() -> None:
    shape = {"members": {"documentation": {"shape": "String", "documentation": "words"}}, "documentation": "words"}
    assert without_documentation(shape) == {"members": {"documentation": {"shape": "String"}}}


def description_of(data: Path, service: str) -> ServiceModel:
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model(service, "service-2"), service)
