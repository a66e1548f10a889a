"""What each magic person does: the table behind `+7 999 7 000 0NN`."""

from typing import NamedTuple

from services.sandbox.scenarios.service import Scenario
from services.sandbox.scripts.service import Rule, Script, Step

PAUSE = 0.5
DAY_MS = 24 * 3600 * 1000


class Behaviour(NamedTuple):
    en: str
    ru: str
    scenario: Scenario | None = None
    script: Script | None = None


def _script(*steps: Step) -> Script:
    return Script(rules=[Rule(steps=list(steps))])


READ = Step(do="read", after_seconds=PAUSE)


def _reads_and(*steps: Step) -> Script:
    return _script(READ, *steps)


BEHAVIOURS: dict[int, Behaviour] = {
    1: Behaviour("sent, delivered, read", "отправлено, доставлено, прочитано", Scenario()),
    2: Behaviour("delivered, never read", "доставлено, не прочитано", Scenario(statuses=["sent", "delivered"])),
    3: Behaviour("read without delivered", "прочитано без «доставлено»", Scenario(statuses=["sent", "read"])),
    4: Behaviour("sent, and nothing more", "отправлено, и больше ничего", Scenario(statuses=["sent"])),
    5: Behaviour("never any status", "ни одного статуса", Scenario(statuses=[])),
    6: Behaviour(
        "delivered, then failed with 131026",
        "доставлено, затем failed 131026",
        Scenario(statuses=["sent", "delivered"], fail_code=131026),
    ),
    7: Behaviour("statuses in the wrong order", "статусы в обратном порядке", Scenario(status_order="reversed")),
    8: Behaviour("every status three times", "каждый статус трижды", Scenario(duplicate=3)),
    9: Behaviour(
        "statuses a day apart by their timestamps",
        "между статусами сутки по их времени",
        Scenario(status_delay_ms=DAY_MS, compress=86_400),
    ),
    10: Behaviour(
        "each webhook again after 5 and 30 s",
        "каждый вебхук повторяется через 5 и 30 с",
        Scenario(redeliver=(5.0, 30.0)),
    ),
    11: Behaviour(
        "statuses without biz_opaque_callback_data", "статусы без biz_opaque_callback_data", Scenario(nameless=True)
    ),
    12: Behaviour("a forged webhook before each real one", "перед каждым вебхуком поддельный", Scenario(forged=True)),
    20: Behaviour("answers after 3 s", "ответ через 3 с", Scenario(latency_ms=3_000)),
    21: Behaviour("accepted, the answer hangs for a minute", "принято, ответ висит минуту", Scenario(hang_ms=60_000)),
    22: Behaviour("accepted, the answer is lost (reset)", "принято, ответ потерян (сброс)", Scenario(drop="after")),
    23: Behaviour("reset before the acceptance", "сброс до принятия", Scenario(drop="before")),
    24: Behaviour("HTML 502, not accepted", "HTML 502, не принято", Scenario(html_502=True)),
    25: Behaviour(
        "HTML 502, accepted all the same", "HTML 502, но принято", Scenario(html_502=True, html_502_accepted=True)
    ),
    26: Behaviour(
        "templates are held for quality assessment",
        "шаблоны удержаны до оценки качества",
        Scenario(message_status="held_for_quality_assessment"),
    ),
    27: Behaviour("free-form needs no window", "окно не нужно", Scenario(window=False)),
    30: Behaviour(
        "replies after 1 s",
        "отвечает через 1 с",
        script=_reads_and(Step(do="text", text="Здравствуйте!", after_seconds=0.5, quote=True)),
    ),
    31: Behaviour(
        "presses the first button or row",
        "нажимает первую кнопку или строку",
        script=_reads_and(Step(do="button", after_seconds=PAUSE)),
    ),
    32: Behaviour("sends STOP", "присылает СТОП", script=_reads_and(Step(do="stop", text="СТОП", after_seconds=PAUSE))),
    33: Behaviour(
        "replies without a phone number (BSUID only)",
        "отвечает без номера (только BSUID)",
        Scenario(bsuid_only=True),
        _reads_and(Step(do="text", text="Здравствуйте!", after_seconds=PAUSE)),
    ),
    34: Behaviour(
        "reacts with 👍", "ставит 👍", script=_reads_and(Step(do="reaction", text="👍", after_seconds=PAUSE))
    ),
    35: Behaviour(
        "sends a picture",
        "присылает картинку",
        script=_reads_and(Step(do="image", text="Смотрите", after_seconds=PAUSE)),
    ),
    36: Behaviour(
        "sends a voice note", "присылает голосовое", script=_reads_and(Step(do="voice", after_seconds=PAUSE))
    ),
    37: Behaviour(
        "sends a document", "присылает документ", script=_reads_and(Step(do="document", after_seconds=PAUSE))
    ),
    38: Behaviour(
        "sends a location", "присылает геопозицию", script=_reads_and(Step(do="location", after_seconds=PAUSE))
    ),
    39: Behaviour("sends a contact", "присылает контакт", script=_reads_and(Step(do="contacts", after_seconds=PAUSE))),
    40: Behaviour(
        "writes and edits it",
        "пишет и правит",
        script=_reads_and(Step(do="text", text="Буду в пят"), Step(do="edit", text="Буду в пять", after_seconds=1)),
    ),
    41: Behaviour(
        "writes and takes it back",
        "пишет и удаляет",
        script=_reads_and(Step(do="text", text="Ошибка"), Step(do="revoke", after_seconds=1)),
    ),
    42: Behaviour("never reads", "никогда не читает", script=_script(Step(do="ignore"))),
}
