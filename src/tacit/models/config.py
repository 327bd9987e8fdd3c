"""A model as data: what `build` needs to put its parts together again."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from tacit.models.likelihoods import Bernoulli, Gaussian, Likelihood
from tacit.models.models import VAE, Autoencoder, Classifier, Contrastive, Model
from tacit.models.networks import (
    ClassProbabilities,
    ConvDecoder,
    ConvEncoder,
    Decoder,
    DenseDecoder,
    DenseEncoder,
    Encoder,
    GivenCodes,
    Head,
    PoolEncoder,
    Projector,
)
from tacit.models.posteriors import Amortized, PerImage, Posterior
from tacit.models.pretrained import PretrainedEncoder
from tacit.models.residual import Places, ResEncoder
from tacit.streams import float32_by_default


class Table(BaseModel):
    """A table of a study or configuration file: unknown keys, NaN and infinity are errors."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, frozen=True, populate_by_name=True
    )


def named(value: Any) -> Any:
    """Allow ``network: dense`` for ``network: {kind: dense}``."""
    return {"kind": value} if isinstance(value, str) else value


class OrItsKind:
    """Of a table that `named` may stand for: its schema, for editors, knows the names too."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        table = handler(core_schema)
        kinds = list(table.get("discriminator", {}).get("mapping", {}))
        return {"anyOf": [table, {"enum": kinds}]}


Width = Annotated[int, Field(ge=1, le=65536)]


class ConvNetwork(Table):
    """`ConvEncoder` and `ConvDecoder`; `hidden: null` leaves the middle linear layer out."""

    kind: Literal["conv"] = "conv"
    hidden: Annotated[int, Field(ge=1, le=65536)] | None = 256

    def encoder(self, shape: tuple[int, int, int], latent_dim: int) -> Encoder:
        return ConvEncoder(shape, latent_dim, hidden=self.hidden)

    def decoder(self, shape: tuple[int, int, int], latent_dim: int) -> Decoder:
        return ConvDecoder(shape, latent_dim, hidden=self.hidden)


class DenseNetwork(Table):
    """`DenseEncoder` and `DenseDecoder`."""

    kind: Literal["dense"] = "dense"
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], Field(max_length=64)] = (
        512,
    )
    activation: Literal["relu", "tanh", "gelu"] = "relu"

    def encoder(self, shape: tuple[int, int, int], latent_dim: int) -> Encoder:
        return DenseEncoder(shape, latent_dim, hidden=self.hidden, activation=self.activation)

    def decoder(self, shape: tuple[int, int, int], latent_dim: int) -> Decoder:
        return DenseDecoder(shape, latent_dim, hidden=self.hidden, activation=self.activation)


class PoolNetwork(Table):
    """`PoolEncoder`: a classification network without a mirrored decoder."""

    kind: Literal["pool"] = "pool"
    channels: tuple[Width, Width] = (24, 32)

    def encoder(self, shape: tuple[int, int, int], latent_dim: int) -> Encoder:
        return PoolEncoder(shape, latent_dim, channels=self.channels)

    def decoder(self, shape: tuple[int, int, int], latent_dim: int) -> Decoder:
        raise ValueError("network 'pool' has no decoder; 'conv' and 'dense' have one")


class ResNetwork(Table):
    """`ResEncoder`, with the decoder of `ConvNetwork` where a model needs one."""

    kind: Literal["resnet"] = "resnet"
    width: Annotated[int, Field(ge=1, le=4096)] = 24
    places: Places = "kept"

    def encoder(self, shape: tuple[int, int, int], latent_dim: int) -> Encoder:
        return ResEncoder(shape, latent_dim, width=self.width, places=self.places)

    def decoder(self, shape: tuple[int, int, int], latent_dim: int) -> Decoder:
        return ConvDecoder(shape, latent_dim)


Network = Annotated[
    Annotated[ConvNetwork | DenseNetwork | PoolNetwork | ResNetwork, Field(discriminator="kind")],
    BeforeValidator(named),
    OrItsKind(),
]


Side = Annotated[int, Field(ge=1, le=2**24)]


class TimmNetwork(Table):
    """`PretrainedEncoder`: an architecture of timm, whose weights came from elsewhere.

    A study says `encoder: {pretrained: …}`, and the encoder that this names says the rest.
    """

    kind: Literal["timm"] = "timm"
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,100}$")]
    n_features: Width
    size: tuple[Side, Side]
    mean: Annotated[tuple[float, ...], Field(min_length=1, max_length=3)]
    sd: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1, max_length=3)]

    def encoder(self, shape: tuple[int, int, int], latent_dim: int) -> Encoder:
        return PretrainedEncoder(
            shape,
            latent_dim,
            model=self.model,
            n_features=self.n_features,
            size=self.size,
            mean=self.mean,
            sd=self.sd,
        )

    def decoder(self, shape: tuple[int, int, int], latent_dim: int) -> Decoder:
        raise ValueError(f"network '{self.model}' of timm has no decoder")


AnyNetwork = Annotated[
    Annotated[
        ConvNetwork | DenseNetwork | PoolNetwork | ResNetwork | TimmNetwork,
        Field(discriminator="kind"),
    ],
    BeforeValidator(named),
]
"""What a run may say as its network, and what `encoder: {pretrained: …}` brings."""


class GaussianTable(Table):
    """`Gaussian`, σ on the scale of pixels in [0, 1]."""

    kind: Literal["gaussian"] = "gaussian"
    sigma: Annotated[float, Field(gt=0, le=10)] = 0.2
    learned: bool = False
    link: Literal["sigmoid", "identity"] = "sigmoid"

    def build(self) -> Likelihood:
        return Gaussian(self.sigma, learned=self.learned, link=self.link)


class BernoulliTable(Table):
    """`Bernoulli`, with what is done about grey pixels."""

    kind: Literal["bernoulli"] = "bernoulli"
    binarize: Literal["dynamic", "threshold", "none"] = "dynamic"

    def build(self) -> Likelihood:
        return Bernoulli(self.binarize)


LikelihoodTable = Annotated[
    Annotated[GaussianTable | BernoulliTable, Field(discriminator="kind")],
    BeforeValidator(named),
    OrItsKind(),
]


class AmortizedTable(Table):
    """`Amortized`: one encoder for all images."""

    kind: Literal["amortized"] = "amortized"


class PerImageTable(Table):
    """`PerImage`, and how its rows are trained.

    `updates` counts a row's updates per visit: all but the last leave the decoder as it is.
    """

    kind: Literal["per-image"] = "per-image"
    mean_std: Annotated[float, Field(ge=0, le=100)] = 1.0
    log_var: Annotated[float, Field(ge=-20, le=20)] = 0.0
    rate: Annotated[float, Field(gt=0, le=10)] = 0.05
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (
        0.9,
        0.99,
    )
    updates: Annotated[int, Field(ge=1, le=1000)] = 1


PosteriorTable = Annotated[
    Annotated[AmortizedTable | PerImageTable, Field(discriminator="kind")],
    BeforeValidator(named),
    OrItsKind(),
]


class ProjectorTable(Table):
    """`Projector`: what stands between features and what a contrastive model compares."""

    hidden: Width = 256
    out: Width = 64


Learn = Literal["autoencoder", "vae", "classifier", "contrastive"]


class ModelConfig(Table):
    """Everything that says which model this is, apart from its weights.

    `code_is` is "probabilities" where an autoencoder reads a classifier's class probabilities
    instead of its code. `projector` is a contrastive model's, and `momentum` that of its averages,
    where it keeps some. `features` says whose features an encoder from elsewhere gives in place of
    a code, and `blank` what share of a classifier's answers tells nothing.
    """

    learn: Learn
    shape: tuple[Side, Side, Side]
    latent_dim: Annotated[int, Field(ge=1, le=65536)]
    n_classes: Annotated[int, Field(ge=0)] = 0
    n_images: Annotated[int, Field(ge=0)] = 0
    network: AnyNetwork = ConvNetwork()
    likelihood: LikelihoodTable = GaussianTable()
    posterior: PosteriorTable = AmortizedTable()
    code_is: Literal["code", "probabilities"] = "code"
    projector: ProjectorTable | None = None
    momentum: Annotated[float, Field(ge=0, le=1)] | None = None
    features: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    blank: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _classes_named(self) -> Self:
        if not self.n_classes and (self.learn == "classifier" or self.code_is == "probabilities"):
            raise ValueError("n_classes is 0; what tells classes apart has at least one")
        return self

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What only some models have stays unsaid elsewhere: jobs keep their names."""
        table: dict[str, Any] = dump(self)
        some = ("projector", "momentum", "features", "blank")
        absent = [key for key in some if getattr(self, key) is None]
        return {key: value for key, value in table.items() if key not in absent}


@float32_by_default()
def build(config: ModelConfig) -> Model:
    """A new model with weights from the global generator (`seeded_initialisation` seeds it).

    The decoder is built first, so that two VAEs of one seed that differ in their posterior alone
    start from the same decoder; and an encoder before what reads its code.

    Raises:
        ValueError: where the network has no decoder and the model needs one.
    """
    if config.learn == "classifier":
        encoder = _encoder(config)
        return Classifier(encoder, Head(config.latent_dim, config.n_classes, config.blank or 0.0))
    if config.learn == "contrastive":
        return _contrastive(config)
    reads_probabilities = config.code_is == "probabilities"
    n_read = config.n_classes if reads_probabilities else config.latent_dim
    decoder = config.network.decoder(config.shape, n_read)
    if config.learn == "vae":
        return VAE(_posterior(config), decoder, config.likelihood.build())
    if reads_probabilities:
        encoder = config.network.encoder(config.shape, config.latent_dim)
        probabilities = ClassProbabilities(encoder, Head(config.latent_dim, config.n_classes))
        return Autoencoder(probabilities, decoder, config.likelihood.build())
    return Autoencoder(_encoder(config), decoder, config.likelihood.build())


def _encoder(config: ModelConfig) -> Encoder | GivenCodes:
    if config.features is not None:
        return GivenCodes(config.features, config.latent_dim)
    return config.network.encoder(config.shape, config.latent_dim)


def _contrastive(config: ModelConfig) -> Contrastive:
    encoder = config.network.encoder(config.shape, config.latent_dim)
    table = config.projector or ProjectorTable()
    projector = Projector(encoder.n_features, hidden=table.hidden, out=table.out)
    if config.momentum is None:
        return Contrastive(encoder, projector)
    predictor = Projector(table.out, hidden=table.hidden, out=table.out)
    return Contrastive(encoder, projector, predictor, config.momentum)


def _posterior(config: ModelConfig) -> Posterior:
    table = config.posterior
    if isinstance(table, PerImageTable):
        return PerImage(
            config.n_images, config.latent_dim, mean_std=table.mean_std, log_var=table.log_var
        )
    return Amortized(config.network.encoder(config.shape, config.latent_dim))
