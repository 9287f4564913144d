Feature: Checking an untrusted flow
  Checking somebody else's flow opens no file outside its folder, reveals nothing about the contents of such files, and runs
  none of its code.

  Scenario Outline: A flow that names a file of the machine reveals nothing about it
    Given the file theirs.yaml holds
      """
      flow: theirs
      initial: look
      states:
        look: {flow: /etc/passwd, transitions: {ok: over}}
        over: {final: completed}
      """
    When "<look> theirs.yaml" is called
    Then it exits with 3 and says "/etc/passwd is outside of the flow's folder"
    And it says "to allow this one, add --allow-outside /etc"
    And it nowhere says "root:"

    Examples:
      | look                 |
      | check                |
      | plan                 |
      | graph --rules        |
      | paths                |
      | check --format=sarif |

  Scenario: An allowed file that is not a flow is not quoted
    Given the file theirs.yaml holds
      """
      flow: theirs
      extends: /etc/passwd
      """
    When "check theirs.yaml --allow-outside /etc" is called
    Then it exits with 3 and says "/etc/passwd:1:1: RF014 this is no flow"
    And it nowhere says "root:"

  Scenario: A flow in a sibling folder needs one option
    Given the file base.yaml holds
      """
      flow: base
      initial: over
      states: {over: {final: completed}}
      """
    And the file agents/owl.yaml holds
      """
      flow: owl
      extends: ../base.yaml
      states: {over: {reason: "it is over"}}
      """
    When "check agents/owl.yaml" is called
    Then it exits with 3 and says "agents/../base.yaml is outside of the flow's folder"
    When "check agents/owl.yaml --allow-outside ." is called
    Then it exits with 0 and says "agents/owl.yaml: no mistakes"

  Scenario: A plan shows where a value comes from, not the value
    Given OWL_KEY is set to hush-hush-hush
    And the file theirs.yaml holds
      """
      flow: theirs
      inputs:
        key: {type: string, env: OWL_KEY, secret: false}
        line: {type: string, file: ../line.txt, secret: false}
      initial: tell
      states:
        tell: {do: operator.tell, with: {message: "{{ inputs.key }} {{ inputs.line }}"}, transitions: {done: over}}
        over: {final: completed}
      """
    When "plan theirs.yaml" is called
    Then it exits with 0 and says "key from the variable OWL_KEY; line from the file ../line.txt"
    And it nowhere says "hush-hush-hush"

  Scenario: Python next to features runs only on request
    Given the file theirs.yaml holds
      """
      flow: theirs
      initial: over
      states: {over: {final: completed}}
      """
    And the file features/theirs.feature holds
      """
      Feature: Theirs
        Scenario: It ends
          When the flow is run
          Then the run is completed
      """
    And the file features/conftest.py holds
      """
      raise RuntimeError("somebody's Python is run")
      """
    When "test theirs.yaml" is called
    Then it exits with 0 and says "1 scenario: 1 passed"
    And it says "not run: features/conftest.py; --python takes the steps in it"
    When "test theirs.yaml --python" is called
    Then it exits with 2 and says "somebody's Python is run"
