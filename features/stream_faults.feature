Feature: Platform faults during a stream
  Whatever happens to a push or its key, the stream recovers with a fresh key, a new session and a new encoder.

  Background:
    Given an agent with credentials
    And it is to be on air for 3m

  Scenario Outline: The stream recovers with a fresh key
    Given 20 s after going live the platform <does>
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And <issued> stream keys were issued and 2 used, none of them twice
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | does                            | issued |
      | rotates the stream key          | 3      |
      | closes the push                 | 2      |
      | reads no more video             | 2      |
      | says that the stream is offline | 2      |

  Scenario: A frozen status does not interrupt a good stream
    Given 20 s after going live the platform goes on saying of the stream what it says then
    When the agent goes live
    Then the run is completed
    And it has been on air 1 times
    And 1 stream keys were issued and 1 used, none of them twice
    And no rule of the platform was broken

  Scenario: A closed push is noticed although the status is frozen
    Given 20 s after going live the platform goes on saying of the stream what it says then
    And 40 s after going live the platform closes the push
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And 2 stream keys were issued and 2 used, none of them twice
    And no rule of the platform was broken

  Scenario: Viewers of a push that drops before chat was read are answered after it
    Given the next POST /agent/update-thumbnail meets a delay of 30 s
    And 6 s after going live the platform closes the push
    And these viewers
      | at | name | text     |
      | 2  | mira | anybody? |
    When the agent goes live
    Then the run is completed
    And 2 stream keys were issued and 2 used, none of them twice
    And the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
