"""How long networks take: measured whole, or told beforehand as the sum of their pieces, each measured once a device.

A piece (the stem, a block, a pooling, the head) is timed alone, at the shape and in the memory layout in which it meets
its input in a network: torch's CPU convolutions leave channels_last for some shapes, and what follows then runs faster
or slower by a third. With that, sums are within a few percent of whole networks (`tests/benchmarks/bench_latency.py`),
and nothing is calibrated: what is told is the plain sum.
"""
