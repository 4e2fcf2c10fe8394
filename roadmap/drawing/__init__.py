"""Geometry of the plan's drawings, as numbers for SVG attributes. Pure."""
