Feature: Simulation
  A script sets the results of a flow's actions line by line, and each line shows where the flow goes: in virtual time, on the
  real engine, the same each time.

  Background:
    Given this flow
      """
      flow: vouched
      initial: look
      events: [hurry]
      states:
        look:
          do: retake.verification_status
          retry: {max: 1, interval: 2s}
          transitions:
            done:
              - {when: result.verified, to: good}
              - {to: ask}
            error: bad
        ask:
          ask: {message: "Who vouches?", decisions: {posted: {link: {type: string, format: post}}, decline: }, timeout: 7d}
          transitions: {posted: look, decline: bad, timeout: bad, hurry: good}
        good: {final: completed}
        bad: {final: failed, reason: "{{ event.message|default('nobody vouches') }}"}
      """

  Scenario: The script sets the result of an action
    When this script is simulated
      """
      {"result": {"state": "look", "value": {"verified": false}}}
      {"answer": {"decision": "posted", "fields": {"link": "https://x.com/ann/status/42"}, "by": "ann"}}
      {"result": {"state": "look", "value": {"verified": true}}}
      """
    Then it is in "look" at first
    And it is in "ask" after line 1
    And it is in "look" after line 2
    And it is in "good" after line 3
    And the simulated run is completed
    And the simulation exits with 0

  Scenario: Time passes only when the script says so
    When this script is simulated
      """
      {"result": {"state": "look", "value": {"verified": false}}}
      {"advance": "6d23h"}
      {"advance": "1h"}
      """
    Then it is in "ask" after line 2
    And it is in "bad" after line 3
    And it is 604800 s after line 3
    And the simulated run is failed, since "nobody vouches"

  Scenario: An error is raised as the platform would raise it
    When this script is simulated
      """
      {"error": {"state": "look", "type": "http", "status": 503}}
      {"advance": "3s"}
      {"error": {"state": "look", "type": "http", "status": 503, "message": "back at noon"}}
      """
    Then it is in "look" after line 2
    And the simulated run is failed, since "retake.tv failed on its own side"
    And the simulated run is failed, since "back at noon"

  Scenario: An event before its time
    When this script is simulated
      """
      {"result": {"state": "look", "value": {"verified": false}}}
      {"event": "hurry"}
      """
    Then the simulated run is completed

  Scenario: An invalid line is refused, and the simulation continues
    When this script is simulated
      """
      {"event": "hurry"}
      {"result": {"state": "loo"}}
      {"result": {"state": "look", "outcome": "won"}}
      good
      {"result": {"state": "look", "value": {"verified": true}}}
      """
    Then line 1 is refused, since "'look' does not expect the event 'hurry'"
    And line 2 is refused, since "there is no state or activity 'loo'"
    And line 3 is refused, since "'retake.verification_status' has no outcome 'won'"
    And line 4 is refused, since "not JSON"
    And it is in "look" after line 4
    And the simulated run is completed
    And the simulation exits with 2

  Scenario: Actions with mocked results
    Given these mocks
      """
      retake.verification_status: [{value: {verified: false}}, {value: {verified: true}, after: 90s}]
      """
    When this script is simulated
      """
      {"answer": {"decision": "posted", "fields": {"link": "https://x.com/ann/status/42"}}}
      {"advance": "90s"}
      """
    Then it is in "ask" at first
    And it is in "look" after line 1
    And the simulated run is completed

  Scenario: An invalid mock is reported with its place
    Given these mocks
      """
      look: done
      lok: done
      """
    When this script is simulated
      """
      {"advance": "1s"}
      """
    Then the simulation says "mocks.yaml:2:1: there is no action, and no state or activity with an action, named 'lok'"
    And the simulation exits with 2
