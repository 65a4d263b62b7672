"""Shapes with roles: layouts, and the fans they give."""
