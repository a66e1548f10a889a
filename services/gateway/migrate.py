"""Bring the gateway's database to its newest schema: `python -m services.gateway.migrate`."""

from pathlib import Path

from services.kernel.migrate import migrate

MIGRATIONS = Path(__file__).parent / "migrations"

if __name__ == "__main__":
    migrate(MIGRATIONS)
