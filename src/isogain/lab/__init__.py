"""isogain.lab"""
