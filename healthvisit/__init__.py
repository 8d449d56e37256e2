"""healthvisit: the early-years developmental record of Greater Manchester."""
