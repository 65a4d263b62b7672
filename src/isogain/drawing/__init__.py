"""isogain.drawing"""
