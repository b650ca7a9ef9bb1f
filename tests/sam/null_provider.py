"""A stand-in for Terraform's null provider, for machines where the registry cannot be reached.

`sam build --hook-name terraform` reads its build instructions from a `null_resource`, so that Terraform must plan one.
This plans it as the real provider does: the triggers as they are written, and an id that is known after apply. It is a
gRPC service by Terraform's plugin protocol 5 (docs/plugin-protocol/tfplugin5.proto in hashicorp/terraform). Terraform
finds it by the variable TF_REATTACH_PROVIDERS, which this prints as one line of JSON; it serves until SIGTERM. Nothing
can be applied: SAM only plans.

It runs with the Python of the SAM environment, which has grpcio and msgspec.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc  # type: ignore[import-untyped]  # in the SAM environment, not in this one
from msgspec import msgpack

SERVICE: Final = "tfplugin5.Provider"
RESOURCE: Final = "null_resource"
# How Terraform writes a value that is known after apply (go-cty, msgpack): an extension of type 0.
UNKNOWN: Final = msgpack.Ext(0, b"\0")
LENGTH_DELIMITED: Final = 2

Encode = Callable[[bytes], bytes]


def field(number: int, content: bytes) -> bytes:
    """One length-delimited field of a protobuf message."""
    return bytes([number << 3 | LENGTH_DELIMITED]) + _varint(len(content)) + content


def flag(number: int) -> bytes:
    return bytes([number << 3, 1])


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message; Terraform puts nothing else before the ones that are read here."""
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        if key & 7 != LENGTH_DELIMITED:
            return
        length, position = _read_varint(message, position)
        yield key >> 3, message[position : position + length]
        position += length


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(encoded) + bytes([number])


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[position]
        number |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return number, position


def get_schema(_: bytes) -> bytes:
    """GetProviderSchema.Response: a provider without settings, and the one resource."""
    computed_id = field(1, b"id") + field(2, b'"string"') + flag(6)
    optional_triggers = field(1, b"triggers") + field(2, b'["map","string"]') + flag(5)
    resource = field(2, field(2, computed_id) + field(2, optional_triggers))
    return field(1, field(2, b"")) + field(2, field(1, RESOURCE.encode()) + field(2, resource))


def prepare_provider_config(request: bytes) -> bytes:
    """The configuration comes back as it is: field 1 in both messages."""
    return field(1, dict(fields(request))[1])


def plan_resource_change(request: bytes) -> bytes:
    """PlanResourceChange: field 3 holds the proposed state, a DynamicValue whose field 1 is msgpack."""
    proposed = dict(fields(request))[3]
    state: dict[str, Any] | None = msgpack.decode(dict(fields(proposed))[1])
    if state is not None and state["id"] is None:
        state["id"] = UNKNOWN
    return field(1, field(1, msgpack.encode(state)))


def nothing_to_say(_: bytes) -> bytes:
    """An answer without diagnostics: all is well."""
    return b""


METHODS: Final[dict[str, Encode]] = {
    "GetSchema": get_schema,
    "PrepareProviderConfig": prepare_provider_config,
    "Configure": nothing_to_say,
    "ValidateResourceTypeConfig": nothing_to_say,
    "PlanResourceChange": plan_resource_change,
    "Stop": nothing_to_say,
}


def serve(socket: str) -> None:
    """Until SIGTERM."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    handlers = {name: grpc.unary_unary_rpc_method_handler(_answer(method)) for name, method in METHODS.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    print(json.dumps(reattach(socket)), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop(grace=None)


def reattach(socket: str) -> dict[str, object]:
    """The value of TF_REATTACH_PROVIDERS; `Test` keeps Terraform from ending this process."""
    return {
        "registry.terraform.io/hashicorp/null": {
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "unix", "String": socket},
        }
    }


def _answer(method: Encode) -> Callable[[bytes, object], bytes]:
    return lambda request, _context: method(request)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    serve(sys.argv[1])
