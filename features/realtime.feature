Feature: Chat in real time
  If the platform offers real-time events, chat is read at once. Missed messages are polled, and nothing counts twice.

  Background:
    Given an agent with credentials

  Scenario Outline: A message is read at once
    Given chat comes in the <shape> shape
    And these viewers
      | at   | name  | text          |
      | 6.1  | mira  | hi!           |
      | 11.3 | kenji | what is this? |
      | 17.7 | ade   | hello         |
      | 23.2 | mira  | still here    |
    When the agent goes live
    Then a message is in the journal 0.3 s after it was written, in the median
    And each message of a viewer is in the journal once, in order
    And the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
      | Welcome, kenji! Good to have you here.  |
      | Welcome, ade! Good to have you here.    |
    And real-time events are told of as
      | connected |

    Examples:
      | shape      |
      | documented |
      | observed   |
      | wrapped    |
      | mixed      |

  Scenario: Without real-time events, chat is polled
    Given the platform tells nothing in real time
    And these viewers
      | at   | name  | text          |
      | 6.1  | mira  | hi!           |
      | 11.3 | kenji | what is this? |
      | 17.7 | ade   | hello         |
    When the agent goes live
    Then a message is in the journal 2 s after it was written, in the median
    And each message of a viewer is in the journal once, in order
    And real-time events are told of as
      | absent |

  Scenario: An unreliable connection neither loses nor repeats a message
    Given of the real-time events every 5th is lost and every 7th comes twice
    And 50 viewers who write 200 messages from 5 s to 20 s
    And it is to be on air for 60s
    When the agent goes live
    Then each message of a viewer is in the journal once

  Scenario: After a reconnect, missed messages are read first
    Given 50 viewers who write 300 messages from 5 s to 20 s
    And the real-time connection breaks 8 s into on_air
    And the real-time connection breaks 13 s into on_air
    And it is to be on air for 60s
    When the agent goes live
    Then each message of a viewer is in the journal once, in order
    And real-time events are told of as
      | connected |
      | lost      |
      | connected |
      | lost      |
      | connected |

  Scenario: Events with other ids than the chat count once
    Given real-time events have other ids than the chat
    And 20 viewers who write 60 messages from 5 s to 30 s
    And it is to be on air for 60s
    When the agent goes live
    Then each message of a viewer is in the journal once, in order

  Scenario: Real-time events arrive even when chat cannot be polled
    Given from its 3rd on, every GET /agent/stream/comments meets status 503
    And these viewers
      | at   | name  | text          |
      | 12   | mira  | hi!           |
      | 25   | kenji | what is this? |
    And it is to be on air for 60s
    When the agent goes live
    Then the run is completed
    And each message of a viewer is in the journal once, in order
    And the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
      | Welcome, kenji! Good to have you here.  |

  Rule: A flow can react to what viewers do

    Background:
      Given this flow
        """
        extends: go-live.yaml
        states:
          broadcast/pushing/on_air:
            transitions:
              tip:
                - {when: event.amount > 100, set: {thanks: "{{ event.author }}"}, to: big_tip}
                - {to: small_tip}
              follow: follower
              chat.trade: trader
          broadcast/pushing/big_tip:
            do: operator.tell
            with: {kind: told, message: "{{ event.author }} gave {{ event.amount }}: {{ event.text }}"}
            transitions: {done: on_air}
          broadcast/pushing/small_tip:
            do: operator.tell
            with: {kind: told, message: "a small tip of {{ event.amount }}"}
            transitions: {done: on_air}
          broadcast/pushing/follower:
            do: operator.tell
            with: {kind: told, message: "{{ event.author }} follows"}
            transitions: {done: on_air}
          broadcast/pushing/trader:
            do: operator.tell
            with: {kind: told, message: "{{ event.author }}: {{ event.side }} {{ event.amount }}"}
            transitions: {done: on_air}
        """
      And it is to be on air for 40s
      And these viewers
        | at | name  | type    | text       | amount | side |
        | 6  | kenji | tip     | keep going | 250    |      |
        | 10 | mira  | tip     | more owls  | 5      |      |
        | 14 | ade   | follow  |            |        |      |
        | 18 | kim   | trade   |            | 12.5   | sell |

    Scenario: Tips, follows and trades take their routes, each once
      When the agent goes live
      Then the flow has heard of
        | kenji gave 250: keep going |
        | a small tip of 5           |
        | ade follows                |
        | kim: sell 12.5             |

    Scenario: Tips and trades in chat count without real-time events too
      Given the platform tells nothing in real time
      When the agent goes live
      Then the flow has heard of
        | kenji gave 250: keep going |
        | a small tip of 5           |
        | kim: sell 12.5             |

  Scenario: A flood is read completely and in order, across a crash too
    Given 300 viewers who write 2500 messages from 5 s to 7 s
    And the process is killed 7 s into on_air
    And the run is resumed 2s after its process has gone
    And it is to be on air for 60s
    When the agent goes live
    Then it took 2 processes
    And each message of a viewer is in the journal once, in order

  Scenario: A flood is read completely and in order by polling alone
    Given the platform tells nothing in real time
    And 300 viewers who write 2500 messages from 5 s to 7 s
    And it is to be on air for 60s
    When the agent goes live
    Then each message of a viewer is in the journal once, in order
