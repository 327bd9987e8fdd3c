"""What is installed on a machine, as far as results depend on it."""

from collections.abc import Iterator, Mapping


def installed() -> dict[str, str]:
    """Versions by package, and a hash of tacit's own code; "" where there is none.

    Self-contained, so that it can travel to where tacit is not installed; costs no heavy import.
    """
    import hashlib
    import platform
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec
    from pathlib import Path

    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for package in ("tacit", "torch", "numpy", "scipy", "scikit-learn"):
        try:
            found[package] = version(package).partition("+")[0]
        except PackageNotFoundError:
            found[package] = ""
    spec, code = find_spec("tacit"), hashlib.sha256()
    if spec is None or spec.origin is None:
        return found | {"tacit": "", "tacit's code": ""}
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*.py")):
        code.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return found | {"tacit's code": code.hexdigest()[:12]}


def versions(*packages: str) -> dict[str, str]:
    """Of packages that some work needs besides; "" where there is none."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> Iterator[str]:
    """What is otherwise there than here.

    >>> here = {"tacit": "0.1.0", "torch": "2.13.0"}
    >>> list(differences(here, {"tacit": "0.1.0", "torch": "2.12.0"}))
    ['torch is 2.12.0 there and 2.13.0 here']
    >>> list(differences(here, {"tacit": "", "torch": "2.13.0"}))
    ['tacit is not installed there']
    """
    for name, ours in here.items():
        theirs = there.get(name, "")
        if theirs == ours or (name == "tacit's code" and not there.get("tacit")):
            continue
        yield (
            f"{name} is {theirs} there and {ours} here"
            if theirs
            else (f"{name} is not installed there")
        )
