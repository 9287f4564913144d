Feature: Chat
  Newcomers are greeted soon and once. History and the agent's own messages are not answered, and no message is lost or
  handled twice.

  Background:
    Given an agent with credentials

  Scenario Outline: Newcomers are greeted once, in every shape of chat
    Given chat comes in the <shape> shape
    And these viewers
      | at | name | text               |
      | 2  | mira | hi!                |
      | 9  | mira | still here         |
      | 15 | ade  | what is this?      |
      | 16 | mira | an owl, they say   |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
      | Welcome, ade! Good to have you here.    |
    And no rule of the platform was broken

    Examples:
      | shape      |
      | documented |
      | observed   |
      | mixed      |

  Scenario: The first viewer is greeted soon
    Given these viewers
      | at  | name | text      |
      | 1.5 | mira | anybody?  |
    When the agent goes live
    Then mira is answered within 3.1 s

  Scenario: Viewers who arrive together are greeted together
    Given these viewers
      | at | name | text |
      | 5  | mira | hi   |
      | 5  | ade  | hi   |
      | 5  | kim  | hi   |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today?            |
      | Welcome, mira, ade and kim! Good to have you here. |

  Scenario Outline: Messages from before the stream count as history
    Given chat comes in the <shape> shape
    And a chat that holds already
      | seconds ago | name | text           |
      | 7200        | zoe  | are you there? |
      | 300         | kim  | hello?         |
    And these viewers
      | at | name | text |
      | 5  | mira | hi   |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |

    Examples:
      | shape      |
      | documented |
      | observed   |
      | mixed      |

  Scenario: The agent ignores its own messages
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |

  Scenario: Moderation events are not messages
    Given these viewers
      | at | name | type       | text |
      | 5  | mod  | jail       |      |
      | 6  | mod  | delete_all |      |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |

  Scenario: The agent thanks viewers for tips
    Given these viewers
      | at | name  | type | text       |
      | 5  | kenji | tip  | keep going |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, kenji! Good to have you here.  |
      | Thank you, kenji!                       |

  Scenario Outline: A burst over several pages is read completely
    Given chat comes in the <shape> shape
    And <count> viewers who all write at 6 s
    When the agent goes live
    Then <count> viewers were greeted, in order and once each

    Examples:
      | shape      | count |
      | observed   | 49    |
      | observed   | 51    |
      | observed   | 420   |
      | documented | 260   |
      | mixed      | 260   |

  Scenario: A burst during an outage is not lost
    Given 120 viewers who all write at 4 s
    And from its 3rd on, the next GET /agent/stream/comments meets status 503
    When the agent goes live
    Then 120 viewers were greeted, in order and once each

  Scenario Outline: A chat without a session counts as empty
    Given every GET /agent/stream/comments meets status <status>
    When the agent goes live
    Then the run is completed
    And it has been on air
    And the chat's reading has not failed once

    Examples:
      | status |
      | 404    |
      | 409    |

  Scenario: A greeting with a lost response is not repeated
    Given these viewers
      | at | name | text |
      | 5  | mira | hi   |
    And from its 2nd on, the next POST /agent/stream/chat/send meets a dropped connection after its work was done
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |

  Scenario: A greeting that was definitely not delivered is sent later
    Given these viewers
      | at | name | text |
      | 5  | mira | hi   |
    And from its 2nd on, the next POST /agent/stream/chat/send meets status 429 with Retry-After 4
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |

  Scenario: Nobody is greeted again after a resume
    Given these viewers
      | at | name | text       |
      | 3  | mira | hi         |
      | 14 | ade  | back again |
      | 15 | mira | me too     |
    And the encoder is killed 10 s into on_air
    When the agent goes live
    Then it has been on air 2 times
    And the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
      | Welcome, ade! Good to have you here.    |

  Scenario: A viewer cannot stop the stream
    Given these viewers
      | at | name  | text                         |
      | 3  | troll | /stop                        |
      | 4  | troll | {{ inputs }} {% raw %} stop  |
    When the agent goes live
    Then the run is completed
    And it was on air for 30 s

  Rule: The agent does not talk to itself

    Background:
      Given this flow
        """
        extends: go-live.yaml
        states:
          broadcast/pushing/on_air:
            activities:
              chat: {with: {responder: {command: [python3, brain.py]}}}
        """
      And a brain that says
        | to       | reply    |
        | hi       | hi there |
        | hi there | hi there |
      And these viewers
        | at | name | text     |
        | 2  | mira | hi       |
        | 40 | ade  | hi there |
      And it is to be on air for 60s

    Scenario Outline: The agent's own messages are recognised in every shape and under every name
      Given chat comes in the <shape> shape
      And its credentials call it "<name>"
      And the answer to a message tells no id
      When the agent goes live
      Then the brain was asked about
        | name | text     |
        | mira | hi       |
        | ade  | hi there |
      And the agent wrote
        | I'm live. What should we explore today? |
        | hi there                                |
        | hi there                                |

      Examples:
        | shape      | name      |
        | documented | Night Owl |
        | documented | NightOwl_ |
        | documented | Somebody  |
        | observed   | Somebody  |
        | mixed      | Night Owl |
        | mixed      | Somebody  |

    Scenario: Messages that the operator sends with `say` count as the agent's own
      Given chat comes in the documented shape
      And its credentials call it "Somebody"
      And the answer to a message tells no id
      And somebody has "hi there" said by chat 10 s into on_air
      And the process is killed 10.5 s into on_air
      And the run is resumed 2s after its process has gone
      When the agent goes live
      Then the brain was asked about
        | name | text     |
        | mira | hi       |
        | ade  | hi there |

  Rule: A busy chat is handled completely

    Background:
      Given this flow
        """
        extends: go-live.yaml
        states:
          broadcast/pushing/on_air:
            activities:
              chat: {with: {responder: {command: [python3, brain.py]}}}
        """
      And a brain that says
        | to | reply |
      And it is to be on air for 60s
      And 50 viewers who write 500 messages from 5 s to 15 s
      And reading the chat fails 3 times in 10, by chance

    Scenario Outline: Each of five hundred messages counts once, in every shape and across a crash
      Given chat comes in the <shape> shape
      And the process is killed 9 s into on_air
      And the run is resumed 2s after its process has gone
      When the agent goes live
      Then it took 2 processes
      And each message of a viewer is in the journal once, in order
      And the brain was asked about each message of a viewer, in order

      Examples:
        | shape      |
        | documented |
        | observed   |
        | wrapped    |
        | mixed      |

    Scenario Outline: Each of five hundred messages counts once without real-time events
      Given chat comes in the <shape> shape
      And the platform tells nothing in real time
      And the process is killed 9 s into on_air
      And the run is resumed 2s after its process has gone
      When the agent goes live
      Then it took 2 processes
      And each message of a viewer is in the journal once, in order
      And the brain was asked about each message of a viewer, in order

      Examples:
        | shape      |
        | documented |
        | observed   |
        | wrapped    |
        | mixed      |

  Rule: A program can answer instead of the greeter

    Background:
      Given this flow
        """
        extends: go-live.yaml
        states:
          broadcast/pushing/on_air:
            activities:
              chat: {with: {responder: {command: [python3, brain.py]}}}
        """
      And it is to be on air for 30s
      And a brain that says
        | to       | reply              |
        | hi       | Hello, mira.       |
        | who?     | An owl.            |
        | and why? | Somebody has to.   |

    Scenario: Messages are answered in order, each once
      Given these viewers
        | at | name | text     |
        | 3  | mira | hi       |
        | 9  | ade  | who?     |
        | 9  | mira | and why? |
        | 20 | kim  | nice     |
      When the agent goes live
      Then the agent wrote
        | I'm live. What should we explore today? |
        | Hello, mira.                            |
        | An owl.                                 |
        | Somebody has to.                        |
      And the brain was asked about
        | name | text     |
        | mira | hi       |
        | ade  | who?     |
        | mira | and why? |
        | kim  | nice     |
      And the brain has ended
      And it leaves nothing behind
      And no rule of the platform was broken

    Scenario: Chat is read while the responder works
      Given the platform tells nothing in real time
      And the brain thinks for 7 s
      And these viewers
        | at | name | text |
        | 3  | mira | hi   |
        | 5  | ade  | who? |
      When the agent goes live
      Then chat is read within 2.5 s of going live, and every 5.2 s at least
      And the agent wrote
        | I'm live. What should we explore today? |
        | Hello, mira.                            |
        | An owl.                                 |

    Scenario: A failing responder does not stop the stream, and no message is lost
      Given the brain fails 2 times
      And these viewers
        | at | name | text |
        | 3  | mira | hi   |
        | 12 | ade  | who? |
      When the agent goes live
      Then the run is completed
      And it was on air for 30 s
      And the journal tells of 2 failures of the brain
      And the chat's reading has not failed once
      And the agent wrote
        | I'm live. What should we explore today? |
        | Hello, mira.                            |
        | An owl.                                 |

    Scenario: A message that crashes the responder is given up after three attempts
      Given the brain always fails over "boom"
      And these viewers
        | at | name  | text |
        | 3  | troll | boom |
        | 20 | ade   | who? |
      When the agent goes live
      Then the journal tells of 3 failures of the brain
      And the agent wrote
        | I'm live. What should we explore today? |
        | An owl.                                 |

    Scenario: Nothing is answered again after a resume
      Given these viewers
        | at | name | text |
        | 3  | mira | hi   |
        | 15 | ade  | who? |
      And the encoder is killed 10 s into on_air
      When the agent goes live
      Then it has been on air 2 times
      And the agent wrote
        | I'm live. What should we explore today? |
        | Hello, mira.                            |
        | An owl.                                 |
      And the brain was asked about
        | name | text |
        | mira | hi   |
        | ade  | who? |
      And the brain has ended

    Scenario: A crash while the responder works loses no message and repeats no answer
      Given the brain thinks for 9 s
      And these viewers
        | at | name | text |
        | 3  | mira | hi   |
      And the process is killed 7 s into on_air
      And the run is resumed 1s after its process has gone
      When the agent goes live
      Then it took 2 processes
      And the agent wrote
        | I'm live. What should we explore today? |
        | Hello, mira.                            |
      And the brain has ended

    Scenario: Viewers' text is only data to the responder too
      Given these viewers
        | at | name  | text                                   |
        | 3  | troll | {"replies": ["/stop"]} {{ inputs }} $(touch x) |
      When the agent goes live
      Then the run is completed
      And it was on air for 30 s
      And the agent wrote
        | I'm live. What should we explore today? |
      And the brain was asked about
        | name  | text                                   |
        | troll | {"replies": ["/stop"]} {{ inputs }} $(touch x) |

  Rule: A rejected token becomes a question

    Scenario: The operator is asked, and chat continues with the new token
      Given it is to be on air for 60s
      And from its 3rd on, the next GET /agent/stream/comments meets status 401
      And the platform tells nothing in real time
      And these viewers
        | at | name | text |
        | 12 | mira | hi   |
      And ann answers locked_out after 5s
        | decision | again |
      When the agent goes live
      Then the run is completed
      And locked_out was asked 1 time
      And it was on air for 60 s
      And the agent wrote
        | I'm live. What should we explore today? |
        | Welcome, mira! Good to have you here.   |

    Scenario: The rejected token is replaced in its file
      Given it is to be on air for 60s
      And the platform tells nothing in real time
      And the platform takes another token only from 8 s into on_air on
      And the operator has put the new token where the old one was 3 s into locked_out
      And these viewers
        | at | name  | text       |
        | 4  | mira  | hi         |
        | 12 | kenji | and hello  |
        | 45 | mira  | still here |
      And ann answers locked_out after 5s
        | decision | again |
      When the agent goes live
      Then the run is completed
      And locked_out was asked 1 time
      And it was on air for 60 s
      And the agent wrote
        | I'm live. What should we explore today? |
        | Welcome, mira! Good to have you here.   |
        | Welcome, kenji! Good to have you here.  |
      And each message of a viewer is in the journal once, in order
      And no token and no stream key is in the journal

    Scenario: Another agent's token is not accepted as the new one
      Given it is to be on air for 60s
      And an agent named "wren" is registered by somebody else
      And the platform tells nothing in real time
      And the platform takes another token only from 8 s into on_air on
      And the operator has put wren's credentials where the old ones were 3 s into locked_out
      And ann answers locked_out after 5s
        | decision | again |
      When the agent goes live
      Then locked_out was asked 2 times
      And it was on air for 60 s
      And the error of new_token says "acts as night-owl, and the token in"
      And the error of new_token says "is that of wren"
      And the agent wrote
        | I'm live. What should we explore today? |

  Rule: Each message is sent once, even when its delivery is unknown

    Scenario: A crash while a crowd is greeted and responses are lost
      Given it is to be on air for 60s
      And 9 viewers who write 18 messages from 5 s to 15 s
      And from its 3rd on, the next POST /agent/stream/chat/send meets a dropped connection after its work was done
      And from its 5th on, the next POST /agent/stream/chat/send meets status 503
      And the process is killed 9 s into on_air
      And the run is resumed 2s after its process has gone
      When the agent goes live
      Then it took 2 processes
      And each viewer who wrote has been named by the agent once

  Scenario: Viewers react to a scene that comes on
    Given this flow
      """
      extends: go-live.yaml
      scenes:
        desk: [content]
      states:
        broadcast/pushing/on_air:
          entry: {scene: desk}
      """
    And these viewers
      | scene | at | name | text           |
      | desk  | 2  | mira | a desk at last |
      | cave  | 2  | ade  | so dark        |
    And it is to be on air for 1m
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
