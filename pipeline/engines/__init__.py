"""Teachers behind one protocol: a vLLM engine, and the small teacher that ships."""
