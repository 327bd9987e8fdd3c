"""A Ray cluster of a head and two nodes, all on this machine."""

from contextlib import suppress
from pathlib import Path
from typing import Any

OFTEN = """
import importlib.abc, importlib.util, math, sys

class Often(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "tacit.training.checkpoint":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        def load_changed(module):
            load(module)
            module.SECONDS_BETWEEN_CHECKPOINTS, module.SHARE_OF_TIME = 0.1, math.inf
        spec.loader.exec_module = load_changed
        return spec

sys.meta_path.insert(0, Often())
"""
"""Jobs on the nodes keep their state every tenth of a second."""

ENCODERS = Path(__file__).parents[2] / "encoders"
TIMM = f"""
class Declared(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "timm":
            sys.meta_path.remove(self)
            sys.path.append({str(ENCODERS)!r})
            from torchvision_operators import declare
            declare()

sys.meta_path.insert(0, Declared())
"""
"""timm is imported on the nodes whatever build torchvision is of."""


class Two:
    """A head without cores for jobs, and the nodes `one` and `two` with a core each."""

    def __init__(self, place: Path) -> None:
        from ray.cluster_utils import Cluster

        (place / "sitecustomize.py").write_text(OFTEN + TIMM)
        self.path, self.temporary = str(place), place / "tmp"
        self.temporary.mkdir()
        self.environment = {
            "PYTHONPATH": self.path, "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        head = {"num_cpus": 0, "object_store_memory": 2**27, "node_name": "head"}
        self.cluster = Cluster(
            initialize_head=True, head_node_args={**head, "env_vars": self.environment}
        )
        self.address = self.cluster.address
        self.nodes: dict[str, Any] = {}
        for name in ("one", "two"):
            self.add(name)

    def add(self, name: str, **has: Any) -> None:
        self.nodes[name] = self.cluster.add_node(
            node_name=name,
            object_store_memory=2**27,
            env_vars=self.environment,
            **{"num_cpus": 1, **has},
        )

    def remove(self, name: str) -> None:
        self.cluster.remove_node(self.nodes.pop(name), allow_graceful=False)

    def has(self, process: int) -> bool:
        """Whether a process of this machine is one of these nodes', and not another test's."""
        try:
            return (
                f"PYTHONPATH={self.path}\0".encode()
                in Path(f"/proc/{process}/environ").read_bytes()
            )
        except OSError:
            return False

    def titled(self, name: str) -> list[int]:
        """Ray's workers that do the job of that name."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if path.read_bytes().startswith(f"ray::{name}".encode()):
                    found.append(int(path.parent.name))
        return [process for process in found if self.has(process)]
