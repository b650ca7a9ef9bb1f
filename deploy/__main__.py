"""`make deploy`: from a checkout to a function on AWS, or from an old image to a new one.

python -m deploy                    the whole walk; each step leaves alone what is done already
python -m deploy rollback           back to the image before this one
python -m deploy COMMAND            one step, as the GitHub workflow does it
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from deploy import steps
from deploy.image import ENGINES
from deploy.programs import ROOT, DeployError
from deploy.steps import Deployment

FAILED: Final = 1
INTERRUPTED: Final = 130
REDACTED_CODES: Final = "AWS refused {operation} ({code}). What the credentials need is in docs/deploy.md."

Step = Callable[[Deployment], object]

COMMANDS: Final[Mapping[str, tuple[str, Step | None]]] = {
    "bootstrap": ("registry, secret and role, if they are not there", steps.bootstrap),
    "build": ("build the image for the function's processor", steps.build),
    "push": ("push it under the commit's name, and choose it for the next plan", steps.push),
    "plan": ("write and show a plan", steps.plan),
    "apply": ("apply the plan that was written", steps.apply),
    "secret": ("put a first API key into the secret, if it has no value", steps.secret),
    "smoke": ("ask the deployed gateway for short answers, and measure how they arrive", steps.smoke),
    "status": ("say what is deployed", steps.status),
    "rollback": ("the image before this one, or a digest", None),
}
WALK: Final[Sequence[Step]] = (
    steps.bootstrap,
    steps.build,
    steps.push,
    steps.plan_and_apply,
    steps.secret,
)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parse(arguments)
    try:
        _run(chosen)
    except DeployError as error:
        print(f"\ndeploy: {error}", file=sys.stderr)
        return FAILED
    except ClientError as error:
        code, operation = error.response["Error"]["Code"], error.operation_name
        print(f"\ndeploy: {REDACTED_CODES.format(operation=operation, code=code)}", file=sys.stderr)
        return FAILED
    except BotoCoreError as error:
        print(f"\ndeploy: AWS cannot be reached: {type(error).__name__}.", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\ndeploy: interrupted. Run it again: it goes on where it was.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _run(chosen: argparse.Namespace) -> None:
    deployment = Deployment(
        steps.terraform_in(chosen.folder.resolve()),
        assume_yes=chosen.yes,
        build_options=chosen.build_option,
        engine=chosen.engine,
        smoke_url=chosen.smoke_url,
    )
    steps.init(deployment)
    if chosen.command == "rollback":
        steps.roll_back(deployment, chosen.digest)
    elif chosen.command:
        _, step = COMMANDS[chosen.command]
        assert step is not None  # noqa: S101  # only rollback has none
        step(deployment)
        return
    else:
        for step in WALK:
            step(deployment)
    if not chosen.skip_smoke:
        steps.smoke(deployment)
    steps.tell(deployment)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--yes", action="store_true", default=argparse.SUPPRESS, help="apply plans without asking")
    parser = argparse.ArgumentParser(prog="python -m deploy", description=(__doc__ or "").partition("\n")[0])
    parser.set_defaults(yes=False, digest=None)
    parser.add_argument("--yes", action="store_true", help="apply plans without asking")
    parser.add_argument("--skip-smoke", action="store_true", help="no smoke test, which costs two short answers")
    parser.add_argument("--smoke-url", metavar="URL", help="where the smoke test asks (default: the function's URL)")
    parser.add_argument("--folder", type=Path, default=ROOT / "terraform", help="the Terraform configuration")
    parser.add_argument("--engine", choices=ENGINES, help="what builds (default: the one that is there)")
    parser.add_argument(
        "--build-option",
        action="append",
        default=[],
        metavar="OPTION",
        help="a further option of docker or podman build",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (summary, _) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, parents=[common])
        if name == "rollback":
            command.add_argument("digest", nargs="?", metavar="sha256:...", help="an image's digest")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
