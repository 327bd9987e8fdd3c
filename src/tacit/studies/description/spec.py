"""A study as data: what a YAML file may say, with every default."""

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from tacit.encoders.source import parse
from tacit.models.config import (
    AmortizedTable,
    ConvNetwork,
    GaussianTable,
    Learn,
    LikelihoodTable,
    Network,
    PerImageTable,
    PosteriorTable,
    ProjectorTable,
    Table,
)
from tacit.models.precision import Precision
from tacit.studies.description.errors import NAME
from tacit.training.objectives import ObjectiveTable
from tacit.training.objectives.tables import AnyObjectiveTable

MAX_RUNS, MAX_QUESTIONS = 500, 500

Count = Annotated[int, Field(ge=1, le=10**9)]
Name = Annotated[str, Field(pattern=NAME)]


class FewLabels(Table):
    """Learn from `per_class` images of each class, in `draws` different choices of them.

    A class that has fewer is a one (`refuse`), or all of it is learned from (`whole`).
    """

    per_class: Count
    draws: Annotated[int, Field(ge=1, le=1000)] = 1
    small_classes: Literal["refuse", "whole"] = "refuse"


class TakenPart(Table):
    """A part that comes from another run of the study; this is the edge of the graph."""

    source: Name = Field(alias="from")
    frozen: bool = False
    part: Literal["encoder", "probabilities", "decoder"] = "encoder"


class Pretrained(Table):
    """An encoder from elsewhere (`tacit.encoders.source`) in place of one of the study's own.

    Frozen it reads the original pictures by its own recipe; its features, less their mean and
    divided by their root mean square over the training images, are the code, whatever `latent_dim`
    says. Where it learns on (`learn: contrastive`, a network of timm) it reads the study's images,
    and codes are components of its features, as of a contrastive run's own network.
    """

    pretrained: str
    frozen: bool = True

    @field_validator("pretrained")
    @classmethod
    def _is_named(cls, text: str) -> str:
        parse(text)
        return text


def _is_pretrained(value: Any) -> str:
    named = isinstance(value, dict) and "pretrained" in value
    return "elsewhere" if named or isinstance(value, Pretrained) else "taken"


class Phase(Table):
    """So many epochs at one learning rate."""

    epochs: Count
    rate: Annotated[float, Field(gt=0, le=100)]


def _of_decoder(value: Any) -> Any:
    return {"part": "decoder"} | value if isinstance(value, dict) else value


class Run(Table):
    """One thing that is learned.

    Attributes:
        learn: what kind of model.
        network, latent_dim, likelihood, posterior: the model; `latent_dim` is the code's width.
        objective: what a VAE minimises, with β, or a contrastive model, with its views.
        projector: what stands between a contrastive model's codes and what it compares.
        output_bias: where the decoder's last bias starts.
        encoder, decoder: parts taken from another run; an encoder may be one from elsewhere.
        train: few labels; all training images where absent.
        epochs: passes over the training images.
        updates: train for at least so many updates, whatever `epochs` says.
        phases: in place of `epochs` and `rate`: epochs with a rate each, one after the other.
        evaluations: how often images are evaluated for the curves, at most, besides the snapshots.
        batch_size, rate, betas, eps, one_cycle: of Adam on the shared weights.
        cycle_share: how much of the updates of `one_cycle` is made; the rate goes as if all were.
        precision: in what updates take their products: "auto" is float32 on a CPU and bfloat16 on
            a GPU. Images are evaluated in float32 always.
        threads: of one job; a result depends on it, and not on how many jobs run at once.
        ranks: how many processes train it together, each with a share of every batch and threads
            of its own; the last digits of a result depend on it, and no job's name does.
    """

    learn: Learn
    network: Network = ConvNetwork()
    latent_dim: Annotated[int, Field(ge=1, le=65536)] = 16
    likelihood: LikelihoodTable = GaussianTable()
    posterior: PosteriorTable = AmortizedTable()
    objective: AnyObjectiveTable = ObjectiveTable()
    projector: ProjectorTable = ProjectorTable()
    output_bias: Literal["default", "training-mean"] = "default"
    encoder: (
        Annotated[
            Annotated[TakenPart, Tag("taken")] | Annotated[Pretrained, Tag("elsewhere")],
            Discriminator(_is_pretrained),
        ]
        | None
    ) = None
    decoder: Annotated[TakenPart, BeforeValidator(_of_decoder)] | None = None
    train: FewLabels | None = None
    epochs: Count = 10
    updates: Annotated[int, Field(ge=0, le=10**9)] = 0
    evaluations: Annotated[int, Field(ge=1, le=10_000)] | None = None
    batch_size: Count = 128
    rate: Annotated[float, Field(gt=0, le=100)] = 1e-3
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (
        0.9,
        0.999,
    )
    eps: Annotated[float, Field(gt=0, le=1)] = 1e-8
    one_cycle: bool = False
    cycle_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    phases: tuple[Phase, ...] = ()
    precision: Precision = "auto"
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    ranks: Annotated[int, Field(ge=1, le=4096)] = 1

    @property
    def draws(self) -> int:
        """How many choices of few labels there are; 1 where all images are learned from."""
        return self.train.draws if self.train else 1

    @property
    def taken(self) -> tuple[TakenPart, ...]:
        """The parts that come from other runs."""
        return tuple(part for part in (self.encoder, self.decoder) if isinstance(part, TakenPart))

    @property
    def taken_encoder(self) -> TakenPart | None:
        """The encoder, where it comes from another run."""
        return self.encoder if isinstance(self.encoder, TakenPart) else None

    @property
    def pretrained(self) -> str | None:
        """The encoder from elsewhere, by what names it; None where there is none."""
        return self.encoder.pretrained if isinstance(self.encoder, Pretrained) else None

    @property
    def reads_features(self) -> bool:
        """Whether it learns on features of an encoder from elsewhere, which stays as it is."""
        return self.pretrained is not None and self.learn != "contrastive"

    @model_validator(mode="before")
    @classmethod
    def _contrastive_by_default(cls, data: Any) -> Any:
        """What a contrastive run does not say is as was found to work for it (docs/views.md)."""
        if not (isinstance(data, dict) and data.get("learn") == "contrastive"):
            return data
        asked = data.get("objective", {})
        if isinstance(asked, dict) and "kind" not in asked:
            data = {**data, "objective": {"kind": "simclr", **asked}}
        own: dict[str, Any] = {"batch_size": 256}
        encoder, rate, updates = data.get("encoder"), 3e-3, 2000
        if _is_pretrained(encoder) == "elsewhere":
            own, rate, updates = {"batch_size": 64, "latent_dim": 64}, 3e-4, 300
            if isinstance(encoder, dict):
                data = {**data, "encoder": {"frozen": False, **encoder}}
        elif not encoder:  # else as the one it is taken from
            own |= {"network": {"kind": "resnet", "width": 16}, "latent_dim": 64}
        if not data.get("phases"):
            own |= {"rate": rate, "one_cycle": True}
            if not {"epochs", "updates"} & data.keys():
                own |= {"epochs": 1, "updates": updates}
        return own | data

    @model_validator(mode="after")
    def _views_belong(self) -> "Run":
        contrastive = self.learn == "contrastive"
        if contrastive and isinstance(self.objective, ObjectiveTable):
            raise ValueError(
                f"'{self.objective.kind}' is an objective of VAEs; 'contrastive' has simclr, "
                "vicreg and byol"
            )
        if not contrastive and not isinstance(self.objective, ObjectiveTable):
            raise ValueError(
                f"objective '{self.objective.kind}' belongs to 'contrastive', not to '{self.learn}'"
            )
        if not contrastive and self.projector != ProjectorTable():
            raise ValueError(f"a projector belongs to 'contrastive', not to '{self.learn}'")
        if contrastive and self.decoder:
            raise ValueError("a contrastive model has no decoder to take from another run")
        if contrastive and self.encoder and self.encoder.frozen:
            raise ValueError("with a frozen encoder a contrastive model would learn no code")
        return self

    @model_validator(mode="after")
    def _parts_belong(self) -> "Run":
        taken = self.taken_encoder
        if self.pretrained and self.learn == "vae":
            raise ValueError(
                "'vae' learns its own encoder; 'autoencoder' and 'classifier' learn on a frozen "
                "one from elsewhere, and 'contrastive' learns it on"
            )
        if self.pretrained and self.learn == "contrastive":
            if (kind := parse(self.pretrained).kind) != "timm":
                raise ValueError(
                    f"'{self.pretrained}' cannot learn on: what '{kind}' names has no weights that "
                    "can be trained; timm:NAME and timm:NAME@FILE have"
                )
        elif isinstance(self.encoder, Pretrained) and not self.encoder.frozen:
            raise ValueError(
                "encoder.frozen is false; an encoder from elsewhere stays as it is, 'contrastive' "
                "alone learns it on"
            )
        if self.learn == "classifier" and self.decoder:
            raise ValueError("a classifier has no decoder to take from another run")
        if isinstance(self.posterior, PerImageTable):
            if self.learn != "vae":
                raise ValueError(f"per-image posteriors belong to 'vae', not to '{self.learn}'")
            if self.encoder:
                raise ValueError("a per-image posterior has no encoder to take from another run")
        if taken and taken.part == "decoder":
            raise ValueError("an encoder cannot be taken from a part called 'decoder'")
        if taken and taken.part == "probabilities" and self.learn != "autoencoder":
            raise ValueError("class probabilities are read by 'autoencoder' alone")
        if self.decoder and self.decoder.part != "decoder":
            raise ValueError(f"a decoder cannot be taken from a part called '{self.decoder.part}'")
        if self.phases and (self.updates or self.one_cycle or self.train):
            raise ValueError(
                "phases say how long and at which rate: without updates, one_cycle, train"
            )
        if self.cycle_share < 1 and not self.one_cycle:
            raise ValueError(f"cycle_share is {self.cycle_share}, but there is no one_cycle")
        if self.network.kind == "pool" and self.learn in ("autoencoder", "vae"):
            raise ValueError("network 'pool' has no decoder; use 'conv', 'dense' or 'resnet'")
        return self

    @property
    def reads_class_labels(self) -> bool:
        """Whether training needs labels."""
        return self.learn == "classifier" or self.train is not None


class ImagesTable(Table):
    """Which images a study learns from; the command line's options replace these."""

    source: str = "digits"
    train_size: Count | None = None
    size: Count | None = None
    channels: Literal["gray", "rgb"] | None = None
    skip_bad: bool = False
    duplicates: Literal["keep", "remove"] = "keep"


class Study(Table):
    """Runs and questions as one graph.

    Attributes:
        title: what the study is about.
        expect: what a reader may expect, how long it takes, and the command.
        images, seeds, snapshots: shared by all runs; `snapshots` are epochs.
        runs: by name.
        questions: each a table with one key, the question's name, and its arguments.
        quick_without: runs that a quick look leaves out, unless they are asked for.
        cover: the name of a figure that stands on its question's card; by default the first does.
        origins: where a setting comes from ("the reports' text", "assumed: …"), by its path.
    """

    title: str
    expect: str = ""
    images: ImagesTable = ImagesTable()
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = (0,)
    snapshots: tuple[Count, ...] = ()
    runs: Annotated[dict[Name, Run], Field(max_length=MAX_RUNS)]
    questions: Annotated[tuple[dict[str, Any], ...], Field(max_length=MAX_QUESTIONS)] = ()
    quick_without: tuple[Name, ...] = ()
    cover: str = ""
    origins: dict[str, str] = Field(default_factory=dict)

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds:
            raise ValueError("there is no seed; name at least one")
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds {list(seeds)} hold one twice; a seed counts once")
        return seeds

    @model_validator(mode="after")
    def _leaves_out_what_is_there(self) -> "Study":
        for name in self.quick_without:
            if name not in self.runs:
                raise ValueError(
                    f"quick_without names '{name}'; the study's runs are {', '.join(self.runs)}"
                )
        return self

    @field_validator("questions")
    @classmethod
    def _one_name_each(cls, questions: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for table in questions:
            if len(table) != 1:
                raise ValueError(
                    f"a question is a table with one key, its name; this one has {list(table)}"
                )
        return questions
