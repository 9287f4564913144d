Feature: Thumbnails
  The first thing on air is a thumbnail. It shows something, is renewed, and never endangers the stream.

  Background:
    Given an agent with credentials

  Scenario: The first thumbnail comes at once, others every three minutes
    Given it is to be on air for 10m
    When the agent goes live
    Then the run is completed
    And POST /agent/update-thumbnail was called 4 times
    And no rule of the platform was broken

  Scenario: A black picture is not shown while the content is still starting
    Given the content window fails once
    When the agent goes live
    Then the run is completed
    And studio.thumbnail was performed 1 time
    And the thumbnail was not black
    And no rule of the platform was broken

  Scenario: After a long wait, a black picture is uploaded
    Given the content window never becomes ready
    And it is to be on air for 5s
    When the agent goes live
    Then it has been on air
    And the thumbnail was black
    And no rule of the platform was broken

  Scenario Outline: A failed thumbnail is retried, then the stream continues without it
    Given it is to be on air for 5m
    And <trouble>
    When the agent goes live
    Then the run is completed
    And it has been on air 1 times
    And thumbnail was performed 9 times

    Examples:
      | trouble                                                   |
      | the screenshot fails                                      |
      | every POST /agent/update-thumbnail meets status 500       |
      | every POST /agent/update-thumbnail meets an HTML page     |
      | every POST /agent/update-thumbnail meets a challenge page |

  Scenario: A single failed screenshot has no effect
    Given the screenshot fails once
    When the agent goes live
    Then the run is completed
    And thumbnail was performed 1 time
    And the thumbnail was not black

  Scenario: A screenshot that fails ahead and in time is taken once more
    Given the screenshot fails once
    And the screenshot fails once
    When the agent goes live
    Then the run is completed
    And thumbnail was performed 2 times
    And the thumbnail was not black

  Scenario: A single failed upload has no effect
    Given the next POST /agent/update-thumbnail meets status 503
    When the agent goes live
    Then the run is completed
    And thumbnail was performed 2 times
    And the thumbnail was not black
