"""Labelled starts: broken ones with the code each must raise, healthy ones that must raise none."""
