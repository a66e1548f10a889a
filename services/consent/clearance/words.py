"""A decision in words, English and Russian, for whoever has to understand it later (pure functions)."""

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from services.consent.clearance import rules
from services.consent.clearance.decisions import Decision
from services.consent.policy.service import Words

NO_RULE = Words(
    "operator's default",
    "no rule of the policy speaks about this kind of message, and what no rule allows is refused",
    "ни одно правило не говорит о таком сообщении, а что не разрешено правилом, то запрещено",
)

_PURPOSES = {
    "service": ("service messages", "сервисные сообщения"),
    "authentication": ("one-time codes", "одноразовые коды"),
    "marketing": ("advertising", "рекламу"),
}
#: Sources that we record ourselves; a tenant's own word stands for itself.
_SOURCES = {
    "keyword_stop": ("the person's STOP", "человек написал СТОП"),
    "keyword_start": ("the person's START", "человек написал СТАРТ"),
    "platform_error": ("Meta's report 131050", "отчёт Meta 131050"),
    "platform_preference": ("the person's choice in WhatsApp", "выбор человека в WhatsApp"),
    "number_changed": ("the person's change of number", "смена номера человеком"),
    "api": ("the tenant's API call", "вызов API клиента"),
}


class Said(NamedTuple):
    """The same in both languages."""

    text: str
    text_ru: str


class Step(NamedTuple):
    """One rule that was asked."""

    rule: str
    version: int
    outcome: Literal["allow", "refuse"]
    facts: dict[str, str]
    text: str
    text_ru: str


def steps_of(decision: Decision, words: Words | None) -> list[Step]:
    """The rules that were asked, in order; `words` are those of the policy rule, None where no rule spoke."""
    policy = _policy_step(decision, words or NO_RULE)
    return [policy] if decision.reason == "policy" else [policy, _ground_step(decision)]


def stop_of(stop: Decision, words: Words | None) -> Step:
    """Why a cleared message was stopped right before its call: the last rule that was asked then."""
    step = steps_of(stop, words)[-1]
    said = _after_verb(Said(step.text, step.text_ru))
    at = _moment(stop.decided_at)
    return step._replace(
        facts={**step.facts, "stopped_at": stop.decided_at.isoformat()},
        text=f"Stopped right before its call, at {at}: {said.text}",
        text_ru=f"Остановлено перед самой отправкой, {at}: {said.text_ru}",
    )


def _policy_step(decision: Decision, words: Words) -> Step:
    is_refused = decision.reason == "policy"
    name = decision.policy
    said = Said(
        f"{words.note_en} (rule {name}, {words.citation}).", f"{words.note_ru} (правило {name}, {words.citation})."
    )
    facts = {
        "policy_rule_id": decision.rule_id,
        "tenant_class": decision.tenant_class,
        "category": decision.category,
        "country": decision.country,
        "citation": words.citation,
    }
    return _step("policy", decision.rule_version, is_refused, facts, said)


def _ground_step(decision: Decision) -> Step:
    is_free_form = rules.is_free_form(decision.kind)
    names = ("last_inbound_at", "window_expires_at") if is_free_form else ("consent_id", "state", "since", "source")
    if decision.reason == "withdrawn":
        names = (*names, "last_withdrawn_at")
    known = {name: getattr(decision, name) for name in names}
    facts = {name: _plain(value) for name, value in known.items() if value is not None}
    said = _window(decision) if is_free_form else _consent(decision)
    return _step(rules.basis_of(decision.kind), rules.RULES_VERSION, decision.code is not None, facts, said)


def _consent(decision: Decision) -> Said:
    purpose = _PURPOSES[decision.purpose]
    since = _moment(decision.since)
    match decision.state:
        case "given":
            by = _by(decision.source, "", "")
            return Said(
                f"consent to {purpose[0]} given {since}{by.text} (record {decision.consent_id}).",
                f"согласие на {purpose[1]} дано {since}{by.text_ru} (запись {decision.consent_id}).",
            )
        case "withdrawn":
            at, by = _moment(decision.last_withdrawn_at), _by(decision.source, ", ", ", ")
            return Said(
                f"consent to {purpose[0]} was withdrawn at {at}{by.text}.",
                f"согласие на {purpose[1]} отозвано {at}{by.text_ru}.",
            )
    return Said(
        f"nobody ever recorded that this person agreed to {purpose[0]}.",
        f"нет записи о том, что человек согласился на {purpose[1]}.",
    )


def _window(decision: Decision) -> Said:
    wrote, until = _moment(decision.last_inbound_at), _moment(decision.window_expires_at)
    if decision.reason == "withdrawn":
        at = _moment(decision.last_withdrawn_at)
        return Said(
            f"the person withdrew at {at} and has not written since.",
            f"человек отказался от сообщений {at} и с тех пор не писал.",
        )
    if decision.window_expires_at is None:
        return Said(
            "the person never wrote to this number, so there is no window: send a template.",
            "человек не писал на этот номер, окно не открыто: отправьте шаблон.",
        )
    if decision.code is not None:
        return Said(
            f"the person last wrote at {wrote}, and the window closed at {until}: send a template.",
            f"человек писал последний раз {wrote}, окно закрылось {until}: отправьте шаблон.",
        )
    if decision.origin == "confirmation":
        return Said(
            f"the one answer to the person's own word of {wrote}; after a STOP nothing else passes.",
            f"единственный ответ на слово самого человека от {wrote}; после СТОП больше ничего не уходит.",
        )
    return Said(
        f"the person wrote at {wrote}, and the window is open until {until}.",
        f"человек написал {wrote}, окно открыто до {until}.",
    )


def _step(rule: str, version: int, is_refused: bool, facts: dict[str, str], said: Said) -> Step:
    verbs = ("Refused", "Отказано") if is_refused else ("Allowed", "Разрешено")
    outcome: Literal["allow", "refuse"] = "refuse" if is_refused else "allow"
    return Step(rule, version, outcome, facts, f"{verbs[0]}: {said.text}", f"{verbs[1]}: {said.text_ru}")


def _after_verb(said: Said) -> Said:
    return Said(*(text.partition(": ")[2] for text in said))


def _by(source: str | None, before: str, before_ru: str) -> Said:
    if source is None:
        return Said("", "")
    known = _SOURCES.get(source)
    if known is None:
        return Said(f"{before or ' by '}{source}", f"{before_ru or ' через '}{source}")
    return Said(f"{before or ', '}{known[0]}", f"{before_ru or ', '}{known[1]}")


def _moment(at: datetime | None) -> str:
    return "an unknown moment" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
