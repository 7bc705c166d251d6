"""Decoding files that nobody has checked, where it can cost this process nothing. Imports pyarrow and no other room."""
