@real
Feature: The store of runs
  The stream comes first. A lost store does not end a stream, and no run is lost silently.

  Scenario Outline: The file is lost on air
    Given a home that holds nothing
    When an agent rehearses for 6s
    And its store is <lost> on air
    Then it exits with 0
    And it has said once that its store <fate>
    And the store has the run, completed, with its whole journal
    And the rehearsal saw 1 keys used, none of them twice
    And the rehearsal saw no rule broken
    And nothing it started is left

    Examples:
      | lost                 | fate             |
      | removed              | was removed      |
      | moved away           | was removed      |
      | replaced by its copy | was replaced     |

  Scenario: Another file takes the store's place
    Given a home that holds nothing
    When an agent rehearses for 6s
    And its store is replaced by a folder on air
    Then it exits with 6
    And it has said once that its store cannot be opened
    And its error says that the last records of its journal are lost
    And the rehearsal saw 1 keys used, none of them twice
    And the rehearsal saw no rule broken

  Scenario: A database server is restarted on air
    Given a home that holds nothing
    And its runs are kept on a database server
    When an agent rehearses for 6s
    And the database server is restarted on air
    Then it exits with 0
    And nobody was told of its store
    And the store has the run, completed, with its whole journal
    And the rehearsal saw 1 keys used, none of them twice
    And nothing it started is left
