"""What a VAE generates from N(0, I): how near to images it comes, and why it stays away."""

from typing import Annotated

from tacit.questions.base import Learns, Question


class Generation(Question):
    """Samples at the snapshots, their distance to images, and the codes' distance to the prior.

    Attributes:
        run: a VAE.
        classifier: whose features the distance is measured on beside a random network's; where
            the images have no labels there is none.
    """

    name = "generation"
    title = "Do samples pass for images?"
    asks = (
        "Does what the decoder makes of codes drawn from N(0, I) pass for images, and how near "
        "does it come to them?"
    )
    rules = ("told-from-images", "nearer-images")
    sources = (
        "Bińkowski et al. 2018 (kernel distance on features)",
        "Gretton et al. 2012 (MMD and its permutation null)",
        "Hoffman and Johnson 2016 (ELBO surgery)",
        "Poole et al. 2019 (both bounds on mutual information)",
        "Burda, Grosse and Salakhutdinov 2016 (active units)",
    )
    weight = 1.0

    run: Annotated[str, Learns("vae")]
    classifier: Annotated[str | None, Learns("classifier")] = None
