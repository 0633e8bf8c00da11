"""Measures the speed, memory and energy of models beside their peers, for `pytest --benchmark` and `make throughput`.

The code that is timed is the code of runs: the same training step, precision and layout. Every network is warm before
the clock starts, the device has done its work before the clock is read, and samples are kept unrounded.
"""
