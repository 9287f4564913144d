@real
Feature: Many hosts
  A submitted run goes to a host with free capacity. No stream depends on a worker.

  Scenario: A stream outlives its worker, its process and its host
    Given hosts with the credentials of owl that share a database server
    When the operator submits go-live for owl
    Then it waits, since no worker runs
    When the workers of studio-1 and studio-2 start
    Then owl is live, on one of them
    And that host has 0.5 cores less to give
    When the worker of that host hangs
    Then the same encoder goes on, and its host counts as away
    When the worker goes on
    Then the host has its run again, and the same encoder goes on
    When the worker of that host is killed, and starts again
    Then the host has its run again, and the same encoder goes on
    When the process of the run is killed
    Then owl is live again, with a new key
    When the host of the run is drained, and something is said meanwhile
    Then owl is live on the other host, with a new key, and the drained one is gone
    And it was said there
    When the other worker is asked to start anew
    Then the same encoder goes on
    When the run is stopped from anywhere
    Then it has ended cleanly, and its host has all its room back
    And retake.tv has seen no key twice and no rule broken

  Scenario: A run that waits for an answer takes no capacity
    Given hosts with the credentials of owl that share a file
    And a flow that asks somebody
    When the worker of studio-1 starts, with room for one run
    And the flow is submitted 3 times
    Then all 3 are asked
    When one is answered
    Then that one is completed, and the others still wait for a person

  Scenario: A run that fails on every host is held for a person
    Given hosts with the credentials of owl that share a file
    And a flow that needs a variable
    When the worker of studio-1 starts, with room for one run
    And the flow is submitted 1 times
    Then it is held after 5 failures, and `runs` says which variable is missing
    When the worker starts again with that variable, and the run is submitted again
    Then that one is completed, and the others still wait for a person
