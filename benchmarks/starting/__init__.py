"""The parts of benchmarks/starts.py: models, tasks, the starts compared, training, the store, the page."""
