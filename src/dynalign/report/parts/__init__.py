"""What reports of all kinds are made of: numbers and texts, figures, pages."""
