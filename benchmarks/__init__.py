"""What is measured, side by side in one run; `python -m benchmarks` prints a table and writes `benchmarks/results/`."""
