"""Makes the shipped Gherkin steps known to all features."""

pytest_plugins = ["retake_flow.testing.steps"]
