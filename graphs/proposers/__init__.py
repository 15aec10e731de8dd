"""Proposers: how a child is written. One file each, chosen by name in a recipe."""
