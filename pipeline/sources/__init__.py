"""Where problems come from: files made by others, and the arithmetic this repository writes itself."""
