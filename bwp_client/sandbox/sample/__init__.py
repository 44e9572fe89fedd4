"""Realistic sample events."""
