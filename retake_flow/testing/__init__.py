"""What tests of flows stand on: virtual time, a fake studio, a rehearsed platform, and Gherkin steps."""
