"""Actions: their specs, and their implementations on the platform and the studio."""
