"""Benchmarks report; they assert nothing. Ratios within one run are what to quote."""
