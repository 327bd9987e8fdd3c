"""All questions, by name. A new question is a file and a line here."""

from tacit.questions.base import Question
from tacit.questions.bound_by_stage import BoundByStage
from tacit.questions.classifier import ClassifierAccuracy
from tacit.questions.code_size import CodeSize
from tacit.questions.frozen_encoder import FrozenEncoder
from tacit.questions.generation import Generation
from tacit.questions.inference_gap import InferenceGapQuestion
from tacit.questions.inference_method import InferenceMethod
from tacit.questions.labels import Labels
from tacit.questions.labels_within import LabelsWithin
from tacit.questions.linear_layers import LinearLayers
from tacit.questions.log_probability import LogProbability
from tacit.questions.overfitting import Overfitting
from tacit.questions.prior import Prior
from tacit.questions.transfer import Transfer

QUESTIONS: dict[str, type[Question]] = {
    question.name: question
    for question in (
        BoundByStage,
        ClassifierAccuracy,
        CodeSize,
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
