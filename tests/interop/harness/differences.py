"""How two JSON documents differ: in their keys, and in the values that are not of the moment."""

import re

# Of the moment, the machine or the version: the names of keys whose values are not compared.
MOMENT = re.compile(
    r"(server_id|id|ver|version|go|seq|time|timestamp|now|start|stop|last_activity|rtt|uptime|idle|mem|cpu"
    r"|port|http_port|ip|cid|sid|config_load_time|config_digest|update_time|cores|gomaxprocs"
    r"|subscriptions|num_subscriptions|num_cache|num_inserts|num_removes|num_matches|cache_hit_rate"
    r"|max_fanout|avg_fanout|pending_bytes|(in|out)(_client)?_(bytes|msgs)|msgs|bytes|tls_timeout"
    r"|subscriptions_list\[\]|total|petiole_version)$"
)


def flat(value, path: str = "", found: dict | None = None) -> dict:
    """{"a.b[].c": [values in order]}; an empty object or list counts as a value."""
    found = {} if found is None else found
    if isinstance(value, dict) and value:
        for key, each in value.items():
            flat(each, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list) and value:
        for each in value:
            flat(each, f"{path}[]", found)
    else:
        found.setdefault(path, []).append(value)
    return found


def keys(value) -> set[str]:
    return set(flat(value))


def order(value: dict) -> list[str]:
    return list(value)


def differences(ours, theirs, missing: str = "", extra: str = "", unequal: str = "") -> list[str]:
    """One line a difference. `missing`, `extra` and `unequal` are patterns of paths that may be
    so: keys of theirs that ours lacks, of ours that theirs lacks, values that differ."""
    a, b = flat(ours), flat(theirs)
    told = []
    for path in sorted(a.keys() | b.keys()):
        if path not in a:
            if not (missing and re.fullmatch(missing, path)):
                told.append(f"missing: {path}")
        elif path not in b:
            if not (extra and re.fullmatch(extra, path)):
                told.append(f"extra: {path}")
        elif MOMENT.search(path.split(".")[-1]) or (unequal and re.fullmatch(unequal, path)):
            continue
        elif a[path] != b[path] and sorted(map(str, a[path])) != sorted(map(str, b[path])):
            told.append(f"{path}: {a[path]} instead of {b[path]}")
    return told
