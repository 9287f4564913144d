"""Tools for testing flows: virtual time, a fake studio, a rehearsed platform, and Gherkin steps."""
