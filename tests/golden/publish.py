"""Writes what tests hold fixed: a stored sample of every version of every event type, and docs/events.md.

    python -m tests.golden.publish        (make golden)

New types, new versions and new fields with defaults are added; what has been published is never changed. A change that would
make stored events unreadable is refused with the reason.
"""

from __future__ import annotations

import json
import sys
import types
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from eventstore.codec import encode
from eventstore.events import Event
from eventstore.events.base import payload_fields
from tests.golden.describing import area, describe_events, published_types

FOLDER = Path(__file__).parent / "types"
PAGE = Path(__file__).parents[2] / "docs" / "events.md"
HOW = "Run `make golden` (python -m tests.golden.publish) and commit what it writes."


def main() -> int:
    refused = [problem for cls in published_types() for problem in publish(cls)]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(describe_events(), encoding="utf-8")
    for problem in refused:
        sys.stderr.write(f"{problem}\n")
    return 1 if refused else 0


def path_of(cls: type[Event]) -> Path:
    return FOLDER / area(cls) / f"{cls.__name__}.json"


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def publish(cls: type[Event]) -> list[str]:
    """Writes the type's file as far as that is allowed; returns why not."""
    path = path_of(cls)
    golden: dict[str, Any] = read(path) if path.exists() else {"type": cls.__name__, "versions": {}}
    problems = incompatible(cls, golden["versions"])
    if problems:
        return problems
    version = str(cls.class_version)
    known = golden["versions"].setdefault(version, {"fields": {}, "sample": json.loads(encode(sample(cls)))})
    known["fields"] = payload_fields(cls)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(golden, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return []


def incompatible(cls: type[Event], published: dict[str, Any]) -> list[str]:
    """What of the class would make stored events unreadable, or read as something else."""
    name, version = cls.__name__, cls.class_version
    problems = [
        f"{name}: version {version} needs a static method upcast_v{step}_v{step + 1}(state)"
        for step in range(1, version)
        if not hasattr(cls, f"upcast_v{step}_v{step + 1}")
    ]
    newest = max((int(number) for number in published), default=version)
    if newest > version:
        problems.append(f"{name}: version {newest} was published, the class says {version}")
    before = published.get(str(version), {}).get("fields")
    if before is not None:
        now = payload_fields(cls)
        advice = f"raise class_version and add upcast_v{version}_v{version + 1}(state)"
        for field, written in before.items():
            if field not in now:
                problems.append(f"{name}.{field} was published and is gone: {advice}")
            elif _type(now[field]) != _type(written):
                problems.append(f"{name}.{field} was published as {_type(written)} and is {_type(now[field])} now: {advice}")
            elif "=" in written and "=" not in now[field]:
                problems.append(f"{name}.{field} may be missing in stored events: it has to keep its default")
        problems += [
            f"{name}.{field} is missing in stored events: give it a default, or {advice}"
            for field, written in now.items()
            if field not in before and "=" not in written
        ]
    return problems


def _type(written: str) -> str:
    return written.partition(" = ")[0]


def sample(cls: type[Event]) -> Event:
    """An event with a telling value in every field."""
    hints = get_type_hints(cls)
    values = {field: _value(field, hints[field]) for field in payload_fields(cls)}
    return cls(originator_id="sample-1", originator_version=1, timestamp=datetime(2026, 1, 1, tzinfo=UTC), **values)


def _value(field: str, hint: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _value(field, next(argument for argument in arguments if argument is not type(None)))
    if origin is Literal:
        return arguments[0]
    if origin in {list, tuple}:
        return [_value(field, arguments[0])] if arguments else []
    if origin is dict:
        return {"key": _value(field, arguments[1])}
    simple = {str: f"{field} ü", int: 7, bool: True, float: 1.5, Any: "anything", dict: {}, list: []}
    if hint not in simple:
        raise TypeError(f"fields hold JSON values; {field} is {hint}")
    return simple[hint]


if __name__ == "__main__":
    sys.exit(main())
