"""One self-contained HTML page of all tables; each cell opens its runs."""
