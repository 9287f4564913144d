@real
Feature: The store of runs
  The stream comes first. A lost store does not end a stream, and no run is lost silently.

  Scenario: The store's file is replaced by its copy on air
    Given a home that holds nothing
    When an agent rehearses for 10m
    And its store is replaced by its copy on air
    And Ctrl-C is pressed once it says that its store was replaced
    Then it exits with 130
    And it has said once that its store was replaced
    And the store has the run, completed, with its whole journal
    And its stream has had no break
    And the rehearsal saw 1 keys or more, none of them twice
    And the rehearsal saw no rule broken
    And nothing it started is left

  Scenario: A folder takes the place of the store's file
    Given a home that holds nothing
    When an agent rehearses for 10m
    And its store is replaced by a folder on air
    And Ctrl-C is pressed once it says that its store cannot be opened
    Then it exits with 6
    And it has said once that its store cannot be opened
    And its error says that the last records of its journal are lost
    And its stream has had no break
    And the rehearsal saw 1 keys or more, none of them twice
    And the rehearsal saw no rule broken

  Scenario: A database server stays away
    The run ends before another host can take it, and any process can resume it later.

    Given a home that holds nothing
    And its runs are kept on a database server
    And a lease lasts 15 s
    When an agent rehearses for 10m
    And the database server stays away
    Then it exits with 6
    And its error says that the lease has run out
    And no program that it started is left
    When the database server is back, and the run is resumed
    And Ctrl-C is pressed when it is on air again
    Then it exits with 130
    And the rehearsal saw no rule broken
    And nothing it started is left

  Scenario: A host loses its power on air
    Nobody has to say that it is gone: its lease does.

    Given a lease lasts 15 s
    And two hosts of one name that share a database server
    When an agent is live on the first host
    Then the second host may neither resume its run nor begin another one
    When the first host loses its power
    Then the second host resumes the run once its lease is over, and not before
    And the agent is live on the second host, with a new key
