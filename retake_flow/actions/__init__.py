"""Actions: their catalogue, and what each does with the platform and the studio."""
