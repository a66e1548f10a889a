"""The book says how many messages are between states, whichever of answer and callback comes first."""

import asyncio

from tests.chaos.load.book import Book, Said


def _status(message_id: str, status: str) -> dict[str, object]:
    return {"statuses": [{"id": message_id, "status": status}]}


def test_a_message_is_between_states_from_its_answer_until_its_last_word() -> None:
    book = Book(["big"])
    book.answer("big", "one", 1.0, is_silent=False)
    book.answer("big", "one", 2.0, is_silent=False)
    book.tell(_status("one", "sent"))
    assert book.between == 1
    assert book.answered == {"one": 1.0}
    book.tell(_status("one", "failed"))
    assert book.between == 0


def test_a_callback_before_the_answer_settles_and_neither_silent_people_nor_slow_endpoints_count() -> None:
    book = Book(["big"])
    book.tell(_status("early", "delivered"))
    book.answer("big", "early", 1.0, is_silent=False)
    book.answer("big", "silent", 1.0, is_silent=True)
    book.answer("slow", "waits for its endpoint", 1.0, is_silent=False)
    assert book.between == 0


async def test_a_text_is_heard_before_or_while_somebody_waits_for_it() -> None:
    book, value = Book(["big"]), {"messages": [{"from": "79990000001", "text": {"body": "Вопрос"}}]}
    said = Said.by("+79990000001", "Вопрос")
    assert not await book.hears(said, seconds=0.01)
    waiting = asyncio.create_task(book.hears(said, seconds=5))
    await asyncio.sleep(0)
    book.tell(value)
    assert await waiting
    assert await book.hears(said, seconds=0.01)
