"""What befalls the process: too many connections, no descriptor left, SIGTERM, a freeze, no keys.

A freeze is SIGSTOP here. What died in it, and whether anybody can tell, is up to a proxy between the gateway and its
Bedrock.
"""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from gateway.simulator import LOCAL_API_KEY, Refusal, Simulator, SimulatorOptions, Trouble, open_simulator
from tests.faults.deaf_proxy import DeafProxy, open_deaf_proxy
from tests.faults.raw_http import connect
from tests.faults.serve_process import (
    ServeProcess,
    client_of,
    request_bytes,
    request_head,
    serve,
    serve_and_simulate,
    tell,
    text_of,
    until,
)
from tests.on_lambda.connections import CuttableProxy
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import asking

STORM: Final = 1_000
# What a client that is turned away may be told.
SHED: Final = frozenset({429, 503, 529})
FEW_FILES: Final = 100
CROWD: Final = 300
CUT: Final = 0
# The kernel holds so many for a process that does not accept them, and a few more.
BACKLOG: Final = 125
CROWD_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 0.05
STREAMS: Final = 5
# In /proc/net/tcp.
LISTENING: Final = "0A"
# The gateway as it runs on Lambda; see there.
FREEZING: Final = "tests.faults.jumping_clock"
AT_THE_THAW: Final = 6
CYCLES: Final = 20
LONG_CYCLES: Final = 1_000
# So that a request that was sent into nothing is a 504 soon.
PATIENCE_SECONDS: Final = 2.0
# The age at which aiobotocore's pool drops an idle connection.
POOL_SECONDS: Final = 12.0
NUMBERS: Final = "".join(f"{number} " for number in range(40))


# --- more than there is room for


async def test_a_storm_is_served_or_shed_in_json_and_calm_follows() -> None:
    async with serve_and_simulate() as process:
        async with client_of(process) as client:
            assert await text_of(client, "[[say:warm]]") == "warm"
            base = process.descriptors()
            began = asyncio.get_running_loop().time()
            told = Counter(await asyncio.gather(*(ask_in_storm(client, number) for number in range(STORM))))
            took = asyncio.get_running_loop().time() - began
        await process.simulator.wait_until_idle()
        async with client_of(process) as client:
            assert await text_of(client, "[[say:calm]]") == "calm"
        # As many connections to Bedrock are kept as there were streams at once, at most.
        await until(lambda: process.descriptors() <= base + 256)
        assert process.running.returncode is None
        assert not process.requests(status=500)
        spent = await cpu_share(process, 1.0)
        # A machine too busy to connect to Bedrock in time says so: 529 as well.
        out_of_reach = process.faults["upstream_connect", None]
    shown = ", ".join(f"{count} times {status}" for status, count in sorted(told.items()))
    tell(
        f"{STORM:,} requests at once",
        "served or shed in JSON, then calm",
        f"{shown} ({out_of_reach} of them: Bedrock not reached in time), in {took:.1f} s",
    )
    assert set(told) <= {200, *SHED}
    assert told[200] + out_of_reach >= 256
    assert spent < 0.2


async def ask_in_storm(client: aiohttp.ClientSession, number: int) -> int:
    """The status. An answer is the right one, whole; a refusal is Anthropic's JSON."""
    async with client.post("/v1/messages", json=asking(f"[[slow:0.2]][[say:{number}]]", stream=True)) as response:
        body = await response.read()
    if response.status == 200:
        reply = read_stream(body)
        assert (reply.text, reply.whole) == (str(number), True)
    else:
        assert json.loads(body)["error"]["type"] in {"overloaded_error", "rate_limit_error"}
    return response.status


async def cpu_share(process: ServeProcess, seconds: float) -> float:
    """Of one processor, from now on."""
    spent = process.cpu_seconds()
    await asyncio.sleep(seconds)
    return (process.cpu_seconds() - spent) / seconds


async def test_one_connection_more_than_allowed_is_told_so_and_closed() -> None:
    async with serve_and_simulate(CHATRIX_MAX_CONNECTIONS="10") as process:
        held = [await connect(process.url) for _ in range(10)]
        reader, writer = await connect(process.url)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 529 ")
        assert b"\r\nconnection: close\r\n" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "overloaded_error"
        # Those that were there before are served.
        reader, writer = held[0]
        writer.write(request_bytes("[[say:inside]]"))
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        for _, writer in held:
            writer.close()
        await until(lambda: process.descriptors() < 10)
        async with client_of(process) as client:
            assert await text_of(client, "[[say:room]]") == "room"


async def test_a_crowd_with_few_descriptors_is_mostly_turned_away_and_who_was_let_in_is_served() -> None:
    """Fewer clients are let in than there are descriptors: each of them needs one more, for Bedrock."""
    async with serve_and_simulate(open_files=FEW_FILES) as process:
        async with client_of(process) as client:
            assert await text_of(client, "[[say:before]]") == "before"
            base = process.descriptors()
            async with crowd_of(process, CROWD):
                spent = await cpu_share(process, CROWD_SECONDS)
                most = process.descriptors()
                # Who was there before is served all the while.
                assert await text_of(client, "[[say:during]]") == "during"
            took = await recovery_seconds(client, refused=529)
            told = Counter(await asyncio.gather(*(ask_or_be_cut(client, number) for number in range(CROWD))))
        await until(lambda: process.descriptors() <= base + FEW_FILES // 2)
        assert not process.faults["upstream_connect", None]
        assert not process.requests(status=500)
        assert not strange_lines(process)
    tell(
        f"{CROWD} connections with {FEW_FILES} descriptors",
        "no spin, no crash, recovers by itself",
        f"{most} descriptors in use, {spent:.0%} of a core, served {took:.1f} s after they had gone",
    )
    assert most <= FEW_FILES
    assert spent < 0.5
    assert set(told) <= {CUT, 200, *SHED}
    assert told[200] >= 1


async def test_without_a_descriptor_it_neither_spins_nor_ends_and_recovers_by_itself() -> None:
    """A crowd that comes in one moment is accepted in one turn of the loop, before anybody can be turned away."""
    async with serve_and_simulate(open_files=FEW_FILES) as process:
        async with client_of(process) as client:
            assert await text_of(client, "[[say:before]]") == "before"
        base = process.descriptors()
        await freeze(process)
        async with crowd_of(process, BACKLOG):
            process.thaw()
            await process.wait_until(lambda: any("socket.accept()" in line for line in process.other_lines))
            spent = await cpu_share(process, CROWD_SECONDS)
        assert process.running.returncode is None
        async with client_of(process) as client:
            took = await recovery_seconds(client, refused=529)
        await until(lambda: process.descriptors() <= base + 1)
    tell(
        f"{BACKLOG} connections in one moment with {FEW_FILES} descriptors",
        "no spin, no crash, recovers by itself",
        f"{spent:.0%} of a core, served {took:.1f} s after they had gone",
    )
    assert spent < 0.5
    assert not strange_lines(process)


@asynccontextmanager
async def crowd_of(process: ServeProcess, count: int) -> AsyncIterator[None]:
    """So many clients that connect and say nothing."""
    crowd = [await connect(process.url) for _ in range(count)]
    try:
        yield
    finally:
        for _, writer in crowd:
            writer.close()


def strange_lines(process: ServeProcess) -> list[str]:
    """What an operator's tools cannot read: each line of the log is one JSON object."""
    return [line for line in process.other_lines if not line.startswith("{")]


async def ask_or_be_cut(client: aiohttp.ClientSession, number: int) -> int:
    """The status, or CUT: the connection was refused, or closed while the request was still being sent."""
    try:
        return await ask_in_storm(client, number)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        return CUT


# --- the end


async def test_sigterm_lets_open_streams_end_and_refuses_what_is_new() -> None:
    async with serve_and_simulate() as process, client_of(process) as client:
        opened = [asyncio.Event() for _ in range(STREAMS)]
        streams = [asyncio.create_task(read_to_the_end(client, each)) for each in opened]
        whole = asyncio.create_task(text_of(client, "[[pace:0.05]][[seq:40]]"))
        await asyncio.gather(*(each.wait() for each in opened))
        await process.simulator.wait_until(lambda: process.simulator.open_exchanges == STREAMS + 1)
        process.running.send_signal(signal.SIGTERM)
        began = asyncio.get_running_loop().time()
        await until(lambda: not is_listening(process))
        with pytest.raises(ConnectionRefusedError):
            await connect(process.url)
        assert [await stream for stream in streams] == [NUMBERS] * STREAMS
        assert await whole == NUMBERS
        assert await process.exit_code() == 0
        took = asyncio.get_running_loop().time() - began
        assert not [line for line in process.lines if "fault" in line]
    tell(
        f"SIGTERM with {STREAMS + 1} open answers", "0 cut inside the grace, exit 0", f"0 cut, ended {took:.1f} s later"
    )


def is_listening(process: ServeProcess) -> bool:
    """Asked of the kernel: to connect would be something for the process to deal with."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(local.endswith(f":{process.port:04X}") and state == LISTENING for _, local, _, state, *_ in sockets)


async def read_to_the_end(client: aiohttp.ClientSession, opened: asyncio.Event) -> str:
    async with client.post("/v1/messages", json=asking("[[pace:0.05]][[seq:40]]", stream=True)) as response:
        head = await response.content.readuntil(b"content_block_delta")
        opened.set()
        reply = read_stream(head + await response.read())
    assert reply.whole
    return reply.text


async def test_the_grace_is_bounded_whoever_does_not_read_or_send_or_ask() -> None:
    """A client that takes nothing cannot even be told; half a request and an idle connection have nothing to lose."""
    grace_seconds = 0.5
    async with serve_and_simulate(CHATRIX_GRACE_SECONDS=str(grace_seconds)) as process:
        reader, writer = await connect(process.url)
        writer.write(request_bytes("[[flood:100000 2000]]", stream=True))
        await reader.readuntil(b"content_block_delta")  # and nothing more: asyncio stops reading by itself
        _, half = await connect(process.url)
        half.write(request_head(1_000) + b"x")
        _, idle = await connect(process.url)
        await process.simulator.wait_until(lambda: process.simulator.open_exchanges == 1)
        began = asyncio.get_running_loop().time()
        process.running.send_signal(signal.SIGTERM)
        assert await process.exit_code() == 0
        took = asyncio.get_running_loop().time() - began
        for each in (writer, half, idle):
            each.close()
        await process.simulator.wait_until_idle()
    tell("SIGTERM with a client that does not read", "ends after the grace", f"{took:.1f} s at {grace_seconds:g} s")
    assert took < grace_seconds + 3.0


async def test_a_second_sigterm_ends_it_at_once() -> None:
    async with serve_and_simulate() as process, client_of(process) as client:
        async with client.post("/v1/messages", json=asking("[[silence:30]]", stream=True)) as response:
            await response.content.readuntil(b"message_start")
            process.running.send_signal(signal.SIGTERM)
            await until(lambda: not is_listening(process))
            process.running.send_signal(signal.SIGTERM)
            assert await process.exit_code(seconds=5) == 128 + signal.SIGTERM
            with suppress(aiohttp.ClientPayloadError):
                assert b"message_stop" not in await response.read()


# --- freeze and thaw


@asynccontextmanager
async def behind(proxy_url: str, simulator: Simulator, module: str = "gateway") -> AsyncIterator[ServeProcess]:
    """A gateway that reaches Bedrock through a proxy, and is not patient."""
    async with serve(
        simulator,
        module=module,
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME=proxy_url,
        CHATRIX_FIRST_EVENT_TIMEOUT_SECONDS=str(PATIENCE_SECONDS),
    ) as process:
        yield process


async def ask_at_the_thaw(
    process: ServeProcess, client: aiohttp.ClientSession, *, shut: Callable[[], Awaitable[int]]
) -> None:
    """Freezes with pooled connections, breaks them, lets requests queue up, and thaws. All must be served."""
    await asyncio.gather(*(text_of(client, "[[slow:0.01]]") for _ in range(AT_THE_THAW)))
    await freeze(process)
    assert await shut() >= 1, "the gateway had a pooled connection"
    waiting = [asyncio.create_task(text_of(client, f"[[say:{number}]]")) for number in range(AT_THE_THAW)]
    await asyncio.sleep(0)
    process.thaw()
    assert await asyncio.gather(*waiting) == [str(number) for number in range(AT_THE_THAW)]


async def freeze(process: ServeProcess) -> None:
    process.freeze()
    await until(lambda: " T " in Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2][:3])


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_pooled_connections_that_were_ended_in_a_freeze_cost_nobody_a_request(how: str, long_mode: bool) -> None:
    cycles = LONG_CYCLES if long_mode else CYCLES
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        async with CuttableProxy(simulator.port).serve() as proxy, behind(proxy.url, simulator) as process:
            async with client_of(process) as client:
                for _ in range(cycles):
                    await ask_at_the_thaw(process, client, shut=lambda: proxy.cut(reset=how == "reset"))
            assert not process.faults
    tell_of_freezes(f"connections {how}", cycles)


@pytest.mark.timeout(3_600)
async def test_pooled_connections_that_are_dead_without_a_sign_cost_nobody_a_request(long_mode: bool) -> None:
    """Only the clocks tell: the wall clock went on, and the monotonic one did not."""
    cycles = LONG_CYCLES if long_mode else CYCLES
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        async with open_deaf_proxy(simulator.port) as proxy:
            async with behind(proxy.url, simulator, FREEZING) as process, client_of(process) as client:
                for _ in range(cycles):
                    await ask_at_the_thaw(process, client, shut=deafening(proxy))
                assert not process.faults
                assert sum(line["upstream_calls"] for line in process.lines) == len(process.lines)
    tell_of_freezes("connections silently dead", cycles)


def deafening(proxy: DeafProxy) -> Callable[[], Awaitable[int]]:
    async def shut() -> int:
        return proxy.deafen()

    return shut


def tell_of_freezes(what: str, cycles: int) -> None:
    tell(f"freeze and thaw, {what}", "0 visible errors", f"0 in {cycles:,} cycles of {AT_THE_THAW} waiting requests")


async def test_without_a_jump_of_the_clock_a_connection_is_used_again_dead_or_not() -> None:
    """The control of the test above: the proxy does what it says, and it was the clock that helped."""
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        async with open_deaf_proxy(simulator.port) as proxy, behind(proxy.url, simulator) as process:
            async with client_of(process) as client:
                assert await text_of(client, "[[say:pooled]]") == "pooled"
                assert proxy.deafen() == 1
                async with client.post("/v1/messages", json=asking("[[say:lost]]")) as response:
                    assert response.status == 504
                assert await text_of(client, "[[say:a new one]]") == "a new one"


async def test_after_a_real_freeze_by_both_clocks_no_old_connection_is_used() -> None:
    """A laptop that slept, a machine that was moved: nothing jumps, and the connections are as dead."""
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        async with open_deaf_proxy(simulator.port) as proxy, behind(proxy.url, simulator) as process:
            async with client_of(process) as client:
                assert await text_of(client, "[[say:pooled]]") == "pooled"
                await freeze(process)
                proxy.deafen()
                await asyncio.sleep(POOL_SECONDS + 0.5)
                process.thaw()
                assert await text_of(client, "[[say:awake]]") == "awake"


@pytest.mark.parametrize("module", ["gateway", FREEZING])
async def test_a_stream_that_was_open_in_a_freeze_goes_on_whole(module: str) -> None:
    """Also where the clocks say that pooled connections are dead: this one is in use."""
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        async with serve(simulator, module=module) as process, client_of(process) as client:
            opened = [asyncio.Event() for _ in range(STREAMS)]
            streams = [asyncio.create_task(read_to_the_end(client, each)) for each in opened]
            await asyncio.gather(*(each.wait() for each in opened))
            for _ in range(3):
                await freeze(process)
                await asyncio.sleep(0.3)  # the freeze
                process.thaw()
                assert await text_of(client, "[[say:meanwhile]]") == "meanwhile"
            assert [await stream for stream in streams] == [NUMBERS] * STREAMS


async def test_behind_the_adapter_the_gateway_is_never_the_one_to_close_an_idle_connection() -> None:
    """The adapter tries once: what it sends into a connection that was just closed is lost to its user.

    The second process is the control: it would close first, had it not an hour's patience.
    """
    for keepalive_seconds, served in (("", True), ("1", False)):
        async with serve_and_simulate(
            AWS_LAMBDA_RUNTIME_API="127.0.0.1:9", CHATRIX_KEEPALIVE_SECONDS=keepalive_seconds
        ) as process:
            reader, writer = await connect(process.url)
            writer.write(request_bytes("[[say:kept]]"))
            assert b"200 OK" in await reader.readuntil(b"kept")
            await freeze(process)
            await asyncio.sleep(1.5)  # the freeze
            process.thaw()
            await asyncio.sleep(1.5)  # the control's patience may have begun only now
            writer.write(request_bytes("[[say:again]]"))
            assert (await what_comes(reader, b"again") == b"again") is served
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def what_comes(reader: asyncio.StreamReader, wanted: bytes) -> bytes:
    """`wanted`, or nothing when the connection ends before it."""
    try:
        await reader.readuntil(wanted)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    return wanted


# --- without keys


async def test_two_cold_starts_at_once_without_keys_are_5xx_and_recover_by_themselves() -> None:
    """As on Lambda, where two requests start two environments. Told 401, a client would ask its user to log in."""
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        simulator.troubles["GetSecretValue"] = Trouble(refusal=Refusal("ResourceNotFoundException"))
        async with serve(simulator) as one, serve(simulator) as other, client_of(one) as a, client_of(other) as b:
            for client in (a, b):
                await check_without_keys(client)
            del simulator.troubles["GetSecretValue"]
            took = await asyncio.gather(*(recovery_seconds(client, refused=500) for client in (a, b)))
            for client in (a, b):
                async with client.get("/ready") as response:
                    assert response.status == 200
    tell("start without a readable secret", "5xx, never 401; recovers by itself", f"recovered after {max(took):.1f} s")


async def check_without_keys(client: aiohttp.ClientSession) -> None:
    statuses = [("/health", 200), ("/ready", 503), ("/v1/models", 500)]
    for path, status in statuses:
        async with client.get(path) as response:
            assert response.status == status
    for key in (LOCAL_API_KEY, "ck_nobody_has_this_key_at_all"):
        async with client.post("/v1/messages", json=asking("hello"), headers={"x-api-key": key}) as response:
            assert response.status == 500
            assert (await response.json())["error"]["type"] == "api_error"


async def recovery_seconds(client: aiohttp.ClientSession, *, refused: int) -> float:
    """Asking as clients do that were told to try again."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(20):
        while True:
            async with client.post("/v1/messages", json=asking("[[say:back]]")) as response:
                if response.status == 200:
                    return loop.time() - began
                assert response.status == refused
            await asyncio.sleep(RETRY_SECONDS)
