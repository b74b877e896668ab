"""From the command line to the command."""

from devstack import venv
from devstack.console import UserError, complain
from devstack.options import ROOT, Options, parse


def run(argv: list[str]) -> int:
    """Run `dev.py` with these arguments, the first time round outside the environment."""
    try:
        options = parse(argv)
        venv.enter(ROOT, "dev" if options.command == "test" else "runtime")
        return _dispatch(options)
    except UserError as error:
        complain(f"dev.py: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _dispatch(options: Options) -> int:
    """Import what needs the installed packages only now."""
    from devstack import commands, up

    if options.command == "up":
        return up.run(options)
    if options.command == "manage":
        return commands.manage(options)
    return commands.test(options)
