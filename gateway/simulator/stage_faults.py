"""The markers that make an answer fail, before it or inside it."""

from functools import partial
from typing import Final, get_args

from gateway.simulator.check_sampling import too_many_tokens
from gateway.simulator.contents import model_fields
from gateway.simulator.markers import Marker
from gateway.simulator.plan import Cut, CutKind, Damage, DamageKind, Failure, HttpFault
from gateway.simulator.refusals import Refusal, model_refuses
from gateway.simulator.stage import Stage, Staging

CUT_KINDS: Final = get_args(CutKind)

# Errors before the answer


def _error(stage: Stage, marker: Marker) -> None:
    stage.instead(marker.exception())


def _throttle(stage: Stage, marker: Marker) -> None:
    if stage.counts(marker.integer()):
        stage.instead(Refusal("ThrottlingException"))


def _fail(stage: Stage, marker: Marker) -> None:
    first, refusal = marker.count_and_exception()
    if stage.counts(first):
        stage.instead(refusal)


def _maxout(stage: Stage, marker: Marker) -> None:
    limit = marker.integer()
    if ((stage.request.get("inferenceConfig") or {}).get("maxTokens") or 0) > limit:
        stage.instead(too_many_tokens(limit))


def _nobeta(stage: Stage, _marker: Marker) -> None:
    """As in a Region that does not know a beta yet."""
    if model_fields(stage.request).get("anthropic_beta"):
        stage.instead(model_refuses("invalid beta flag"))


def _http_fault(stage: Stage, marker: Marker) -> None:
    match marker.name:
        case "status":
            status = marker.integer()
            if not 200 <= status <= 599:
                raise marker.unreadable("a status from 200 to 599 is wanted")
            stage.instead(HttpFault("status", status))
        case "html" | "badct" | "emptyerror" | "reset" | "hang":
            stage.instead(HttpFault(marker.name))
        case _:
            raise marker.unreadable("no such fault")


# Errors inside the answer


def _stream_failure(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(Failure(marker.exception()))


def _streamfail(stage: Stage, marker: Marker) -> None:
    first, refusal = marker.count_and_exception()
    if stage.counts(first):
        stage.plan.steps.append(Failure(refusal))


def _firstexc(stage: Stage, marker: Marker) -> None:
    stage.plan.first_failure = marker.exception()


def _errormsg(stage: Stage, marker: Marker) -> None:
    refusal = marker.exception() if marker.argument else Refusal("InternalServerException")
    stage.plan.steps.append(Failure(refusal, as_error_message=True))


def _cut(stage: Stage, marker: Marker) -> None:
    kind = marker.argument or "rst"
    if kind.isdigit():
        kind = "rst" if stage.counts(marker.integer()) else ""
    match kind:
        case "":
            return
        case "rst" | "fin" | "clean" | "boundary":
            stage.plan.steps.append(Cut(kind))
        case _:
            raise marker.unreadable(f"one of {', '.join(CUT_KINDS)} or a number is wanted")


def _crc(stage: Stage, marker: Marker) -> None:
    match marker.argument:
        case "":
            stage.plan.steps.append(Damage("crc"))
        case "prelude":
            stage.plan.steps.append(Damage("crc:prelude"))
        case "headers":
            stage.plan.steps.append(Damage("crc:headers"))
        case _:
            raise marker.unreadable("prelude, headers or nothing is wanted")


def _damage(stage: Stage, marker: Marker, kind: DamageKind) -> None:
    stage.plan.steps.append(Damage(kind, marker.integer() if marker.argument else 0))


FAULT_STAGING: Final[dict[str, Staging]] = {
    "error": _error,
    "throttle": _throttle,
    "fail": _fail,
    "maxout": _maxout,
    "nobeta": _nobeta,
    "html": _http_fault,
    "badct": _http_fault,
    "emptyerror": _http_fault,
    "status": _http_fault,
    "reset": _http_fault,
    "hang": _http_fault,
    "exc": _stream_failure,
    "streamerror": _stream_failure,
    "streamfail": _streamfail,
    "firstexc": _firstexc,
    "errormsg": _errormsg,
    "cut": _cut,
    "crc": _crc,
    "badjson": partial(_damage, kind="badjson"),
    "garbage": partial(_damage, kind="garbage"),
    "hugeframe": partial(_damage, kind="hugeframe"),
}
