"""What a state can do: the catalogue of actions and what each of them does with the platform and the studio."""
