"""Notes on a tenant's own words for STOP and START."""

from services.gateway.keywords.errors import BadWord
from tools.vestnik.openapi.note import Example, Json, Note, one

TAG = "Consents"
WORDS: Json = {
    "stop": ["Хватит писать"],
    "start": ["Пишите снова"],
    "confirmations": {"stopped": "Вы отписаны. Чтобы вернуться, напишите СТАРТ.", "started": None},
}

NOTES = {
    "GET /v1/keywords": Note(
        id="getKeywords",
        tag=TAG,
        summary="Read your keywords",
        ru="Ваши ключевые слова",
        description="Your own words. The built-in ones (STOP, СТОП, отписаться, START, СТАРТ, ...) always work too.",
        answers={200: one(WORDS)},
    ),
    "PUT /v1/keywords": Note(
        id="setKeywords",
        tag=TAG,
        summary="Set your keywords",
        ru="Задать ключевые слова",
        description="Replaces all of them. A word counts when it is the whole message. A person who stops is told so "
        "once, by us, in the open window and free of charge; then nothing goes out until the person writes again.",
        request={"words": Example(WORDS, "one word each, and a text of your own")},
        answers={200: one(WORDS)},
        failures=(BadWord,),
    ),
}
