"""An AWS endpoint never redirects, and following one would post the prompt, or the signature, to another host."""

from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientSession, TraceConfig, TraceRequestRedirectParams


class RedirectRefused(Exception):
    """The endpoint answered with a redirect. botocore wraps it in an HTTPClientError."""


class NoRedirects(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore has no type information
    """aiobotocore's HTTP session, which otherwise follows redirects. `_get_session` is private; a test guards it."""

    async def _get_session(self, proxy_url: str | None) -> ClientSession:
        session: ClientSession = await super()._get_session(proxy_url)
        if not session.trace_configs:
            session.trace_configs.append(_refuse_redirects())
        return session


def _refuse_redirects() -> TraceConfig:
    async def refuse(_: ClientSession, __: object, redirect: TraceRequestRedirectParams) -> None:
        redirect.response.close()
        raise RedirectRefused

    trace = TraceConfig()
    trace.on_request_redirect.append(refuse)
    trace.freeze()
    return trace
