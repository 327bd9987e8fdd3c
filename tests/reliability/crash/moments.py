"""Kill the command at random moments, go on, and compare.

    python tests/reliability/crash/moments.py [--kills 50] [--studies NAME,…] [--seed 0]

The command runs as people run it, with its forking process and two jobs at once, but with a
checkpoint ten times a second. Its whole process group is killed at a moment drawn at random, and
what is unfinished is torn in half; so again, up to five times, and then it is left to end. Every
file must then be that of a study that was never disturbed, and no finished job done again.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from small import STUDIES, content, sealed
from sweep import differences, tear

# Other modules are found beside this file, which is run as a script.
from commands import ends, kill_group, start, until

MOST_KILLS = 5


def begun(folder: Path) -> bool:
    return (folder / ".lock").exists()


def run_whole(study: Path, out: Path) -> float:
    """Run the command to its end; returns for how long it worked in its folder."""
    process = start(study, out, "--jobs", "2", often=0.1)
    until(lambda: begun(out / study.stem), process)
    began = time.monotonic()
    said, _ = process.communicate(timeout=1200)
    if process.returncode:
        raise AssertionError(f"{study.stem} ended with {process.returncode}:\n{said}")
    return time.monotonic() - began


def disturbed(
    study: Path, place: Path, kills: int, seconds: float, expected: dict[str, str],
    chance: random.Random,
) -> tuple[int, list[str]]:  # fmt: skip
    """One study killed up to `kills` times; how often it was, and what is wrong after it."""
    shutil.rmtree(place, ignore_errors=True)
    folder, done, killed = place / study.stem, {}, 0
    for _ in range(kills):
        process = start(study, place, "--jobs", "2", often=0.1)
        until(lambda: begun(folder), process)
        time.sleep(chance.uniform(0, seconds))
        if process.poll() is not None:
            process.communicate()
            break
        kill_group(process)
        process.communicate()
        assert ends(process)
        killed += 1
        tear(folder)
        again = sealed(folder)
        errors = [f"{path} was done again" for path in done if again.get(path) != done[path]]
        if errors:
            return killed, errors
        done = again
    run_whole(study, place)
    return killed, differences(folder, expected, done)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many kills at least")
    parser.add_argument("--studies", default=",".join(STUDIES), help="separated by commas")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    names = options.studies.split(",")
    each = -(-options.kills // len(names))
    errors, total = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            study = Path(scratch, f"{name}.yaml")
            study.write_text(STUDIES[name])
            seconds = run_whole(study, Path(scratch, "whole"))
            expected = content(Path(scratch, "whole", name))
            killed = 0
            while killed < each:
                now, found = disturbed(
                    study, Path(scratch, "killed"), min(MOST_KILLS, each - killed), seconds,
                    expected, chance,
                )  # fmt: skip
                killed += now
                errors += [f"{name}: {error}" for error in found]
            total += killed
            print(f"{name}: killed at {killed} random moments, {len(errors)} errors", flush=True)
    print(f"{total} random moments in all")
    for error in errors:
        print("FAULT", error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
