"""isogain.core"""
