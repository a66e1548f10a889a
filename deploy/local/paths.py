"""Where the embedded stack finds what it needs in the checkout."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
VAR = REPOSITORY / "var"
KAFKA_JARS = VAR / "kafka" / "lib"
KAFKA_FILES = REPOSITORY / "deploy" / "local" / "kafka"
