"""The speed benchmarks, run by `pytest --benchmark` and `make throughput`. What they show is in `docs/performance.md`.

They time the code that runs use: the same training loop, batches and renderer. Every benchmark warms up first, waits
for the device before it reads the clock, and keeps its samples unrounded in the JSON, next to `images_per_second`
(by the median round), the model's parameters and the threads.
"""
