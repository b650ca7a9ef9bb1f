"""docs/compatibility.md is what the table and the cases say now."""

from tests.matrix.render import FILE, render


def test_the_document_is_up_to_date() -> None:
    assert FILE.read_text() == render(), "run `make matrix` and review the diff"


def test_rendering_gives_the_same_bytes_every_time() -> None:
    assert render() == render()
