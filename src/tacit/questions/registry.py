"""All questions, by name. A new question is a file and a line here."""

from tacit.questions.base import Question
from tacit.questions.bound_by_stage.question import BoundByStage
from tacit.questions.classifier.question import ClassifierAccuracy
from tacit.questions.code_size.question import CodeSize
from tacit.questions.compare.question import Compare
from tacit.questions.effective_rank.question import EffectiveRank
from tacit.questions.encoders.question import Encoders
from tacit.questions.frozen_encoder.question import FrozenEncoder
from tacit.questions.generation.question import Generation
from tacit.questions.inference_gap.question import InferenceGapQuestion
from tacit.questions.inference_method.question import InferenceMethod
from tacit.questions.label_efficiency.question import Labels
from tacit.questions.labels_within.question import LabelsWithin
from tacit.questions.linear_layers.question import LinearLayers
from tacit.questions.log_probability.question import LogProbability
from tacit.questions.overfitting.question import Overfitting
from tacit.questions.prior.question import Prior
from tacit.questions.transfer.question import Transfer

QUESTIONS: dict[str, type[Question]] = {
    question.name: question
    for question in (
        BoundByStage,
        ClassifierAccuracy,
        CodeSize,
        Compare,
        EffectiveRank,
        Encoders,
        FrozenEncoder,
        Generation,
        InferenceGapQuestion,
        InferenceMethod,
        Labels,
        LabelsWithin,
        LinearLayers,
        LogProbability,
        Overfitting,
        Prior,
        Transfer,
    )
}
