"""Applies what people chose in WhatsApp itself, and their other numbers and BSUIDs."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import service as aliases
from services.consent.consents import service as consents
from services.consent.platform.metrics import PREFERENCES_UNUSED
from services.consent.windows import service as windows
from services.kernel.contracts import Event
from services.kernel.contracts.platform import PersonRenamed, PreferenceChanged

MARKETING = "marketing_messages"  # the one category that Meta documents (whatsapp-cloud-api 3.7)


async def prefer(connection: AsyncConnection, changed: Sequence[PreferenceChanged]) -> list[Event]:
    """A stop blocks marketing; resuming or signing up only lifts that block, whatever else the person stopped."""
    known = [one for one in changed if one.category == MARKETING]
    PREFERENCES_UNUSED.inc(len(changed) - len(known))
    signals = [
        (consents.block_by_preference if one.value == "stop" else consents.unblock)(
            one.tenant_id, one.person, one.id, one.occurred_at
        )
        for one in known
    ]
    return await consents.apply_signals(connection, signals)


async def rename(connection: AsyncConnection, renamed: Sequence[PersonRenamed]) -> None:
    """What restricts, and the windows, go along with the person; consents stay behind and end."""
    learnt = await aliases.move(connection, renamed)
    if learnt:
        await consents.merge(connection, learnt)
        await windows.merge(connection, learnt)
