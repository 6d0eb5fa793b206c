"""Dynalign: how alike are the dynamics of two neural systems?"""

__version__ = "0.1.0"
