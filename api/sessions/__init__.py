"""Browser sessions: begun with a token, kept in a cookie, guarded against requests from other sites."""
