"""Features of many pictures on the nodes of a cluster, shard by shard.

A shard is a task of Ray's, and not a block of `ray.data`: its pictures are a whole number of the
batches that one machine would make, so that features are the same to the bit; shards come home in
order and are kept at once, so that a killed command goes on from the last of them; and Ray's own
task needs neither pandas nor pyarrow.
"""

import tempfile
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayError, RaySystemError, RayTaskError

from tacit.encoders.base import Engine, Network
from tacit.encoders.making import BATCH, features_of, read
from tacit.encoders.opening import open_encoder
from tacit.encoders.source import parse
from tacit.errors import EncoderError, ImagesError
from tacit.images.originals import Originals
from tacit.studies.execution.executors.cluster.installed import differences, versions
from tacit.studies.execution.executors.cluster.parcels import Parcel, unpack

if TYPE_CHECKING:
    from tacit.studies.execution.executors.cluster.executor import Cluster

RETRIES = 3
"""So often a shard is begun again whose node or whose task was lost."""

PACKAGES = ("pillow", "timm", "onnxruntime")
"""Features depend on them, besides what all jobs depend on."""

AHEAD = 2
"""Times the nodes' cores: so many shards are under way or wait for those before them."""

SECONDS_TO_LISTEN = 0.2


@dataclass(frozen=True)
class Asked:
    """What makes the features.

    Attributes:
        source: what names the encoder, its file by its name alone.
        files: a reference to the encoder's files, as a parcel.
        key: of the encoder: another one is not used.
        engine: its name. device: "cpu" or "cuda".
        packages: versions at home.
    """

    source: str
    files: Any
    key: str
    engine: str
    device: str
    packages: Mapping[str, str]


@dataclass(frozen=True)
class Shard:
    """What became of a shard: its features, (n, D), or why there are none; and where."""

    node: str
    features: NDArray[np.float32] | None = None
    why: str = ""


_opened: dict[tuple[str, str, str], tuple[Network, Engine]] = {}
"""What this process of a node has opened: once, for all shards that it encodes."""


def encode(asked: Asked, pictures: Originals) -> Shard:
    """On a node: the features of these pictures."""
    node = ray.get_runtime_context().get_node_id()
    if unlike := "; ".join(differences(asked.packages, versions(*asked.packages))):
        return Shard(node, why=unlike)
    try:
        encoder, run = _open(asked, pictures)
        return Shard(node, features_of(run, encoder.about, pictures, range(len(pictures))))
    except (ImagesError, EncoderError) as error:
        return Shard(node, why=str(error))


def _open(asked: Asked, pictures: Originals) -> tuple[Network, Engine]:
    known = asked.key, asked.engine, asked.device
    if known not in _opened:
        with tempfile.TemporaryDirectory(prefix="tacit-encoder-") as place:
            unpack(ray.get(asked.files), Path(place))
            source = parse(asked.source)
            text = source.with_file(str(Path(place, str(source.file))))
            encoder: Any = open_encoder(text, asked.device)
            if encoder.about.key != asked.key:
                raise EncoderError(f"encoder '{encoder.about.name}' is another there than here")
            recipe = encoder.about.recipe
            rows = range(min(BATCH, len(pictures)))
            inputs = np.stack([read(pictures, i, recipe) for i in rows])
            _opened[known] = encoder, encoder.engine(asked.engine, inputs)
    return _opened[known]


@dataclass
class Waiting:
    """A shard under way: a reference to what becomes of it, and how often it was lost."""

    rows: Sequence[int]
    ref: Any
    lost: int = 0


@dataclass
class Encoding:
    """The nodes of a cluster as those that make features: `tacit.encoders.base.Nodes`."""

    cluster: "Cluster"
    encode: Any = field(default_factory=lambda: ray.remote(encode))

    def features(
        self, encoder: Network, engine: str, originals: Originals, shards: Sequence[Sequence[int]]
    ) -> Generator[NDArray[np.float32]]:
        """Features of each shard, in order.

        Raises:
            ImagesError: a picture cannot be read there. EncoderError: a node has other packages.
            ClusterLost: the cluster does not answer any more.
        """
        asked = self._asked(encoder, engine)
        left, waiting = deque(shards), deque[Waiting]()
        try:
            while left or waiting:
                while left and len(waiting) < self._room():
                    rows = left.popleft()
                    waiting.append(Waiting(rows, self._begin(asked, originals, rows)))
                first = waiting[0]
                self.cluster.look()
                ready, _ = ray.wait([first.ref], timeout=SECONDS_TO_LISTEN)
                if not ready:
                    continue
                found = self._taken(first)
                if found is None:
                    first.ref = self._begin(asked, originals, first.rows)
                    continue
                waiting.popleft()
                yield found
        finally:
            with suppress(RayError):
                for one in waiting:
                    ray.cancel(one.ref, force=True)

    def _asked(self, encoder: Network, engine: str) -> Asked:
        folder = encoder.files[0].parent
        files = {
            file.relative_to(folder).as_posix(): np.fromfile(file, np.uint8)
            for file in encoder.files
        }
        return Asked(
            parse(encoder.about.source).with_file(encoder.files[0].name),
            ray.put(Parcel(files)),
            encoder.about.key,
            engine,
            self.cluster.device,
            {name: found for name, found in versions(*PACKAGES).items() if found},
        )

    def _room(self) -> int:
        cores = sum(node.cores for node in self.cluster.nodes.values() if node.alive)
        return max(2, int(AHEAD * cores))

    def _begin(self, asked: Asked, originals: Originals, rows: Sequence[int]) -> Any:
        pictures = originals.carried(np.asarray(rows, np.int64), files=self.cluster.shared)
        on_gpu = asked.device != "cpu"
        # What is begun again is begun by hand, so that a picture that kills its reader ends.
        return self.encode.options(
            num_cpus=1, num_gpus=1 if on_gpu else 0, max_retries=0, name="features"
        ).remote(asked, pictures)

    def _taken(self, shard: Waiting) -> NDArray[np.float32] | None:
        """Its features; None where it was lost and is to be begun again."""
        try:
            found: Shard = ray.get(shard.ref)
        except (RayTaskError, RaySystemError) as error:
            cause = getattr(error, "cause", error)
            raise EncoderError(f"features: {type(cause).__name__}: {cause}") from None
        except RayError as error:
            shard.lost += 1
            if shard.lost > RETRIES:
                raise EncoderError(
                    f"features: a shard of {len(shard.rows):,} pictures was lost with its task "
                    f"{shard.lost} times ({type(error).__name__})"
                ) from None
            self.cluster.look(now=True)
            return None
        if found.features is None:
            raise EncoderError(f"{found.why} (on {self.cluster.name_of(found.node)})")
        return found.features
