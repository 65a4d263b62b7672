"""isogain.theory"""
