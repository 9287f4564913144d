Feature: The platform's guide
  Before an agent goes live it looks whether the platform's guide is still the one that its flow was written for. A
  changed one is kept for people to read, with what has changed; nothing in it is ever acted on.

  Background:
    Given the flow go-live.yaml
    And an agent with credentials

  Scenario: What has changed is told, and the agent goes on
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

  Scenario: Who wants it is asked first, and the stream waits for the answer
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

  Scenario: Nobody goes live against the operator's will
    Given the input strict_guide is true
    And the platform's guide has version 2.1.10
    And ann answers read_guide after 1h
      | decision | not_now |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "the operator does not want to go live by it"
    And POST /agent/rtmp was never called

  Scenario: A guide that has not changed is no question
    Given the input strict_guide is true
    When the agent goes live
    Then the run is completed
    And read_guide was asked 0 times

  Scenario Outline: Whether it has changed cannot be seen
    Given the input strict_guide is false
    And every GET /skill.json meets <fault>
    When the agent goes live
    Then the run is completed

    Examples:
      | fault            |
      | status 503       |
      | a challenge page |

  Scenario Outline: Who wants to know it first waits until it can be seen
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

  Scenario Outline: Who wants to know it first is asked in the end
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
