"""Colours, type and pictures of every page; values in, SVG, HTML and CSS out. What they mean is decided elsewhere."""
