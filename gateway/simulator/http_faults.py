"""What stands in front of a service and answers in its place: proxies, load balancers, nobody."""

from aiohttp import web

from gateway.simulator.connection import reset, until_connection_lost
from gateway.simulator.exchanges import Exchange
from gateway.simulator.plan import HttpFault
from gateway.simulator.refusals import json_response

BAD_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
# Redirects lead back here, where only a client that follows them arrives.
REDIRECT_TARGET = "/redirected"


async def play_http_fault(request: web.Request, fault: HttpFault, exchange: Exchange) -> web.StreamResponse:
    """`reset` and `hang` are left by cancellation only."""
    match fault.kind:
        case "html":
            return web.Response(status=502, text=BAD_GATEWAY_PAGE, content_type="text/html")
        case "badct":
            return json_response({"output": "This is not an event stream."})
        case "emptyerror":
            return web.Response(status=500)
        case "status":
            headers = {"Location": REDIRECT_TARGET} if 300 <= fault.status < 400 else {}
            return web.Response(status=fault.status, headers=headers)
        case "reset":
            return await reset(request, exchange)
        case "hang":
            return await until_connection_lost()
