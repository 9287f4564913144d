Feature: No dead air
  When chat is silent for long, the agent speaks: a sentence from the flow's list, none twice in a stream, or a reply of
  its responder.

  Background:
    Given an agent with credentials
    And this flow
      """
      extends: go-live.yaml
      states:
        broadcast/pushing/on_air:
          activities:
            chat:
              with:
                silence:
                  after: 60s
                  messages:
                    - What would you build?
                    - Still here, still typing.
                    - Ask me anything.
      """

  Scenario: In an empty chat, the agent says each sentence of the list once
    Given it is to be on air for 5m
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | What would you build?                   |
      | Still here, still typing.               |
      | Ask me anything.                        |
    And the agent wrote at intervals of 60 s to 70 s

  Scenario: The agent says nothing while others speak
    Given it is to be on air for 2m
    And these viewers
      | at | name | text  |
      | 5  | mira | hi    |
      | 50 | mira | hm    |
      | 95 | mira | still |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |

  Scenario: A viewer's message postpones the next sentence
    Given it is to be on air for 2m
    And these viewers
      | at | name | text |
      | 40 | mira | hi   |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
      | What would you build?                   |

  Scenario: The list continues after a crash and in another process
    Given it is to be on air for 6m
    And the encoder is killed 80 s into on_air
    And the process is killed 160 s into on_air
    And the run is resumed 2s after its process has gone
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | What would you build?                   |
      | Still here, still typing.               |
      | Ask me anything.                        |

  Scenario: The agent says nothing in a chat that cannot be read
    Given the platform tells nothing in real time
    And from its 3rd on, every GET /agent/stream/comments meets status 503
    And it is to be on air for 3m
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |

  Rule: A responder can be asked instead

    Background:
      Given this flow
        """
        extends: go-live.yaml
        states:
          broadcast/pushing/on_air:
            activities:
              chat:
                with:
                  responder: {command: [python3, brain.py]}
                  silence: {after: 60s, messages: ["What would you build?"]}
        """
      And a brain that says
        | to | reply |
        | hi | Hello |
      And the brain says "Let me tell you about owls." into silence

    Scenario: The responder is asked when the list is used up
      Given it is to be on air for 150s
      When the agent goes live
      Then the agent wrote
        | I'm live. What should we explore today? |
        | What would you build?                   |
        | Let me tell you about owls.             |

    Scenario: A viewer who is quicker cancels the reply
      Given it is to be on air for 160s
      And the brain thinks for 10 s
      And these viewers
        | at  | name | text |
        | 132 | mira | hi   |
      When the agent goes live
      Then the agent wrote
        | I'm live. What should we explore today? |
        | What would you build?                   |
        | Hello                                   |
