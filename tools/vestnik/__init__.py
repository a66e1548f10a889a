"""The operator's command: `python -m tools.vestnik ...`."""
