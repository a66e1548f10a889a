"""Money as text: decimal strings at the edge, whole micro-units inside."""

from decimal import Decimal

MICROS = 1_000_000
DECIMALS = 6
DECIMALS_SHOWN = 2


def micros_from(amount: Decimal) -> int:
    """Whole micro-units of a decimal amount; ValueError when it is finer than a micro-unit or no number."""
    if not amount.is_finite() or amount != amount.quantize(Decimal(1).scaleb(-DECIMALS)):
        raise ValueError(f"an amount has at most {DECIMALS} decimals")
    return int(amount * MICROS)


def text_of(micros: int) -> str:
    """A decimal string with at least two decimals and as many of the six as it needs: "1000.00", "0.305"."""
    whole, fraction = divmod(abs(micros), MICROS)
    digits = f"{fraction:0{DECIMALS}d}".rstrip("0").ljust(DECIMALS_SHOWN, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{digits}"
