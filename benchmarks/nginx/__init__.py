"""nginx as a pass-through: the floor. It copies bytes, and neither translates nor authenticates."""

import shutil
from pathlib import Path

from benchmarks.contender import Contender

CONFIGURATION = """
daemon off;
master_process on;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000;
    upstream bedrock {{
        server 127.0.0.1:{upstream_port};
        keepalive 1024;
        keepalive_requests 1000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://bedrock;
            proxy_http_version 1.1;
            proxy_set_header connection "";
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_read_timeout 900s;
        }}
    }}
}}
"""


def nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise SystemExit("The bench compares with nginx: `apt-get install nginx-light`, or `brew install nginx`.")
    return found


def contender(folder: Path, port: int, upstream_port: int, body: bytes) -> Contender:
    """`body` is passed on as it is, and what comes back are Bedrock's frames as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder.absolute(), port=port, upstream_port=upstream_port))
    return Contender(
        name="nginx",
        argv=(nginx(), "-p", str(folder.absolute()), "-c", str(configuration.absolute())),
        environment={},
        ready_path="/",
        path="/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
        headers={},
        body=body,
        event="contentBlockDelta",
        first='"text"',
    )
