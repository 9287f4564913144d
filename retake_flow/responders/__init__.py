"""Who answers in chat: the greeter, a program, a web service, a language model, or a function of one's own."""
