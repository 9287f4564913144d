Feature: Problems are reported before anything runs
  `check` reports all problems of a flow at once, each with its line and what to do. A flow that could fail on some path
  does not run.

  Scenario: All problems are reported at once, each with its line
    Given the file owl.yaml holds
      """
      flow: owl
      initial: load
      states:
        load: {do: credentials.lode, transitions: {found: look, missing: lost}}
        look:
          do: retake.stream_status
          poll: {every: 1s, until: result.is_alive, timeout: 30s}
          transitions: {done: over, timeout: ovre}
        over: {final: completed, reason: "{{ inputs.name }}"}
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "owl.yaml: 6 mistakes"
    And it says in this order
      """
      owl.yaml:4:3: RF040 there is no action 'credentials.lode'
      hint: did you mean 'credentials.load'?
      owl.yaml:4:68: RF020 there is no state 'lost'
      owl.yaml:5:3: RF082 'look' repeats retake.stream_status `every` 1s; the platform asks for at least 3s
      owl.yaml:7:30: RF031 no event that leads here carries 'result.is_alive'
      hint: did you mean 'is_live'?
      owl.yaml:8:40: RF020 there is no state 'ovre'
      hint: did you mean 'over'?
      owl.yaml:9:36: RF031 there is nothing called 'inputs.name'
      """

  Scenario: A result that is missing on one path is shown with that path
    Given the file owl.yaml holds
      """
      flow: owl
      initial: load
      states:
        load: {do: credentials.load, transitions: {found: look, missing: over, error: over}}
        look: {do: retake.stream_status, transitions: {done: over, error: over}}
        over: {final: completed, reason: "{{ outputs.look.viewers }} watch"}
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "owl.yaml:6:36: RF034 'outputs.look.viewers' is not set on every path: load → over"
    And it says "give it a default, `outputs.look.viewers|default(…)`, or set it on every path before"

  Scenario: A stream key cannot get into a message, even indirectly
    Given the file owl.yaml holds
      """
      flow: owl
      initial: key
      states:
        key: {do: retake.stream_key, transitions: {done: {to: tell, set: {where: "{{ result.push_url }}"}}}}
        tell: {do: operator.tell, with: {message: "Push to {{ vars.where }}"}, transitions: {done: over}}
        over: {final: completed}
      """
    When "run owl.yaml --rehearse" is called
    Then it exits with 3 and says "RF090 'vars.where' is secret, and people can read the input 'message' of operator.tell"

  Scenario: Warnings do not prevent a run
    Given the file owl.yaml holds
      """
      flow: owl
      initial: wait
      states:
        wait: {wait: 1s, entry: {raise: begun}, transitions: {done: over}}
        over: {final: completed}
      """
    When "check owl.yaml" is called
    Then it exits with 0 and says "owl.yaml:4:35: RF053 warning: nothing takes the event 'begun' that is raised here"

  Scenario: A code is explained
    When "check --explain RF063" is called
    Then it exits with 0 and says "No route leads on from there to a final state of the flow."
