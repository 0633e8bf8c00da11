"""Recommend a model for a number of labelled images, a machine and limits, or refuse in words.

`answer.recommend` takes tables and gives the answer; `candidates` collects what was measured, and `decide` decides on
plain numbers alone.
"""
