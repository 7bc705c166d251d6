"""The pages: server-rendered HTML over the same services as the JSON API, with one small module of our own.

Read `site.py` first (what every page has), then `explore.py`, `trace.py` and `review.py`. Whatever changes something
goes through the JSON API, which the module calls with the session's CSRF token: a page itself only ever reads.
"""

from tracewright.api.pages.register import PAGES, register_pages

__all__ = ["PAGES", "register_pages"]
