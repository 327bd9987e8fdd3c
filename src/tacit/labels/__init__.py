"""Methods to use few labels on a representation.

A method is given codes of images and, for each trial, `Labelled`: rows and the labels of those rows
alone. It cannot see a label that it was not given. All trials of a call are worked on together.
"""
