"""All questions, by name. A new question is a file and a line here."""

from tacit.questions.base import Question

QUESTIONS: dict[str, type[Question]] = {
    question.name: question
    for question in ()
}
