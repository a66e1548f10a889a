"""Tests of the sandbox's slice webhooks."""
