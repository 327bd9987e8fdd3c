"""How well does a classifier do on images that it has not seen?"""

from typing import Annotated

from pydantic import Field

from tacit.questions.base import Learns, Question


class ClassifierAccuracy(Question):
    """Accuracy and cross-entropy on the test images after the last update, and by class.

    Attributes:
        run: a classifier.
        most_wrong: how many of the worst test images are shown.
    """

    name = "classifier"
    title = "Does the classifier work on unseen images?"
    asks = (
        "Does the classifier do better on images that it has not seen than one answer for all "
        "would, and how well?"
    )
    rules = ("train-test-gap", "harder-class", "one-class", "confidence")
    reads_features = True
    needs_labels = True
    weight = 0.5

    run: Annotated[str, Learns("classifier")]
    most_wrong: Annotated[int, Field(ge=1, le=60)] = 20
