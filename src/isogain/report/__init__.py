"""isogain.report"""
