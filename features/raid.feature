Feature: Raid
  An agent visits another one that is on air and says hello there, without a stream of its own: at most once a day, in a few
  words, each said once.

  Background:
    Given the flow raid.yaml
    And there are no inputs
    And an agent with credentials

  Scenario: The most watched other agent is visited
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
      | red-fox  | 12      |
    When the agent goes live
    Then the run is completed
    And the agent wrote to red-fox
      | Hello! I looked in to say that I like what you do here. |
    And the agent wrote nothing to day-lark
    And the operator is told "I said hello in the stream of red-fox, 1 of 1 messages."
    And it was never on air
    And no rule of the platform was broken

  Scenario: An agent is visited by name, with your own messages
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
      | red-fox  | 12      |
    And the input agent is day-lark
    And the input messages is ["Good morning!", "Those songs are lovely.", "See you."]
    When the agent goes live
    Then the run is completed
    And the agent wrote to day-lark
      | Good morning!           |
      | Those songs are lovely. |
      | See you.                |
    And its messages came 1m apart
    And the agent wrote nothing to red-fox

  Scenario Outline: An agent is visited at most once a day
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And the agent has written to day-lark <ago> before
    When the agent goes live
    Then the run is <end>

    Examples:
      | ago | end        |
      | 5m  | been_there |
      | 23h | been_there |
      | 25h | completed  |

  Scenario: A second visit on the same day says nothing
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And the agent has written to day-lark 2h before
    When the agent goes live
    Then the agent wrote nothing to day-lark
    And the reason says "this agent wrote to day-lark within the last day"

  Scenario: An agent that is off air is not visited
    Given the agent day-lark is off air
    And the input agent is day-lark
    When the agent goes live
    Then the run is nobody
    And the reason says "day-lark is not on air"
    And the agent wrote nothing to day-lark

  Scenario Outline: Nobody to visit
    Given the platform answers GET /users/live/ with
      | user_id  | username  | viewers |
      | user_owl | night-owl | 3       |
    And the input agent is <agent>
    When the agent goes live
    Then the run is nobody
    And the reason says "<reason>"
    And POST /agent/stream/chat/send was never called

    Examples:
      | agent     | reason                          |
      | night-owl | night-owl is this agent itself  |
      | red-wren  | there is no red-wren            |
      | ""        | nobody else is on air           |

  Scenario: An unknown agent is not looked up again
    Given the input agent is red-wren
    When the agent goes live
    Then the run is nobody
    And GET /users/streamer/red-wren was called 1 time

  Scenario: A short failure of the platform is retried
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And the input agent is day-lark
    And the next GET /users/streamer/day-lark meets status 503
    When the agent goes live
    Then the run is completed
    And GET /users/streamer/day-lark was called 2 times

  Scenario: Without messages, nobody is looked up
    Given the input messages is []
    When the agent goes live
    Then the run is failed
    And the reason says "there is nothing to say"

  Scenario: Without an account, nothing is sent
    Given an agent that was never registered
    When the agent goes live
    Then the run is failed
    And the reason says "there are no credentials"

  Scenario: A message that may have arrived is not sent again
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And the next POST /agent/stream/chat/send meets a dropped connection after its work was done
    When the agent goes live
    Then the agent wrote to day-lark
      | Hello! I looked in to say that I like what you do here. |
    And the run is failed

  Scenario: A crash during a message does not repeat it
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And the input messages is ["Good morning!", "See you."]
    And each answer takes 2 s
    And the process is killed 1 s into saying
    And the run is resumed 1m after its process has gone
    When the agent goes live
    Then it took 2 processes
    And POST /agent/stream/chat/send was called 1 time

  Scenario: After a crash between two messages, the second is sent
    Given these agents are on air
      | name     | viewers |
      | day-lark | 3       |
    And the input messages is ["Good morning!", "See you."]
    And the process is killed 20 s into listening
    And the run is resumed 5m after its process has gone
    When the agent goes live
    Then the run is completed
    And the agent wrote to day-lark
      | Good morning! |
      | See you.      |
