Feature: Stopping
  Ctrl-C at any moment ends the stream cleanly: the session is closed, and nothing keeps running. A second Ctrl-C does not
  wait.

  Background:
    Given an agent with credentials
    And each answer takes 0.1 s

  Scenario Outline: Ctrl-C before the broadcast
    Given Ctrl-C is pressed <after> s into <state>
    When the agent goes live
    Then the run is stopped
    And the reason says "interrupted"
    And POST /agent/stream/start was never called
    And it leaves nothing behind

    Examples:
      | state        | after |
      | check_guide  | 0     |
      | check_guide  | 0.05  |
      | credentials  | 0     |
      | verification | 0     |
      | verification | 0.05  |

  Scenario Outline: Ctrl-C in the broadcast
    Given Ctrl-C is pressed <after> s into <state>
    When the agent goes live
    Then the run is completed
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | state                | after |
      | broadcast/stream_key | 0     |
      | broadcast/stream_key | 0.05  |
      | broadcast/session    | 0     |
      | broadcast/session    | 0.05  |
      | broadcast/session    | 0.099 |
      | confirm_live         | 0     |
      | confirm_live         | 0.3   |
      | confirm_live         | 0.65  |
      | confirm_live         | 1.25  |
      | pushing/thumbnail    | 0     |
      | pushing/thumbnail    | 0.1   |
      | pushing/thumbnail    | 0.4   |
      | open_chat            | 0     |
      | open_chat            | 0.05  |
      | tell_builder         | 0     |
      | on_air               | 0     |
      | on_air               | 0.05  |
      | on_air               | 12    |

  Scenario Outline: Ctrl-C while the stream is being brought back
    Given the <part> is killed 5 s into on_air
    And Ctrl-C is pressed <after> s into on_air
    When the agent goes live
    Then the run is completed
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | part    | after |
      | encoder | 5     |
      | encoder | 5.05  |
      | encoder | 5.3   |
      | encoder | 5.5   |
      | encoder | 6     |
      | display | 5     |
      | display | 5.05  |
      | display | 5.25  |
      | display | 5.5   |
      | display | 6.3   |

  Scenario: Ctrl-C while a failing call waits for its retry
    Given every POST /agent/rtmp meets status 503
    And Ctrl-C is pressed 20 s into broadcast/stream_key
    When the agent goes live
    Then the run is completed
    And it took 25 s at most
    And it leaves nothing behind

  Scenario Outline: A second Ctrl-C kills the run at any time
    Given Ctrl-C is pressed 0.05 s into <state>
    And Ctrl-C is pressed again 0.1 s into <state>
    When the agent goes live
    Then the run is killed
    And no program is left running

    Examples:
      | state                |
      | broadcast/stream_key |
      | broadcast/session    |
      | confirm_live         |
      | pushing/thumbnail    |
      | open_chat            |
      | on_air               |

  Scenario: A second Ctrl-C does not wait for an unresponsive platform
    Given every POST /agent/stream/stop meets a delay of 30 s
    And Ctrl-C is pressed 5 s into on_air
    And Ctrl-C is pressed again 7 s into on_air
    When the agent goes live
    Then the run is killed
    And it took 12 s at most
    And no program is left running

  Scenario: Stopping honours Retry-After
    Given the next POST /agent/stream/stop meets status 429 with Retry-After 45
    And Ctrl-C is pressed 5 s into on_air
    When the agent goes live
    Then the run is completed
    And it leaves nothing behind

  Scenario Outline: The stage shows the closing scene before the stream ends
    Given this flow
      """
      extends: go-live.yaml
      states:
        broadcast:
          activities:
            content: {with: {as: stage}}
      """
    And it is to be on air for <limit>
    And Ctrl-C is pressed <after> s into on_air
    When the agent goes live
    Then the run is completed
    And it has been in "broadcast/pushing/goodbye" 1 time
    And the stage showed the scene ended 1.5 s before the stream ended
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | limit | after |
      | 1h    | 12    |
      | 20s   | 30    |

  Scenario Outline: A stop during a recovery does not restart programs to show the closing scene
    Given this flow
      """
      extends: go-live.yaml
      states:
        broadcast:
          activities:
            content: {with: {as: stage}}
      """
    And Ctrl-C is pressed 12 s into on_air
    And the <part> is killed 0.5 s into goodbye
    When the agent goes live
    Then the run is completed
    And the reason says "interrupted"
    And the stage showed the scene ended 0.5 s before the stream ended
    And 1 stream keys were issued and 1 used, none of them twice
    And it leaves nothing behind

    Examples:
      | part    |
      | encoder |
      | display |
      | page    |

  Scenario: The stream log has no closing scene
    Given Ctrl-C is pressed 12 s into on_air
    When the agent goes live
    Then the run is completed
    And the reason says "interrupted"
    And the stage showed the scene ended 0 s before the stream ended
