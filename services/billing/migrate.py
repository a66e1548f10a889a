"""Bring billing's database to its newest schema: `python -m services.billing.migrate`."""

from pathlib import Path

from services.kernel.migrate import migrate

MIGRATIONS = Path(__file__).parent / "migrations"

if __name__ == "__main__":
    migrate(MIGRATIONS)
