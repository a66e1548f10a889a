"""Tests of the slice onboarding."""
