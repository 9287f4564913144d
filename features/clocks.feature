Feature: Clocks
  The platform's own clock decides what counts as history, however far it is from the machine's.

  Background:
    Given an agent with credentials

  Scenario Outline: History ends where the stream begins, whatever the clocks say
    Given the platform's clock is <time> <where> ours
    And chat comes in the <shape> shape
    And a chat that holds already
      | seconds ago | name | text           |
      | 3600        | zoe  | are you there? |
      | 20          | kim  | hello?         |
    And these viewers
      | at | name | text |
      | 1  | mira | hi   |
      | 20 | ade  | hi   |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
      | Welcome, ade! Good to have you here.    |
    And mira is answered within 3.1 s

    Examples:
      | time | where    | shape      |
      | 75s  | behind   | observed   |
      | 75s  | ahead of | documented |
      | 2d   | behind   | mixed      |
      | 1h   | ahead of | mixed      |
      | 0s   | ahead of | documented |

  Scenario Outline: Without a Date header, the agent's own message gives the time
    Given the platform's clock is 75s <where> ours
    And its answers do not tell the time
    And a chat that holds already
      | seconds ago | name | text   |
      | 20          | kim  | hello? |
    And these viewers
      | at | name | text |
      | 1  | mira | hi   |
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |

    Examples:
      | where    |
      | behind   |
      | ahead of |

  Scenario: A resumed process knows what is history
    Given the platform's clock is 75s behind ours
    And a chat that holds already
      | seconds ago | name | text   |
      | 20          | kim  | hello? |
    And these viewers
      | at | name | text  |
      | 1  | mira | hi    |
      | 55 | ade  | hi    |
    And it is to be on air for 90s
    And the process is killed 30 s into on_air
    And the run is resumed 5s after its process has gone
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |
      | Welcome, mira! Good to have you here.   |
      | Welcome, ade! Good to have you here.    |
