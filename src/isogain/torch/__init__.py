"""isogain.torch"""
