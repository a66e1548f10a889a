"""Tests of the sandbox's slice platform."""
