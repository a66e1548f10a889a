"""Tests of the simulated Meta: a real process on a free port, and a real receiver of its webhooks."""
