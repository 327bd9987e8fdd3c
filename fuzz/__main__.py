"""Fuzz one reader with atheris: ``python -m fuzz TARGET [libFuzzer's options]``.

What is found is written to build/fuzz/TARGET/; a corpus that grows there is used again.
"""

import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

import tacit

READERS = ("images", "saved", "studies")
"""Rooms whose branches guide the fuzzer; to instrument the others too only takes time."""


def beside_readers() -> set[str]:
    """The modules of tacit that read no files."""
    root = Path(tacit.__file__).parent
    modules = {path.relative_to(root).with_suffix("").parts for path in root.rglob("*.py")}
    return {".".join(("tacit", *parts)) for parts in modules if parts[0] not in READERS}


with atheris.instrument_imports(
    include=["tacit", "ruamel", "PIL", "zipfile", "csv"], exclude=beside_readers()
):
    from fuzz.targets import TARGETS, Target

MEGABYTES, SECONDS = 1100, 20
"""Of one file: pictures of 64 million pixels may take 1 GB (docs/reliability.md). The limit of the
process is another one: it keeps some of what large pictures took, 1.1 GB after 800,000 of them."""


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"which target? {', '.join(TARGETS)}")
    name = sys.argv.pop(1)
    target = TARGETS[name]
    folder = Path("build/fuzz") / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = folder / "words.txt"
    words.write_text("".join(f'"{word}"\n' for word in sorted(vocabulary(target))))
    options = [
        f"-rss_limit_mb={8 * MEGABYTES}",
        f"-timeout={SECONDS}",
        f"-artifact_prefix={folder}/",
        f"-dict={words}",
        f"-max_len={4 * max(map(len, target.seeds()))}",
    ]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(corpus)], bounded(target))
    atheris.Fuzz()


def bounded(target: Target) -> Callable[[bytes], bool]:
    """The target, with a limit on what one file may add to the memory of this process."""

    def read(data: bytes) -> bool:
        before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        taken = target(data)
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if now > peak and now * 1024 - before > MEGABYTES * 2**20:
            raise MemoryError(f"one file took {(now * 1024 - before) >> 20} MB")
        return taken

    return read


def vocabulary(target: Target) -> set[str]:
    """The words of the valid files, which mutations put elsewhere."""
    found: set[bytes] = set()
    for seed in target.seeds():
        found.update(re.findall(rb"[A-Za-z_-]{3,20}", seed))
    return {word.decode() for word in found}


if __name__ == "__main__":
    main()
