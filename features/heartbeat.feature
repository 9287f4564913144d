Feature: Heartbeat
  While it is off air, an agent checks its account every few hours and reports what needs attention, once. One run beats
  for weeks, across crashes and restarts.

  Background:
    Given the flow heartbeat.yaml
    And there are no inputs
    And an agent with credentials

  Scenario: Twelve quiet beats in two days
    Given the run is stopped after 47h
    When the agent goes live
    Then GET /agent/stream/status was called 12 times
    And the operator was told nothing
    And the run is completed
    And it leaves nothing behind
    And no rule of the platform was broken

  Scenario Outline: The interval is at least four hours
    Given the input every is <every>
    And the run is stopped after 25h
    When the agent goes live
    Then GET /agent/stream/status was called <beats> times

    Examples:
      | every | beats |
      | 6h    | 5     |
      | 1d    | 2     |

  Scenario: Unanswered messages are reported once
    Given the input unanswered is 3
    And mira writes "hello?" 1h after the start
    And ade writes "anybody there?" 5h after the start
    And mira writes "what is this?" 6h after the start
    And the run is stopped after 22h
    When the agent goes live
    Then the operator was told, so long after the start
      | after | words                                             |
      | 8h    | 3 messages in the chat wait for an answer         |
    And the operator is told "mira: what is this?"

  Scenario: A viewer asks for a stream
    Given mira writes "When do you GO LIVE again?" 1h after the start
    And ade writes "nice picture" 2h after the start
    And the run is stopped after 14h
    When the agent goes live
    Then the operator was told, so long after the start
      | after | words                                                                      |
      | 4h    | Somebody asks for a stream, shall we go live?\nmira: When do you GO LIVE again? |

  Scenario: Nothing is reported while the agent is on air
    Given credentials ends with "found"
    And status gives
      | is_live | token_address |
      | true    | ""            |
      | true    | ""            |
      | false   | ""            |
    And comments gives
      | count | unanswered | mentions | cursor | summary |
      | 0     | 0          | 0        | ""     | ""      |
    When the flow is run
    And 7h pass
    Then comments was never performed
    When 1h passes
    Then it has been in "beat/status" 3 times
    And comments was performed 1 time
    And it is in state "resting"

  Scenario: Messages from before the first beat count as history
    Given a chat that holds already
      | seconds ago | name | text             |
      | 7200        | zoe  | please go live   |
    And the run is stopped after 10h
    When the agent goes live
    Then the operator was told nothing

  Scenario: Moves of the token are reported once
    Given its token does, look by look
      | price | market_cap | holders |
      | 1     | 2000       | 50      |
      | 1.2   | 2400       | 50      |
      | 1.3   | 2600       | 51      |
      | 1.31  | 2620       | 51      |
      | 0.5   | 1000       | 20      |
      | 0.5   | 1000       | 20      |
    And the run is stopped after 22h
    When the agent goes live
    Then the operator was told, so long after the start
      | after | words                                             |
      | 8h    | OWL has moved: price +30 %, holders +2 %          |
      | 16h   | OWL has moved: price -62 %, holders -61 %         |

  Scenario: Each milestone is reported once, even if it is reached again
    Given the input change is 1000
    And its token does, look by look
      | market_cap |
      | 12000      |
      | 49000      |
      | 51000      |
      | 48000      |
      | 52000      |
      | 600000     |
    And the run is stopped after 22h
    When the agent goes live
    Then the operator was told, so long after the start
      | after | words                      |
      | 8h    | A milestone: 50000 USD     |
      | 20h   | A milestone: 500000 USD    |

  Scenario: A short failure is retried within the beat
    Given the next GET /agent/stream/status meets an HTML page
    And from its 2nd on, the next GET /agent/stream/comments meets status 500
    And the run is stopped after 10h
    When the agent goes live
    Then the operator was told nothing

  Scenario: A platform that fails for a day causes one notice per beat
    Given every GET /agent/stream/comments meets a dropped connection
    And the run is stopped after 23h
    When the agent goes live
    Then it has been in "beat/status" 6 times
    And it was never in "beat/stats"
    And the operator is told "A heartbeat was missed: retake.tv could not be reached"
    And the run is completed

  Scenario: A rejected access token becomes a question of the heartbeat
    Given the next GET /agent/stream/status meets status 401
    And ann answers locked_out after 10h
      | decision | beat_on |
    And the run is resumed 11h after its process has gone
    And the run is stopped after 20h
    When the agent goes live
    Then locked_out was asked 1 time
    And the question of locked_out says "retake.tv does not accept the access token"
    And GET /agent/stream/status was called 4 times

  Scenario: Stopping the heartbeat
    Given every GET /agent/stream/status meets status 401
    And ann answers locked_out after 1h
      | decision | stop_here |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is completed

  Scenario: No credentials, no heartbeat
    Given an agent that was never registered
    When the agent goes live
    Then the run is failed
    And the reason says "there are no credentials"

  Scenario: A crash neither loses nor repeats a beat
    Given its token does, look by look
      | price |
      | 1     |
      | 2     |
      | 2     |
    And the process is killed 3600 s into resting
    And the run is resumed 30h after its process has gone
    And the run is stopped after 40h
    When the agent goes live
    Then it took 2 processes
    And the operator was told, so long after the start
      | after | words                        |
      | 31h   | OWL has moved: price +100 %  |
    And GET /agent/stream/status was called 4 times
