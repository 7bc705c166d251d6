"""What happens to problems and traces, from sources to releases: plain functions and small stages."""
