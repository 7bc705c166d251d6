"""The curation service: where people filter, review and label traces. Its rooms are opened one resource at a time."""
