"""Runs the operator's command."""

from tools.vestnik.cli import main

main()
