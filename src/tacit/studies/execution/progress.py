"""What people see while a study runs: bars in a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tacit.notebook import Live, bar
from tacit.studies.execution.job import Job
from tacit.studies.execution.runner import Watcher
from tacit.studies.shorter import LONG

SECONDS_BETWEEN_LINES = 10.0

SECONDS_BETWEEN_DRAWINGS = 0.3
"""In a notebook."""

SECONDS_TO_TELL = 3.0
"""Of work, before its rate is believed."""

SHARE_TO_TELL = 0.05
"""Of a job, before its own rate is."""


def duration(seconds: float) -> str:
    """
    >>> duration(42.4), duration(312), duration(7260)
    ('42 s', '5 min 12 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@dataclass
class Running:
    """A job at work: since when, and what share of it was done then and is done now."""

    job: Job
    since: float
    first: float | None = None
    share: float | None = None

    def to_go(self) -> float | None:
        """Seconds to its end at the rate at which it went until now; None while that is unknown."""
        spent = time.monotonic() - self.since
        if self.share is None or self.first is None or spent < SECONDS_TO_TELL:
            return None
        done = self.share - self.first
        return spent * (1 - self.share) / done if done >= SHARE_TO_TELL else None


class Remaining:
    """How much work is left, in the units of `Job.weight`, and how long it may take.

    Training and measuring go by rates of their own, so that no quick training promises a quick end
    of the questions; where one of them has no rate yet, nothing is promised of it. A job that says
    how far it is goes by its own rate; one that does not, and takes longer than foreseen, is taken
    to need half as long again as it has taken.
    """

    def __init__(self, jobs: tuple[Job, ...], finished: Collection[str]) -> None:
        self.jobs = len(jobs)
        self.finished = len(finished)
        self.left = {job.id: job for job in jobs if job.id not in finished}
        self.running: dict[str, Running] = {}
        self.seconds = dict.fromkeys(("train", "measure"), 0.0)
        self.work = dict.fromkeys(self.seconds, 0.0)
        self.longest, self.advised = 0.0, False

    def started(self, job: Job) -> None:
        self.running[job.id] = Running(job, time.monotonic())

    def progressed(self, job: Job, share: float) -> None:
        one = self.running.setdefault(job.id, Running(job, time.monotonic()))
        one.first = share if one.first is None else one.first
        one.share = max(one.share or 0.0, share)  # the parts of a job are guessed, and none undone

    def ended(self, job: Job, seconds: float) -> None:
        self.finished += 1
        self.left.pop(job.id, None)
        one = self.running.pop(job.id, None)
        before = (one and one.first) or 0.0  # of a job that went on where it had stopped
        self.seconds[job.kind] += seconds
        self.work[job.kind] += (1 - before) * weight(job)

    def text(self) -> str:
        """``12 of 40 jobs, about 3 min 10 s to go``; without a guess while there is no basis."""
        text = f"{self.finished} of {self.jobs} jobs"
        rates = {kind: rate for kind in self.seconds if (rate := self._rate(kind))}
        kinds = {job.kind for job in self.left.values()}
        told = kinds & rates.keys()
        if not told or (told != kinds and "train" not in told):
            return text
        seconds = self._to_go(rates, told)
        self.longest = max(self.longest, seconds)
        if told == kinds:
            return f"{text}, about {duration(seconds)} to go"
        return f"{text}, about {duration(seconds)} of training to go, then measuring"

    def advice(self) -> str:
        """What to do in place of a study that was told to take very long; "" else, and once."""
        if self.longest < LONG or self.advised:
            return ""
        self.advised = True
        return (
            "This takes long: --quick brings a first answer sooner, and --dry-run names options "
            "that do. What is done by now is used again whenever this command is."
        )

    def measuring(self, job: Job) -> str:
        """What is said of a job that measures: how far it is, and for how long it will."""
        if job.kind != "measure":
            return ""
        one = self.running.get(job.id)
        if one is None or one.share is None:
            seconds = self._rate(job.kind) * weight(job)
            return f"measuring, about {duration(seconds)}" if seconds else "measuring"
        text, seconds_left = f"measuring, {one.share:.0%}", one.to_go()
        if seconds_left is None:
            return text
        return f"{text}, about {duration(seconds_left)} to go"

    def _rate(self, kind: str) -> float:
        """Seconds for a unit of work; 0 while too little was done to tell."""
        seconds, work = self.seconds[kind], self.work[kind]
        for one in self.running.values():
            if one.job.kind == kind and one.share is not None and one.first is not None:
                seconds += time.monotonic() - one.since
                work += (one.share - one.first) * weight(one.job)
        return seconds / work if work and seconds > SECONDS_TO_TELL else 0.0

    def _to_go(self, rates: Mapping[str, float], kinds: Collection[str]) -> float:
        now, longest, whole = time.monotonic(), 0.0, 0.0
        for job in self.left.values():
            if job.kind not in kinds:
                continue
            seconds = rates[job.kind] * weight(job)
            one = self.running.get(job.id)
            own = None if one is None else one.to_go()
            if own is not None:
                seconds = own
            elif one is not None and one.share is not None:
                seconds *= 1 - one.share
            elif one is not None:
                spent = now - one.since
                seconds = max(seconds - spent, spent / 2)
            longest, whole = max(longest, seconds), whole + seconds
        return max(longest, whole / max(1, len(self.running)))


def weight(job: Job) -> float:
    """Of a job, which is at least some work."""
    return max(job.weight, 1.0)


class Lines:
    """One plain line when a job starts or ends, and every ten seconds where it stands."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.said = time.monotonic()
        self.remaining = Remaining((), ())

    def planned(self, jobs: tuple[Job, ...], finished: Collection[str]) -> None:
        self.remaining = Remaining(jobs, finished)
        if finished:
            self._say(f"{len(finished)} of {len(jobs)} jobs were done before and are used again")

    def started(self, job: Job) -> None:
        self.remaining.started(job)

    def progressed(self, job: Job, update: int, updates: int, loss: float) -> None:
        self.remaining.progressed(job, update / updates)
        if time.monotonic() - self.said > SECONDS_BETWEEN_LINES:
            said = self.remaining.measuring(job) or f"{position(job, update)}, loss {loss:.4g}"
            self._say(f"{job.label}: {said}; {self.remaining.text()}")

    def ended(self, job: Job, seconds: float, cause: str | None) -> None:
        self.remaining.ended(job, seconds)
        if cause is not None:
            self._say(f"FAILED {job.label}: {cause}")
        elif seconds > 2 or time.monotonic() - self.said > SECONDS_BETWEEN_LINES:
            self._say(f"{job.label}: done in {duration(seconds)}; {self.remaining.text()}")

    def noticed(self, text: str) -> None:
        self._say(f"NOTICED {text}")

    def _say(self, text: str) -> None:
        self.said = time.monotonic()
        for line in filter(None, (text, self.remaining.advice())):
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def position(job: Job, update: int) -> str:
    """Where a run stands: ``epoch 3 of 30``, or updates where labels are few."""
    schedule = job.task["schedule"]
    if job.task["few"]:
        return f"update {update} of {schedule['updates']}"
    batches = -(-schedule["n_images"] // schedule["batch_size"])
    return f"epoch {-(-update // batches)} of {-(-schedule['updates'] // batches)}"


class Bars:
    """A bar for every running job, and one for the whole."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}

    def planned(self, jobs: tuple[Job, ...], finished: Collection[str]) -> None:
        self.remaining = Remaining(jobs, finished)
        self.whole = self.progress.add_task(
            "study", total=len(jobs), completed=len(finished), said=""
        )

    def started(self, job: Job) -> None:
        self.remaining.started(job)
        self.tasks[job.id] = self.progress.add_task(
            escape(job.label), total=None, said=self.remaining.measuring(job)
        )

    def progressed(self, job: Job, update: int, updates: int, loss: float) -> None:
        self.remaining.progressed(job, update / updates)
        said = self.remaining.measuring(job) or f"{position(job, update)}  loss {loss:.4g}"
        self.progress.update(self.tasks[job.id], completed=update, total=updates, said=said)
        self.progress.update(self.whole, said=self.remaining.text())
        if advice := self.remaining.advice():
            self.progress.console.print(advice, markup=False)

    def ended(self, job: Job, seconds: float, cause: str | None) -> None:
        self.remaining.ended(job, seconds)
        self.progress.remove_task(self.tasks.pop(job.id))
        self.progress.update(self.whole, advance=1, said=self.remaining.text())
        if cause is not None:
            self.progress.console.print(f"[bold red]failed[/] {escape(job.label)}: {escape(cause)}")

    def noticed(self, text: str) -> None:
        self.progress.console.print(f"[bold yellow]noticed[/] {escape(text)}")


class Cell:
    """The same in a notebook: bars in one output, which is replaced as jobs go on."""

    def __init__(self, console: Console) -> None:
        self.console, self.live = console, Live()
        self.remaining = Remaining((), ())
        self.said: dict[str, str] = {}
        self.drawn = 0.0

    def planned(self, jobs: tuple[Job, ...], finished: Collection[str]) -> None:
        self.remaining = Remaining(jobs, finished)
        self._draw()

    def started(self, job: Job) -> None:
        self.remaining.started(job)
        self.said[job.id] = self.remaining.measuring(job)
        self._draw()

    def progressed(self, job: Job, update: int, updates: int, loss: float) -> None:
        self.remaining.progressed(job, update / updates)
        trained = f"{position(job, update)}, loss {loss:.4g}" if job.kind == "train" else ""
        self.said[job.id] = trained or self.remaining.measuring(job)
        if time.monotonic() - self.drawn > SECONDS_BETWEEN_DRAWINGS:
            self._draw()

    def ended(self, job: Job, seconds: float, cause: str | None) -> None:
        self.remaining.ended(job, seconds)
        self.said.pop(job.id, None)
        if cause is not None:
            self.noticed(f"failed {job.label}: {cause}")
        self._draw()

    def noticed(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def _draw(self) -> None:
        self.drawn, left = time.monotonic(), self.remaining
        bars = [bar(left.text(), left.finished / max(1, left.jobs))]
        for one in left.running.values():
            bars.append(bar(f"{one.job.label} {self.said.get(one.job.id, '')}", one.share))
        self.live.show("".join(bars))


@contextmanager
def reading(
    console: Console, doing: str = "reading images"
) -> Iterator[Callable[[int, int], None]]:
    """To be called with (done, total) while something is done with the images one after another.

    A bar in a terminal; elsewhere a plain line every ten seconds, and none where it is quick.
    """
    if console.is_terminal:
        columns = (*Progress.get_default_columns(), TextColumn("{task.completed:,.0f}"))
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(escape(doing), total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
        return
    began = said = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said > SECONDS_BETWEEN_LINES:
            said = now
            left = (now - began) * (total - done) / max(done, 1)
            text = f"{doing}: {done:,} of {total:,}, about {duration(left)} to go"
            console.print(text, markup=False, highlight=False)

    yield line


@contextmanager
def shown(console: Console) -> Iterator[Watcher]:
    """The way to show progress that fits the console."""
    if console.is_jupyter and not console.quiet:
        yield Cell(console)
        return
    if not console.is_terminal:
        yield Lines(console)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        transient=True,
    ) as progress:
        yield Bars(progress)
