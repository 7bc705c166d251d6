"""The commands, one file a noun. They read arguments and print; what they call does the work."""
