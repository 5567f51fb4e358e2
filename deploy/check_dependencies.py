"""Check what is installed against what is pinned: ``python deploy/check_dependencies.py [--registry]``.

Every distribution that the two requirements files bring, directly or not, is pinned in constraints.txt and installed in
that version, and nothing else is pinned. With ``--registry`` the package index that pip is set up for is asked, too,
whether a pinned version was withdrawn (PEP 592); where none answers, that is said and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
REGISTRY_SECONDS = 300


def lines_of(name: str) -> Iterator[str]:
    """Return the requirements that a file lists itself."""
    for line in (ROOT / name).read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text and not text.startswith("-"):
            yield text


def pinned() -> dict[str, str]:
    """Return the pinned version of each distribution."""
    found: dict[str, str] = {}
    for line in lines_of("constraints.txt"):
        name, _, version = line.partition("==")
        found[canonicalize_name(name)] = version
    return found


def brought() -> dict[str, str]:
    """Return the installed version of everything that the requirements bring; empty for what is not installed."""
    found: dict[str, str] = {}
    waiting = [Requirement(line) for name in ("requirements.txt", "requirements-dev.txt") for line in lines_of(name)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            found[name] = ""
            continue
        found[name] = installed.version
        for text in installed.requires or ():
            further = Requirement(text)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                waiting.append(further)
    return found


def problems(pins: dict[str, str], installed: dict[str, str]) -> Iterator[str]:
    """Return what does not fit together, a sentence each."""
    for name, version in sorted(installed.items()):
        if name not in pins:
            yield f"{name} {version} is brought by the requirements and not pinned: add it to constraints.txt"
        elif pins[name] != version:
            yield f"{name} is pinned to {pins[name]}, and {version or 'nothing'} is installed"
    for name in sorted(pins.keys() - installed.keys()):
        yield f"{name} is pinned in constraints.txt and nothing brings it: take it out"


def withdrawn() -> list[str] | None:
    """Return the pinned versions that the package index calls withdrawn; None where it does not answer."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
    asked = [*command, "--report", "-", "--requirement", str(ROOT / "constraints.txt")]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=REGISTRY_SECONDS)  # noqa: S603 - only words of our own
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    chosen = json.loads(done.stdout)["install"]
    return [f"{one['metadata']['name']} {one['metadata']['version']}" for one in chosen if one.get("is_yanked")]


def main() -> int:
    """Print what was found; return 1 where something has to be done."""
    found = list(problems(pinned(), brought()))
    if "--registry" in sys.argv[1:]:
        answer = withdrawn()
        if answer is None:
            sys.stdout.write("The package index did not answer: whether a version was withdrawn is not known.\n")
        found += [f"{name} was withdrawn from the package index: choose another version" for name in answer or ()]
    for problem in found:
        sys.stdout.write(f"{problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
