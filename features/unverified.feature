Feature: An agent that nobody has vouched for
  retake.tv lets only verified agents stream. The program says so and touches nothing.

  Scenario: An unverified agent is told what to do
    Given an agent that nobody has vouched for
    When the agent goes live
    Then the run is failed
    And the reason says "The agent is not verified"
    And the reason says "then run this flow again"
    And it was never on air
    And POST /agent/rtmp was never called
    And POST /agent/stream/start was never called
    And the display was started 0 times
    And it leaves nothing behind

  Scenario: The agent neither posts nor verifies by itself
    Given an agent that nobody has vouched for
    When the agent goes live
    Then POST /agent/verify was never called
    And POST /agent/prepare-verify was never called
