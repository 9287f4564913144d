Feature: Testing your own flow
  Authors of a flow write scenarios for it and run them without Python and without a platform.

  Background:
    Given the file hello.yaml holds
      """
      flow: hello
      initial: look
      phrases:
        nobody has vouched: look ends with "done"
        the owl wakes and {time} pass: |
          When the flow is run
          And {time} pass
      states:
        look:
          do: retake.verification_status
          transitions:
            done: [{when: result.verified, to: linger}, {to: refused}]
            error: refused
        linger: {wait: 30s, transitions: {done: good}}
        good: {final: completed}
        refused: {final: failed, reason: "nobody has vouched for the agent"}
      """

  Scenario: Passing scenarios
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It lingers
          When the owl wakes and 10s pass
          Then it is in state "linger"
        Scenario: It ends
          When the owl wakes and 30s pass
          Then the run is completed
      """
    When "test hello.yaml hello.feature" is called
    Then it exits with 0 and says "2 scenarios: 2 passed"
    And it says "reached: 3 of 4 states, 2 of 4 transitions"

  Scenario: Uncovered states and transitions are listed
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends
          When the owl wakes and 30s pass
          Then the run is completed
      """
    When "test hello.yaml hello.feature --coverage full" is called
    Then it says "hello.yaml:13:14: never taken look: error → refused"
    And it says "never in refused"

  Scenario: A failing scenario shows the step, the expected and the actual value
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends too soon
          Given look takes 2s
          When the owl wakes and 10s pass
          Then the run is completed
          And it was never in "refused"
      """
    When "test hello.yaml hello.feature" is called
    Then it exits with 1 and says "1 scenario: 1 failed"
    And it says in this order
      """
      ok Given look takes 2s
      ok When the owl wakes and 10s pass
      -> Then the run is completed  (hello.feature:5)
      expected: completed
      got: in 'linger', and it continues
      2.000 s  state_entered     linger
      """

  Scenario: Scenarios with the same name are refused
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends
          When the owl wakes and 30s pass
          Then the run is completed
        Scenario: It ends
          When the owl wakes and 30s pass
          Then the run is failed
      """
    When "test hello.yaml hello.feature" is called
    Then it exits with 2 and says "hello.feature:5:3: the scenario 'It ends' already exists at hello.feature:2:3"

  Scenario: Only the named features are run
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends
          When the owl wakes and 30s pass
          Then the run is completed
      """
    And the file other.feature holds
      """
      Feature: Other
        Scenario: It lingers
          When the owl wakes and 10s pass
          Then it is in state "linger"
      """
    And the file draft.feature holds
      """
      Feature: Draft
        Scenario: It ends
          When the owl does something
      """
    When "test hello.yaml hello.feature other.feature" is called
    Then it exits with 0 and says "2 scenarios: 2 passed"

  Scenario: An unknown input is reported before anything runs
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends
          When the owl wakes and 30s pass
          Then the run is completed
      """
    When "test hello.yaml hello.feature --set foo=1" is called
    Then it exits with 2 and says "the flow 'hello' has no input 'foo'"

  Scenario: A step for rehearsals in a mocked scenario is reported
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends
          When the owl wakes and 30s pass
          Then it leaves nothing behind
      """
    When "test hello.yaml hello.feature" is called
    Then it exits with 1 and says "this step checks a rehearsed run, and this scenario has none"

  Scenario: A scenario that could not fail is refused
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It begins
          When the flow is run
      """
    When "test hello.yaml hello.feature" is called
    Then it exits with 2 and says "the scenario 'It begins' has no `Then`"

  Scenario: An unknown step is reported with similar ones
    Given the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends
          When the flow is runn
          Then the run is completed
      """
    When "test hello.yaml hello.feature" is called
    Then it exits with 2 and says "hello.feature:3:5: there is no step When the flow is runn"
    And it says "When the flow is run"

  Scenario: A phrase without steps is reported with its place
    Given the file phrases.yaml holds
      """
      the owl sleeps: it is in stat "good"
      """
    And the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends
          When the owl wakes and 30s pass
          Then the owl sleeps
      """
    When "test hello.yaml hello.feature" is called
    Then it exits with 2 and says "phrases.yaml:1:1: 'the owl sleeps' stands for"

  Scenario: A problem in the flow is reported before anything runs
    Given the file bad.yaml holds
      """
      flow: bad
      initial: look
      states:
        look: {wait: 1s, transitions: {done: nowhere}}
        over: {final: completed}
      """
    And the file hello.feature holds
      """
      Feature: Hello
        Scenario: It ends
          When the flow is run
          Then the run is completed
      """
    When "test bad.yaml hello.feature" is called
    Then it exits with 3 and says "RF020"

  Scenario: No features
    When "test hello.yaml" is called
    Then it exits with 2 and says "say where your scenarios are"

  Scenario: All steps are listed
    When "test --steps" is called
    Then it exits with 0 and says "the flow is run"
