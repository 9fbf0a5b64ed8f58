"""Fails when a source file is not as clang-format would have it: format.py ROOT [--fix]"""

import os
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77  # For ctest: the tool is missing, and this is not CI.


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    if shutil.which("clang-format") is None:
        print("clang-format is missing")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    files = [
        str(path)
        for part in ("agent", "storage", "platform", "tests")
        for ending in ("*.h", "*.cpp", "*.c")
        for path in sorted((root / part).rglob(ending))
        if "node_modules" not in path.parts
    ]
    mode = ["-i"] if "--fix" in sys.argv else ["--dry-run", "-Werror"]
    # All of them in one call: clang-format is quick, starting it is not.
    return subprocess.run(["clang-format", *mode, *files], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
