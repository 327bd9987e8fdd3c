"""Everything that tacit is held to in speed, side by side: ``make bench``.

    python -m benchmarks [ROW …] [--data-dir DIR] [--pythae install|none|DIR] [--quick]

Without names all rows are measured, in about half an hour of one core. Each side of a pair is a
process of its own with one thread; rounds alternate, and ratios are of processor time, so that
other programs count in less. With MNIST's four files in DIR the images are MNIST's, else noise of
the same shape, which is as fast and teaches nothing: the time to 99 % is then left out.

pythae 0.1.2 is put into `.benchmarks` on first use (a small download); a folder that holds it, or
"none", can be given in its place. Numbers go to a JSON file, where those of other rows, measured
before on as many images, stay; once all rows are there the table goes into `docs/performance.md`
(`--write` says where, and writes what there is).
"""

import argparse
import json
import os
import platform
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch

from benchmarks import accuracy, commands, epochs, heads, objective, per_image, rivals, samples
from benchmarks.pairing import Row
from benchmarks.settings import Settings
from benchmarks.table import shown, table, write_into

ROWS: dict[str, Callable[[Settings], list[Row]]] = {
    "mlp": epochs.mlp_rows,
    "conv": epochs.conv_rows,
    "objective": objective.rows,
    "heads": heads.rows,
    "per-image": per_image.rows,
    "log-prob": samples.rows,
    "accuracy": accuracy.rows,
    "accuracy-wall": accuracy.wall_rows,
    "start": commands.start_rows,
    "studies": commands.study_rows,
}


def machine() -> dict[str, str]:
    """What the numbers were taken on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = dict(re.findall(r"(?m)^(model name|cpu family|model)\s*: (.+)$", info.read_text()))
        if len(found) == 3:  # a name like "EPYC" is that of several processors
            name = f"{found['model name']} (family {found['cpu family']}, model {found['model']})"
    return {
        "processor": f"{name}, {os.cpu_count()} cores",
        "load": f"{os.getloadavg()[0]:.1f}",
        "PyTorch": torch.__version__,
        "Python": platform.python_version(),
        "date": date.today().isoformat(),
    }


def measured_before(file: Path, settings: Settings) -> dict[str, Any]:
    """What the file holds of the same images, by name of the rows."""
    if not file.exists() or settings.quick:
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    return found["rows"] if found.get("images") == source_of(settings) else {}


def source_of(settings: Settings) -> str:
    """Which images, and how many."""
    source = "MNIST" if settings.data_dir else "noise of MNIST's shape"
    quick = ", a quick run, whose numbers say nothing" if settings.quick else ""
    return f"{source}, {settings.images:,} an epoch{quick}"


def told(found: dict[str, Any], settings: Settings) -> str:
    """The table, with what it was taken on."""
    measured = {name: found[name] for name in ROWS if name in found}
    rows = [Row.from_json(row) for one in measured.values() for row in one["rows"]]
    machines = {
        "; ".join(f"{key} {value}" for key, value in one["machine"].items() if key != "load")
        for one in measured.values()
    }
    load = ", ".join(f"{name} {one['machine']['load']}" for name, one in measured.items())
    return (
        f"{table(rows)}\nImages: {source_of(settings)}. {'. '.join(sorted(machines))}. "
        f"Processes that ran, on average over the last minute of each: {load}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--data-dir", help="the folder of MNIST's four files")
    parser.add_argument("--pythae", default="install", help="install, none, or a folder")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each side (5)")
    parser.add_argument("--images", type=int, default=60_000, help="images of an epoch (60,000)")
    parser.add_argument("--quick", action="store_true", help="see that all of it runs")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    parser.add_argument("--write", type=Path, help="put the table between this document's marks")
    given = parser.parse_args()
    for name in given.rows:
        if name not in ROWS:
            parser.error(f"'{name}' is no row; choices: {', '.join(ROWS)}")
    settings = Settings(
        data_dir=given.data_dir,
        pythae=rivals.pythae_folder(given.pythae),
        images=1024 if given.quick else given.images,
        rounds=1 if given.quick else given.rounds,
        quick=given.quick,
    )
    found = measured_before(given.json, settings)
    for name in given.rows or ROWS:
        print(f"{name} …", flush=True)
        rows = []
        for row in ROWS[name](settings):
            rows.append(row.to_json())
            aim = "" if row.reached is None else f" {'reached' if row.reached else 'not reached'}"
            print(f"  {row.work}: {shown(row.value, row.unit)}{aim}", flush=True)
        # After each, so that what was measured is kept when a later one is stopped.
        found[name] = {"machine": machine(), "rows": rows}
        whole = {"images": source_of(settings), "rows": found}
        given.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    text = told(found, settings)
    print(f"\n{text}")
    document = given.write
    if document is None and set(found) == set(ROWS) and not given.quick:
        document = Path("docs/performance.md")
    if document is not None:
        write_into(document, text)


if __name__ == "__main__":
    main()
