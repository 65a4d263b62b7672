"""The models of other libraries, and what isogain does with them: see benchmarks/wild.py."""
