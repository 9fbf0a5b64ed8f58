"""Runs interop tests with the Python of build/peers: run.py [pytest arguments]

Says so loudly when that is missing: exit status 77 (ctest: skipped), or 1 when CI=true.
"""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PEERS = pathlib.Path(os.environ.get("PETIOLE_PEERS", HERE.parents[1] / "build/peers"))


def main() -> int:
    python = PEERS / "venv/bin/python"
    if not python.exists():
        print(f"SKIPPED, NOTHING TESTED: {python} is missing; run tests/peers")
        return 1 if os.environ.get("CI") == "true" else 77
    os.chdir(HERE)
    os.execv(python, [str(python), "-m", "pytest", "-q", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
