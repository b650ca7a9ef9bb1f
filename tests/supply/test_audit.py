"""`make audit` with the real pip-audit, and on loopback an OSV that says what the test wants."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from tests.supply.audit import CLEAN, FAILED, NOT_ASKED, VULNERABLE, main
from tests.supply.installation import ROOT

LOCK: Final = (ROOT / "requirements.txt").read_text()
POISONED: Final = {
    "id": "MAL-2026-0000",
    "summary": "a poisoned release",
    "affected": [{"package": {"name": "aiohttp", "ecosystem": "PyPI"}, "ranges": [], "versions": ["3.14.5"]}],
}


class Osv:
    """What it was asked, by the name of the package; what it answers, and with which status."""

    def __init__(self, url: str, vulnerable: Mapping[str, Any], status: int) -> None:
        self.url = url
        self.vulnerable = vulnerable
        self.status = status
        self.asked: list[str] = []


@contextmanager
def osv(vulnerable: Mapping[str, Any] | None = None, status: int = 200) -> Iterator[Osv]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["content-length"])))
            name = query["package"]["name"]
            running.asked.append(f"{name}=={query['version']}")
            known = running.vulnerable.get(name)
            body = json.dumps({"vulns": [known]} if known else {}).encode()
            self.send_response(running.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing into the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = Osv(f"http://127.0.0.1:{server.server_port}/v1/query", vulnerable or {}, status)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def test_every_package_of_the_lock_is_asked_for_and_nothing_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    with osv() as database:
        assert main(["--osv-url", database.url, "--require-database"]) == CLEAN
    pins = [line.partition(" ")[0] for line in LOCK.splitlines() if "==" in line]
    assert sorted(database.asked) == sorted(pins)
    assert f"{len(pins)} packages looked at, no known vulnerability." in capsys.readouterr().out


def test_a_known_vulnerability_is_a_failure_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with osv({"aiohttp": POISONED}) as database:
        assert main(["--osv-url", database.url]) == VULNERABLE
    assert "aiohttp 3.14.5: MAL-2026-0000 (no fix yet)" in capsys.readouterr().out


@pytest.mark.parametrize("status", [403, 503])
def test_a_database_that_refuses_is_no_clean_bill(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with osv(status=status) as database:
        assert main(["--osv-url", database.url, "--require-database"]) == NOT_ASKED
    assert capsys.readouterr().out.startswith("NOT AUDITED: ")


def test_without_a_database_it_says_so_loudly_and_fails_only_where_that_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "http://127.0.0.1:9/v1/query"
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert main(["--osv-url", nobody]) == CLEAN
    assert capsys.readouterr().out.startswith("NOT AUDITED: the database could not be reached")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["--osv-url", nobody]) == CLEAN
    assert "::warning title=Not audited::NOT AUDITED: " in capsys.readouterr().out
    assert main(["--osv-url", nobody, "--require-database"]) == NOT_ASKED


def test_a_lock_that_cannot_be_read_is_a_failure(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("aiohttp==3.14.5\n")  # no hash
    with osv() as database:
        assert main(["--osv-url", database.url, "--lock", str(lock)]) == FAILED
    assert "pip-audit failed" in capsys.readouterr().out
