"""Draws made where the tensor lies: Triton kernels, matrices on the device, and the way through the host."""
