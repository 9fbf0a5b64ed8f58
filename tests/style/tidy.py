"""Runs clang-tidy over the product's own sources, in parallel: tidy.py ROOT BUILD [part of a path]

Reads BUILD/compile_commands.json; .clang-tidy in ROOT selects the checks. Prints each finding once,
however many files include the header it is in.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

SKIPPED = 77  # For ctest: the tool is missing, and this is not CI.
PARTS = ("agent", "storage", "platform")
FINDING = re.compile(r"^(/[^:]+:\d+:\d+): (warning|error): (.*)$")


def tidy(build: pathlib.Path, source: str) -> tuple[str, float, str, int]:
    start = time.monotonic()
    run = subprocess.run(
        ["clang-tidy", "-p", str(build), "--quiet", "--extra-arg=-Wno-unknown-warning-option", source],
        capture_output=True,
        text=True,
        check=False,
    )
    return source, time.monotonic() - start, run.stdout + (run.stderr if run.returncode else ""), run.returncode


def main() -> int:
    root, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    if shutil.which("clang-tidy") is None:
        print("clang-tidy is missing")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    sources = sorted(
        {
            entry["file"]
            for entry in json.loads((build / "compile_commands.json").read_text())
            if entry["file"].startswith(tuple(f"{root}/{part}/" for part in PARTS))
            and wanted in entry["file"]
        }
    )
    findings: dict[str, str] = {}
    broken, times = [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, seconds, output, status in pool.map(lambda s: tidy(build, s), sources):
            times.append((seconds, source))
            found = [match for match in map(FINDING.match, output.splitlines()) if match]
            for match in found:
                findings[match[1] + match[3]] = f"{match[1]}: {match[3]}"
            if status != 0 and not found:
                broken.append(f"{source}: clang-tidy failed\n{output}")
    for line in sorted(findings.values()) + broken:
        print(line)
    print(f"clang-tidy: {len(sources)} files, {len(findings)} findings, {sum(t for t, _ in times):.0f} s")
    for seconds, source in sorted(times, reverse=True)[:3]:
        print(f"  {seconds:5.1f} s  {source}")
    return 1 if findings or broken or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
