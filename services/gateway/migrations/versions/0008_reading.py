"""What the read side of messages needs, and the price a tenant is ready to pay."""

from services.kernel import migrate

revision = "0008_reading"
down_revision = "0007_platform"
branch_labels = None
depends_on = None

MAX_PRICE = "alter table messages add column max_price_micros bigint check (max_price_micros >= 0)"

# A person's messages, newest first. The hash is an eighth of the blind index; whoever uses it compares both.
OF_PERSON = """
create index messages_of_person on messages (tenant_id, hashtextextended(person, 0), id) where person is not null
"""


def upgrade() -> None:
    migrate.script(MAX_PRICE)
    migrate.script(OF_PERSON)
