"""Prove that the order of two steps is tested: swap them in a copy, and a test must turn red.

Rolling a bucket consumes its marks before it reads the facts. In the other order a fact that
commits in between would lose its mark. Exit code 0 when the suite notices the swap.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RIGHT = "    consume_marks,\n    replace_rows,\n"
WRONG = "    replace_rows,\n    consume_marks,\n"
TEST = "tests/rollups/test_invariant.py"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".data", "__pycache__", ".*_cache", ".venv", ".hypothesis"
)


def swapped_copy(target: Path) -> None:
    """A copy of the project in which the two steps have changed places."""
    shutil.copytree(ROOT, target, ignore=LEFT_OUT)
    (target / ".venv").symlink_to(ROOT / ".venv")
    module = target / "analytics" / "rollups.py"
    source = module.read_text()
    if source.count(RIGHT) != 1:
        sys.exit("swap check: the steps are not where they were; update .ci/swap_check.py")
    module.write_text(source.replace(RIGHT, WRONG))


def main() -> None:
    """Run the invariant's test in the copy; it must fail, and by the invariant."""
    with tempfile.TemporaryDirectory(prefix="paygate-swap-") as scratch:
        copy = Path(scratch) / "project"
        swapped_copy(copy)
        command = [sys.executable, "dev.py", "test", "-q", "-p", "no:randomly", TEST]
        run = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    noticed = run.returncode == 1 and "assert_invariant" in run.stdout
    tail = "\n".join(run.stdout.splitlines()[-3:])
    print(f"swap check: marks consumed after the facts were read; the test said:\n{tail}")
    if not noticed:
        sys.exit("swap check: FAILED, no test noticed")
    print("swap check: noticed, as it must be")


if __name__ == "__main__":
    main()
