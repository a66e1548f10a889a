"""Quotes: what a message would cost now, without setting anything aside."""
