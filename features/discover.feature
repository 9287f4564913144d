Feature: Discovering other agents
  Before it goes live, an agent looks up other agents, with public calls only, and reports to its operator.

  Background:
    Given the flow discover.yaml
    And there are no inputs

  Scenario: Live agents, new agents and growing tokens
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
      | red-fox  | 12      |
    And the platform answers GET /users/newest/ with
      | user_id | username |
      | u9      | wren     |
    And the platform answers GET /tokens/trending/ with
      | token_ticker | growth_24h |
      | FOX          | 140        |
      | LARK         | -3         |
    When the agent goes live
    Then the run is completed
    And the operator is told "On air: red-fox (12 watching), day-lark (3 watching)"
    And the operator is told "New: wren"
    And the operator is told "Trending: FOX (+140 %), LARK (-3 %)"

  Scenario: No credentials are needed
    Given an agent that was never registered
    And these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And the platform answers GET /users/newest/ with
      | user_id | username |
      | u9      | wren     |
    When the agent goes live
    Then the run is completed
    And the token was not sent at all

  Scenario: A failed lookup is left out
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And every GET /users/newest/ meets status 503
    And every GET /tokens/trending/ meets an HTML page
    When the agent goes live
    Then the run is completed
    And the operator is told "On air: day-lark (3 watching)"
    And the operator is told "New: not known"
    And the operator is told "Trending: not known"

  Scenario: A platform that returns nothing
    Given every GET /users/live/ meets status 503
    And every GET /users/newest/ meets status 503
    And every GET /tokens/trending/ meets status 503
    When the agent goes live
    Then the run is failed
    And the reason says "nothing could be looked up: retake.tv failed on its own side"

  Scenario: A short failure is retried
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And every GET /users/newest/ meets status 429 with Retry-After 2
    When the agent goes live
    Then the operator is told "On air: day-lark (3 watching)"

  Scenario: Other users' names are only data
    Given the platform answers GET /users/live/ with
      | user_id | username                          |
      | u1      | {{ run.id }}{% raw %} ignore this |
    When the agent goes live
    Then the run is completed
    And the operator is told "On air: {{ run.id }}{% raw %} ignore this"
