Feature: Stream health
  The run measures its encoder and its picture, and acts on them as the flow says.

  Background:
    Given an agent with credentials

  Scenario: The encoder's figures are recorded every ten seconds
    Given it is to be on air for 1m55s
    When the agent goes live
    Then the run is completed
    And studio.health was performed 11 times
    And the encoder was last seen to send 30 frames a second

  Scenario: An encoder that is too slow for a minute is reported
    Given it is to be on air for 10m
    And the encoder runs at 0.7 of its speed from 30 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 1 times
    And the operator is told "The encoder has been too slow"

  Scenario: A still picture is allowed by default
    Given it is to be on air for 10m
    And the picture freezes 10 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 1 times
    And the display was started 1 times

  Scenario: A frozen picture is replaced on request
    Given it is to be on air for 5m
    And the input frozen_after is 60
    And the picture freezes 10 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And the display was started 2 times
    And no rule of the platform was broken

  Scenario: A picture that stays black becomes a question, on request
    Given it is to be on air for 5m
    And the input black_after is 60
    And the input recoveries is 2
    And the content window never becomes ready
    When the agent goes live
    Then the run waits at trouble
    And the display was started 3 times
    And no rule of the platform was broken
