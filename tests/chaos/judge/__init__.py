"""The judge of a chaos round: shares no code with the services and believes only what outsiders wrote down."""

from tests.chaos.judge.judgement import Report, judge
from tests.chaos.judge.offences import KINDS, Offence

__all__ = ["KINDS", "Offence", "Report", "judge"]
