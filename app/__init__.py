"""Understudy: digital replicas act only by contract, and every second is paid."""
