"""Brings consent's database to its newest schema: `python -m services.consent.migrate`."""

from pathlib import Path

from services.kernel.migrate import migrate

MIGRATIONS = Path(__file__).parent / "migrations"

if __name__ == "__main__":
    migrate(MIGRATIONS)
