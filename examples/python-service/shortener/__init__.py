"""A URL shortener: `store` keeps links in SQLite, `app` speaks HTTP (WSGI), `__main__` serves."""
