"""Measures the speed, memory and energy of models and their peers, for `pytest --benchmark` and `make throughput`.

The timed code is the code of runs: the same training step, precision and layout. Each network is warmed up before the
clock starts, and the device is idle before the clock is read. Samples are kept unrounded.
"""
