# check=skip=RedundantTargetPlatform
#
# The image of chatrix: the same one on AWS Lambda (behind the Lambda Web Adapter), on Fargate and on a laptop.
#
#   docker build -t chatrix .      docker run --rm -p 3000:3000 chatrix      podman takes the same lines
#
# The build stage runs on the machine that builds and fetches the wheels of the machine that will run; the last stage
# only copies. So an arm64 image needs no emulation on an amd64 machine, nor the other way round:
#
#   docker buildx build --platform linux/arm64 --provenance=false --sbom=false -t chatrix .    Lambda takes no index
#   podman build --platform linux/arm64 --build-arg BUILDPLATFORM=linux/amd64 -t chatrix .     podman 4 does not set it
#
# Docker's old builder (SAM uses it, unless told --use-buildkit) knows neither platform and needs `--build-arg
# PLATFORM=linux/amd64`. buildah 1.28 (podman 4.3) keeps the platform of one FROM for the next, so that every FROM names
# its own. BuildKit calls that redundant, which the first line tells it to leave alone.

# Both are arguments so that a mirror, or a stand-in in the tests, can take their place. PYTHON_IMAGE needs glibc 2.28.
ARG PYTHON_IMAGE=public.ecr.aws/docker/library/python:3.13-slim
ARG LWA_IMAGE=public.ecr.aws/awsguru/aws-lambda-adapter:1.1.0
# The user of the running image. SAM alone wants another one, root: its local build goes on from this image with a step
# that only root can do (docs/sam.md).
ARG RUN_AS=65532
# Both platforms, for a builder that sets none.
ARG PLATFORM=""

FROM --platform=${TARGETPLATFORM:-$PLATFORM} ${LWA_IMAGE} AS adapter

FROM --platform=${BUILDPLATFORM:-$PLATFORM} ${PYTHON_IMAGE} AS build
# Otherwise Python itself writes bytecode with time stamps while it compiles, and compileall leaves that as it is.
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.txt deploy/trim_botocore.py deploy/compile_bytecode.py /build/
ARG TARGETARCH
# Every file is checked against the lock's hash before it is unpacked. The Python version is that of this stage, which
# is that of the last one. --no-compile: what pip writes would be checked against time stamps at every start.
RUN case "${TARGETARCH:-$(uname -m)}" in \
        amd64 | x86_64) machine=x86_64 ;; \
        arm64 | aarch64) machine=aarch64 ;; \
        *) echo "chatrix: no wheels for '${TARGETARCH:-$(uname -m)}'; build with --platform linux/amd64 or linux/arm64" >&2; exit 1 ;; \
    esac \
    && python -m pip install --require-hashes --only-binary :all: --no-deps --no-compile --no-cache-dir \
        --disable-pip-version-check --root-user-action ignore --target packages \
        --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" \
        --requirement /build/requirements.txt

# What is cut from the packages, and why that is safe:
# - botocore's descriptions of all AWS services but these: `bedrock-runtime`, `bedrock` and `secretsmanager` are what the
#   gateway calls; `sts`, `sso`, `sso-oidc` and `signin` what botocore's credential providers call (roles, web identity,
#   `aws sso login`, `aws login`). The files beside the folders hold endpoints, partitions, defaults and retries of all.
#   A test compares the list with the services that gateway/ names; another starts each client in the image.
# - Of those descriptions their documentation, and of the list of endpoints the other services (deploy/trim_botocore.py).
# - Powertools' `event_handler`: a web framework of its own, with Swagger's JavaScript. Logger and EphemeralMetrics, which
#   we use, do not import it.
# - Tests, C and Cython sources, type stubs: nothing reads them when Python runs. `bin`: command lines of packages.
# - RECORD, the list of what pip has installed: no longer true, and only pip reads it. METADATA (for scanners) and the
#   licenses stay.
ARG AWS_SERVICES="bedrock bedrock-runtime secretsmanager signin sso sso-oidc sts"
RUN set -eu; cd packages; \
    mkdir /build/services; \
    for service in $AWS_SERVICES; do mv "botocore/data/$service" /build/services/; done; \
    find botocore/data -mindepth 1 -maxdepth 1 -type d -exec rm -r {} +; \
    mv /build/services/* botocore/data/; \
    python /build/trim_botocore.py botocore/data $AWS_SERVICES; \
    rm -r aws_lambda_powertools/event_handler; \
    find . -type d \( -name tests -o -name '*-stubs' \) -prune -exec rm -r {} +; \
    find . -type f \( -name '*.py[ix]' -o -name '*.pxd' -o -name '*.[ch]' -o -name '*.hash' -o -name RECORD \) -delete; \
    rm -rf bin; \
    chmod -R a+rX,go-w .

# Bytecode for everything, the standard library too: the official Python images come without, and the file system may be
# read-only, so that each start would compile some 700 files anew. It is in a tree of its own with the exact version of
# Python in its path: should the last stage have another one, it is not found, and never wrong. No file's time stamp is
# compared, which layers do not keep. The docstrings are left out: 2.5 MB of memory at rest.
RUN set -eu; \
    stdlib="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"; \
    export PYTHONPYCACHEPREFIX="/app/pycache/${PYTHON_VERSION:-}"; \
    python /build/compile_bytecode.py packages; \
    python /build/compile_bytecode.py "$stdlib" \
        --except '/(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|(site|dist)-packages)/'; \
    chmod -R a+rX pycache

COPY gateway gateway
COPY LICENSE ./
# Lambda runs the image as a user of its own: whoever built it, with whichever umask, all must be able to read it.
RUN set -eu; \
    chmod -R a+rX,go-w gateway LICENSE; \
    PYTHONPYCACHEPREFIX="/build/pycache/${PYTHON_VERSION:-}" \
        python /build/compile_bytecode.py gateway; \
    chmod -R a+rX /build/pycache

# buildah 1.28 overlooks build arguments when it looks for a cached layer, except at RUN: it would take SAM's image for
# root for the one that is deployed, and the labels of an older commit for this one's. So they are written into a file
# here, which the last stage copies before it uses any of them.
ARG RUN_AS
ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
RUN printf 'user=%s\nversion=%s\nrevision=%s\nsource=%s\n' "$RUN_AS" "$VERSION" "$REVISION" "$SOURCE" > /build/arguments \
    && chmod 644 /build/arguments

# No RUN from here on: this stage may be for a machine whose programs cannot run here.
FROM --platform=${TARGETPLATFORM:-$PLATFORM} ${PYTHON_IMAGE}
# Started by Lambda, as everything in this folder; elsewhere nothing starts it.
COPY --from=adapter /lambda-adapter /opt/extensions/lambda-adapter
COPY --from=build /app/packages /app/packages
COPY --from=build /app/pycache /app/pycache
COPY --from=build /app/LICENSE /app/LICENSE
COPY --from=build /app/gateway /app/gateway
COPY --from=build /build/pycache /app/pycache
WORKDIR /app

# PYTHONSAFEPATH: modules come from these folders and from nowhere else, whatever the working directory is. HOME: engines
# disagree about the home of a user without a name; so ~/.aws can be mounted as /app/.aws.
ENV PYTHONPATH=/app:/app/packages \
    PYTHONSAFEPATH=1 \
    PYTHONPYCACHEPREFIX=/app/pycache/${PYTHON_VERSION:-} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/app \
    HOST=0.0.0.0 \
    PORT=3000 \
    AWS_LWA_HOST=127.0.0.1 \
    AWS_LWA_PORT=3000 \
    AWS_LWA_READINESS_CHECK_PATH=/health \
    AWS_LWA_INVOKE_MODE=response_stream

# From here on the build arguments count.
COPY --from=build /build/arguments /app/build-arguments
# Not 8080: SAM's emulator of Lambda listens there, inside the container.
EXPOSE 3000
# A number, so that Kubernetes' runAsNonRoot can tell. Lambda takes a user of its own.
ARG RUN_AS
USER ${RUN_AS}:${RUN_AS}
STOPSIGNAL SIGTERM
# No HEALTHCHECK: the OCI format has none, and Lambda, ECS and Kubernetes ignore Docker's. They ask /health themselves.
CMD ["python", "-m", "gateway", "serve"]

ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="chatrix" \
      org.opencontainers.image.description="Claude Code, and every other client of the Anthropic Messages API, on Amazon Bedrock: one URL, one key." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
