"""Violations: each breaks one promise in the plain history, and says which kind and about what."""

from collections.abc import Callable
from typing import NamedTuple

from tests.chaos.judge.planting import wrong_answers, wrong_callbacks, wrong_sends
from tests.chaos.judge.planting.tale import Tale


class Violation(NamedTuple):
    """`about` is the message, else the person's digits, else the tenant."""

    name: str
    kind: str
    about: str
    plant: Callable[[Tale], None]


# One of each kind is kept as files in planted/; the others are other ways to break the same promises.
COMMITTED = (
    Violation("lost", "lost", "fedor-1", wrong_sends.lost),
    Violation("stuck", "stuck", "fedor-1", wrong_sends.stuck),
    Violation("sent_twice", "sent_twice", "anna-1", wrong_sends.sent_twice),
    Violation("sent_unasked", "sent_unasked", "nobodys", wrong_sends.sent_unasked),
    Violation("charged_twice", "charged_twice", "anna-1", wrong_answers.charged_twice),
    Violation("charged_wrong", "charged_wrong", "fedor-1", wrong_answers.charged_undelivered),
    Violation("ledger", "ledger", "shop", wrong_answers.ledger),
    Violation("sent_after_stop", "sent_after_stop", "vera-0", wrong_sends.sent_after_stop),
    Violation("sent_after_stop_frozen", "sent_after_stop_frozen", "vera-0", wrong_sends.sent_after_stop_frozen),
    Violation("callbacks_missing", "callbacks_missing", "anna-1", wrong_callbacks.callbacks_missing),
    Violation("callback_id_changed", "callback_id_changed", "anna-1", wrong_callbacks.callback_id_changed),
    Violation("cross_tenant", "cross_tenant", "anna-1", wrong_callbacks.cross_tenant),
    Violation("disorder", "disorder", "boris-2", wrong_sends.disorder),
    Violation("regressed", "regressed", "anna-1", wrong_answers.regressed),
    Violation("contradicted", "contradicted", "fedor-1", wrong_answers.contradicted),
)
OTHERS = (
    Violation("stuck at sent", "stuck", "kira-1", wrong_sends.stuck_at_sent),
    Violation("sent before it was asked", "sent_unasked", "early", wrong_sends.sent_before_it_was_asked),
    Violation("sent in another form", "sent_unasked", "another-form", wrong_sends.sent_in_another_form),
    Violation("sent beside the answered one", "sent_unasked", "anna-0", wrong_sends.sent_beside_the_answered_one),
    Violation("sent to another person", "sent_unasked", "anna-1", wrong_sends.sent_to_another),
    Violation("sent without our id", "sent_unasked", "79990000021", wrong_sends.sent_without_id),
    Violation("one key, two messages", "sent_twice", "anna-2", wrong_sends.one_key_two_messages),
    Violation("sent after a refusal", "sent_unasked", "refused-one", wrong_sends.sent_after_a_refusal),
    Violation("a word confirmed twice", "sent_unasked", "vera-started-again", wrong_sends.confirmed_twice),
    Violation("delivered and not charged", "charged_wrong", "anna-1", wrong_answers.delivered_uncharged),
    Violation("charged another amount", "charged_wrong", "anna-1", wrong_answers.charged_another_amount),
    Violation("held though it failed", "ledger", "vera-1", wrong_answers.held_though_failed),
    Violation("long on its way", "sent_after_stop", "vera-0", wrong_sends.long_on_its_way),
    Violation("on a slow link", "sent_after_stop_frozen", "vera-0", wrong_sends.sent_after_stop_slowly),
    Violation("left in time", "sent_after_stop_frozen", "vera-0", wrong_sends.left_in_time),
    Violation("left too late", "sent_after_stop", "vera-0", wrong_sends.left_too_late),
    Violation("amid restarts", "sent_after_stop", "vera-0", wrong_sends.sent_amid_restarts),
    Violation("refused before the stop", "sent_after_stop", "vera-0", wrong_sends.refused_before_the_stop),
    Violation("sent after a withdrawal", "sent_after_stop", "boris-3", wrong_sends.sent_after_withdrawal),
    Violation("never answered 200", "callbacks_missing", "dima-1", wrong_callbacks.never_answered_200),
    Violation("a failure untold", "callbacks_missing", "vera-1", wrong_callbacks.failure_untold),
    Violation("words untold", "callbacks_missing", "79990000021", wrong_callbacks.words_untold),
    Violation("one event, two contents", "callback_id_changed", "anna-1", wrong_callbacks.callback_content_changed),
    Violation("words told twice", "callback_id_changed", "79990000002", wrong_callbacks.words_told_twice),
    Violation("told under another's number", "cross_tenant", "anna-1", wrong_callbacks.under_anothers_number),
    Violation("told to another under its own number", "cross_tenant", "anna-1", wrong_callbacks.under_own_number),
    Violation("charged to another tenant", "cross_tenant", "anna-1", wrong_answers.charged_to_another),
    Violation("shown to another tenant", "cross_tenant", "anna-1", wrong_answers.shown_to_another),
    Violation("listed to another tenant", "cross_tenant", "anna-1", wrong_answers.listed_to_another),
    Violation("from another's number", "cross_tenant", "anna-1", wrong_sends.from_anothers_number),
    Violation("told in disorder", "disorder", "anna-1", wrong_callbacks.told_in_disorder),
    Violation("forgotten", "regressed", "vera-1", wrong_answers.forgotten),
    Violation("told failed and under way", "regressed", "vera-1", wrong_answers.told_failed_and_under_way),
    Violation("failed though told delivered", "regressed", "anna-1", wrong_answers.failed_though_told_delivered),
    Violation("read, and Meta never said so", "contradicted", "anna-1", wrong_answers.invented),
)
