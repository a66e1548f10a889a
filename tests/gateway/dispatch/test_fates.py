"""Every code of whatsapp-cloud-api section 4 has the fate that the table there gives it."""

import pytest

from services.gateway.dispatch.fates import Action, Parks, fate_of

# Transcribed from the table; codes that stand in a row with two fates are split.
AMBIGUOUS = (1, 2, 131000, 131016)
ALERT = (
    0, 190, 3, 10, *range(200, 300), 131005, 131048, 131064, 368, 131031, 33, 131037, 131042, 131044, 131045, 133010,
    133000, 133005, 133008, 133009, 134011, 134102, 141008, 141014, 2593107, 2593108,
)  # fmt: skip
FINAL = (
    130497, 100, 130403, 130472, 131008, 131009, 135000, 131021, 131026, 131030, 131047, 131049, 131050, 131051,
    131052, 131055, 131062, 131063, 132000, 132001, 132005, 132007, 132008, 132012, 132018, 132016, 132068, 133006,
    134100, 137000, *range(139000, 139007), 139100, 139101, 139102, 1752041,
    2388012, 2388019, 2388024, 2388039, 2388040, 2388047, 2388072, 2388073, 2388103, 2388293, 2388299, 2494100,
)  # fmt: skip
# code: seconds until the next attempt, after the first refusal
LATER = {
    130429: 1, 131053: 1, 139103: 1, 131056: 1, 133004: 1, 4: 60, 131057: 60, 80007: 300, 133015: 300, 134101: 600,
    132015: 3_600, 132069: 3_600, 133016: 259_200,
}  # fmt: skip
GROWING = (131056, 133004)
ATTEMPTS = (1, 2, 5, 100, 10_000)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_servers_that_failed_in_the_middle_leave_the_message_unknown(attempt: int) -> None:
    for code in (*AMBIGUOUS, -1, 5, 131001, 999_999):  # the last four stand in no table
        assert fate_of(code, attempt).action is Action.UNKNOWN, code


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_no_repetition_changes_fails(attempt: int) -> None:
    for code in FINAL:
        fate = fate_of(code, attempt)
        assert (fate.action, fate.is_alert) == (Action.FAIL, False), code


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_a_person_must_mend_waits_in_the_queue_and_calls(attempt: int) -> None:
    for code in ALERT:
        fate = fate_of(code, attempt)
        assert (fate.action, fate.is_alert, fate.delay(attempt)) == (Action.RETRY, True, 60), code


def test_what_passes_by_itself_is_tried_again_when_the_table_says() -> None:
    for code, seconds in LATER.items():
        fate = fate_of(code, 1)
        assert (fate.action, fate.is_alert, fate.delay(1)) == (Action.RETRY, False, seconds), code


def test_the_pauses_of_an_overloaded_or_crowded_pair_grow_by_four_up_to_a_limit() -> None:
    for code in GROWING:
        delays = [fate_of(code, attempt).delay(attempt) for attempt in (1, 2, 3, 4, 5, 6, 7, 10_000)]
        assert delays == [1, 4, 16, 64, 256, 1024, 1024, 1024], code
    for code in LATER.keys() - set(GROWING):
        assert fate_of(code, 2).delay(2) == LATER[code], code


def test_a_throttle_never_makes_a_message_fail_and_a_broken_upload_does_at_the_third_time() -> None:
    for code in LATER.keys() - {131053}:
        assert fate_of(code, 10_000).action is Action.RETRY, code
    assert [fate_of(131053, attempt).action for attempt in (1, 2, 3, 4)] == [Action.RETRY] * 2 + [Action.FAIL] * 2


def test_what_meta_refuses_of_a_number_parks_the_number_and_what_it_refuses_of_a_pair_the_pair() -> None:
    parks = {code: fate_of(code, 1).parks for code in range(140_000)}
    assert {code for code, what in parks.items() if what is Parks.PAIR} == {131056}
    number = {code for code, what in parks.items() if what is Parks.NUMBER}
    assert number >= {130429, 131057, 190, 131031, 133010}
    assert not number & {131042, 131048, 131047, 131026, 132015}  # replies may pass, or it is this message alone
    assert parks[131048] is parks[131042] is Parks.MAILINGS
