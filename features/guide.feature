Feature: The platform's guide
  Before an agent goes live, it checks whether the platform's guide is the one that its flow was written for. A changed
  guide is stored for people, with its changes; nothing in it is acted on.

  Background:
    Given the flow go-live.yaml
    And an agent with credentials

  Scenario: Changes are reported, and the run continues
    Given the guide of version 2.1.2 was kept earlier
    And the platform's guide has version 2.1.10
    When the agent goes live
    Then the run is completed
    And the operator is told "Lines added: "
    And the operator is told "`retake-flow guide --diff` shows it"
    And the guide of version 2.1.10 is kept as a text

  Scenario: The text of a guide is fetched once
    Given the guide of version 2.1.2 was kept earlier
    When the agent goes live
    Then GET /skill.json was called 1 time
    And GET /skill.md was never called

  Scenario: With strict_guide, the stream waits for an answer
    Given the input strict_guide is true
    And the platform's guide has version 2.1.10
    And ann answers read_guide after 1h
      | decision | go_on |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is completed
    And it has been on air
    And the question of read_guide says "this flow was written for 2.1.2"
    And read_guide was asked 1 time

  Scenario: The operator can refuse to go live
    Given the input strict_guide is true
    And the platform's guide has version 2.1.10
    And ann answers read_guide after 1h
      | decision | not_now |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "the operator does not want to go live under it"
    And POST /agent/rtmp was never called

  Scenario: An unchanged guide asks nothing
    Given the input strict_guide is true
    When the agent goes live
    Then the run is completed
    And read_guide was asked 0 times

  Scenario Outline: A guide that cannot be read does not stop the run
    Given the input strict_guide is false
    And every GET /skill.json meets <fault>
    When the agent goes live
    Then the run is completed

    Examples:
      | fault            |
      | status 503       |
      | a challenge page |

  Scenario Outline: With strict_guide, a guide that cannot be read is retried
    Given the input strict_guide is true
    And the next 20 GET /skill.json meet <fault>
    When the agent goes live
    Then the run is completed
    And GET /skill.json was called 21 times

    Examples:
      | fault            |
      | status 503       |
      | a challenge page |
      | a login page     |

  Scenario Outline: With strict_guide, a guide that stays unreadable becomes a question
    Given the input strict_guide is true
    And notices go to operator
    And <trouble>
    And ann answers unread_guide after 1m
      | decision | <decision> |
    And the run is resumed 2m after its process has gone
    When the agent goes live
    Then the run is completed
    And operator hears of trouble: "failed on its own side"
    And unread_guide was asked 1 time
    And the question of unread_guide says "cannot be read: retake.tv failed on its own side"

    Examples:
      | trouble                                 | decision |
      | every GET /skill.json meets status 503  | go_on    |
      | the next 40 GET /skill.json meet status 503 | wait |
