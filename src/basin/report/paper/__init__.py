"""Tables of papers: what they report, beside what our runs say."""
