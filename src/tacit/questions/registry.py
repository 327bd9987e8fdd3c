"""All questions, by name. A new question is a file and a line here."""

from tacit.questions.base import Question
from tacit.questions.frozen_encoder import FrozenEncoder
from tacit.questions.generation import Generation
from tacit.questions.prior import Prior

QUESTIONS: dict[str, type[Question]] = {
    question.name: question for question in (FrozenEncoder, Generation, Prior)
}
