"""The same bytes to petiole and to the newest nats-server: they must answer the same.

See harness/transcript.py for the form of the scripts, and for what is compared "up to ids and times".
"""

import difflib
import pathlib
from itertools import groupby

import pytest

from harness import servers, transcript

SCRIPTS = [
    script
    for path in sorted((pathlib.Path(__file__).parent / "scripts").glob("*.txt"))
    for script in transcript.read_scripts(path)
]
GROUPS = [list(group) for _, group in groupby(SCRIPTS, key=lambda script: (script.place.split(":")[0], script.config))]


def test_there_are_scripts():
    assert len(SCRIPTS) >= 150
    names = [script.name for script in SCRIPTS]
    assert len(set(names)) == len(names), "two scripts of one name"


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].place)
def test_same_transcripts(world, group):
    config = group[0].config
    ours = world.alone(config, name="edge")
    theirs = world.server(servers.nats_server("newest"), "reference", config)
    failures = []
    for script in group:
        heard, wanted = transcript.play(script, ours), transcript.play(script, theirs)
        assert ours.running(), f"{script.place} {script.name}: ended the server"
        if script.differs:
            if heard == wanted:
                failures.append(f"{script.place} {script.name}: differs no more; remove its ?? line")
        elif heard != wanted:
            failures.append(report(script, heard, wanted))
    assert not failures, "\n\n".join(failures)


def report(script, heard, wanted) -> str:
    """Both transcripts as one, with - for what nats-server alone said and + for petiole alone."""
    lines = [f"{script.place} {script.name}"]
    for name in wanted:
        if heard[name] != wanted[name]:
            lines.append(f"  {name} heard, of nats-server (-) and of petiole (+):")
            lines += [f"    {text!r}"[:400] for text in difflib.ndiff(wanted[name], heard[name]) if text[0] != "?"]
    return "\n".join(lines)
