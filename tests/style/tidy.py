"""Runs clang-tidy over the product's own sources, in parallel: tidy.py ROOT BUILD [part of a path]

Reads BUILD/compile_commands.json; .clang-tidy in ROOT selects the checks. Prints each finding once,
however many files include the header it is in.

A file that was found clean is not read again until it, a header that it includes, its command, the
checks or clang-tidy change: see Cache. With PETIOLE_TIDY_SECONDS no file is begun after that time, those
that have changed themselves go first, and what is left is counted: for CI, which has minutes for all.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from typing import NamedTuple

SKIPPED = 77  # For ctest: the tool is missing, and this is not CI.
PARTS = ("agent", "storage", "platform")
FINDING = re.compile(r"^(/[^:]+:\d+:\d+): (warning|error): (.*)$")
INCLUDED = re.compile(r"^\.+ (.+)$", re.MULTILINE)  # As -H prints them.


class Result(NamedTuple):
    source: str
    seconds: float  # 0 from the cache.
    output: str
    status: int
    left: bool = False  # For want of time.


@functools.lru_cache(maxsize=None)
def digest_of(path: str) -> str:
    """The hash of a file's content; of a file that cannot be read, of nothing."""
    try:
        return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def cache_home() -> pathlib.Path:
    """In the compiler's cache: whoever keeps that one keeps this, too."""
    if shutil.which("ccache"):
        asked = subprocess.run(["ccache", "--get-config", "cache_dir"], capture_output=True, text=True)
        if asked.returncode == 0 and asked.stdout.strip():
            return pathlib.Path(asked.stdout.strip())
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


class Cache:
    """Which translation units are clean, for all clones and worktrees of one user.

    An entry's name is the hash of what decides which headers are read: tool, checks, command and
    source. It holds those headers and the hash of their contents. Paths in the tree are relative.
    """

    ENTRIES_MAX = 2000  # About 20 KB each; the oldest go first.

    def __init__(self, root: pathlib.Path) -> None:
        self.root = f"{root}/"
        self.folder = cache_home() / "petiole-tidy"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.folder = root / "build" / "tidy"  # A user without a home.
            self.folder.mkdir(parents=True, exist_ok=True)
        version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
        self.common = version.decode() + digest_of(str(root / ".clang-tidy"))

    def entry(self, command: dict) -> pathlib.Path:
        # The object's name holds no meaning; what is left of the command does.
        words = [
            (word + "/").replace(self.root, "./") for word in shlex.split(command["command"])[1:]
        ]
        text = "\n".join([self.common, digest_of(command["file"]), *words])
        return self.folder / hashlib.sha256(text.encode()).hexdigest()

    def is_clean(self, entry: pathlib.Path) -> bool:
        try:
            digest, *headers = entry.read_text().splitlines()
        except (OSError, ValueError):
            return False
        if digest != self.digest(headers):
            return False
        os.utime(entry)
        return True

    def keep(self, entry: pathlib.Path, headers: set[str]) -> None:
        names = sorted(name.removeprefix(self.root) for name in headers)
        partial = entry.with_suffix(f".{os.getpid()}")  # Others may read and write at the same time.
        partial.write_text("\n".join([self.digest(names), *names]))
        partial.replace(entry)

    def digest(self, names: list[str]) -> str:
        contents = [digest_of(os.path.join(self.root, name)) for name in names]
        return hashlib.sha256("\n".join(contents).encode()).hexdigest()

    def prune(self) -> None:
        entries = sorted(os.scandir(self.folder), key=lambda entry: entry.stat().st_mtime, reverse=True)
        for entry in entries[self.ENTRIES_MAX :]:
            pathlib.Path(entry.path).unlink(missing_ok=True)


def tidy(build: pathlib.Path, cache: Cache, end: float, command: dict) -> Result:
    source = command["file"]
    entry = cache.entry(command)
    if cache.is_clean(entry):
        return Result(source, 0, "", 0)
    start = time.monotonic()
    if start > end:
        return Result(source, 0, "", 0, left=True)
    extra = ["--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-H"]
    run = subprocess.run(
        ["clang-tidy", "-p", str(build), "--quiet", *extra, source],
        capture_output=True,
        text=True,
        check=False,
    )
    headers = set(INCLUDED.findall(run.stderr))
    if run.returncode == 0 and not run.stdout.strip():
        cache.keep(entry, headers)
    errors = INCLUDED.sub("", run.stderr).strip() if run.returncode else ""
    return Result(source, time.monotonic() - start, run.stdout + errors, run.returncode)


def commands_of(root: pathlib.Path, build: pathlib.Path, wanted: str) -> list[dict]:
    folders = tuple(f"{root}/{part}/" for part in PARTS)
    commands = json.loads((build / "compile_commands.json").read_text())
    chosen = {c["file"]: c for c in commands if c["file"].startswith(folders) and wanted in c["file"]}
    return [chosen[source] for source in sorted(chosen)]


def report(results: list[Result]) -> int:
    findings, broken = set(), []
    for result in results:
        found = [match for match in map(FINDING.match, result.output.splitlines()) if match]
        findings.update(f"{match[1]}: {match[3]}" for match in found)
        if result.status != 0 and not found:
            broken.append(f"{result.source}: clang-tidy failed\n{result.output}")
    for line in sorted(findings) + broken:
        print(line)
    read = [result for result in results if result.seconds]
    left = sum(result.left for result in results)
    print(
        f"clang-tidy: {len(results)} files, {len(results) - len(read) - left} of them unchanged since they"
        f" were clean, {left} left for want of time; {len(findings)} findings;"
        f" {sum(result.seconds for result in read):.0f} s"
    )
    for result in sorted(read, key=lambda result: result.seconds, reverse=True)[:3]:
        print(f"  {result.seconds:5.1f} s  {result.source}")
    return 1 if findings or broken or not results else 0


def main() -> int:
    root, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    if shutil.which("clang-tidy") is None:
        print("clang-tidy is missing")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    commands = commands_of(root, build, sys.argv[3] if len(sys.argv) > 3 else "")
    cache = Cache(root)
    random.shuffle(commands)  # Where no result is kept, a short time sees other files each time.
    commands.sort(key=lambda command: cache.entry(command).exists())
    end = time.monotonic() + float(os.environ.get("PETIOLE_TIDY_SECONDS") or "inf")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda command: tidy(build, cache, end, command), commands))
    cache.prune()
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
