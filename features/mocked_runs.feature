Feature: Mocked runs of your own flow
  The steps work for any flow, so that its author can describe what it should do.

  Scenario: A flow that only checks whether the agent is on air
    Given an agent with credentials
    And this flow
      """
      flow: look
      version: 1
      initial: look
      states:
        look:
          do: retake.stream_status
          transitions:
            done:
              - {when: result.is_live, to: live}
              - {to: dark}
            error: unknown
        live: {final: completed}
        dark: {final: failed, reason: "the agent is not on air"}
        unknown: {final: failed, reason: "{{ event.message }}"}
      """
    When the agent goes live
    Then the run is failed
    And the reason says "the agent is not on air"
    And GET /agent/stream/status was called 1 time
    And it leaves nothing behind

  # Without a platform: actions are mocked, and the run goes on only as far as it is told to.

  Scenario: An action that the scenario does not mention succeeds
    Given the flow go-live.yaml
    When the flow is run
    And it goes on until "on_air"
    Then it is in state "broadcast/pushing/on_air"
    And it is in state "broadcast"
    And it was never in "recovering"
    And retake.start_stream was performed 1 time
    And chat.send got
      | message | I'm live. What should we explore today? |
    And the operator is told "I'm live at"
    And the run goes on
    When it is stopped
    And it goes on to its end
    Then the run is completed
    And retake.stop_stream was performed 1 time
    And retake.register was never performed

  Scenario: An action with different results over time
    Given this flow
      """
      flow: patient
      initial: look
      states:
        look:
          do: retake.stream_status
          retry: {max: 0}
          transitions:
            done: [{when: result.is_live, to: live, set: {seen: "{{ result.viewers }}"}}, {to: rest}]
            error: rest
        rest: {wait: 10s, transitions: {done: look}}
        live: {final: completed}
      """
    And look gives
      | is_live | viewers |
      | false   |         |
      | true    | 7       |
    And look fails with "unavailable" 2 times
    And look takes 2s
    When the flow is run
    Then it is in state "look"
    When 2s pass
    Then it is in state "rest"
    When it goes on to its end
    Then the states were
      | look |
      | rest |
      | look |
      | rest |
      | look |
      | rest |
      | look |
      | live |
    And it has been in "rest" 3 times
    And the variable seen is 7

  Scenario: A person answers a question
    Given this flow
      """
      flow: asking
      initial: approve
      inputs: {least: {type: integer, default: 1}}
      states:
        approve:
          ask:
            message: "For how many hours, {{ inputs.least }} at least?"
            decisions: {allow: {hours: {type: integer}}, refuse: {}}
            timeout: 1d
          transitions: {allow: {to: good, set: {hours: "{{ result.hours }}"}}, refuse: bad, timeout: bad}
        good: {final: completed}
        bad: {final: failed, reason: "nobody has allowed it"}
      """
    And the input least is 2
    When the flow is run
    Then it asks "2 at least"
    When the operator answers approve with "allow"
      | hours | 3 |
    Then the run is completed
    And the variable hours is 3
    And nothing is asked

  Scenario: Nobody answers in time
    Given this flow
      """
      flow: hurried
      initial: way
      states:
        way: {ask: {message: "Which way?", answer: {way: {type: string}}, timeout: 1h}, transitions: {answered: good, timeout: bad}}
        good: {final: completed, reason: "{{ outputs.way.way }}"}
        bad: {final: failed, reason: "nobody has said"}
      """
    When the flow is run
    And 1h passes
    Then the run is failed
    And the reason says "nobody has said"

  Scenario: A question without decisions is answered by its fields
    Given this flow
      """
      flow: calm
      initial: way
      states:
        way: {ask: {message: "Which way?", answer: {way: {type: string}}}, transitions: {answered: good}}
        good: {final: completed, reason: "{{ outputs.way.way }}"}
      """
    When the flow is run
    And ann answers way
      | way | north |
    Then the reason says "north"

  Scenario: An event from outside
    Given this flow
      """
      flow: outside
      initial: calm
      events: {tip: {amount: {type: number}}, night: {}}
      states:
        calm: {transitions: {tip: {to: glad, set: {amount: "{{ event.amount }}"}}}}
        glad: {transitions: {night: over}}
        over: {final: completed}
      """
    When the flow is run
    And the event tip comes with
      | amount | 5.5 |
    Then the variable amount is 5.5
    When the event night comes
    Then the run is completed

  Scenario: Programs that exit
    Given this flow
      """
      flow: shown
      initial: stage
      states:
        stage:
          initial: key
          activities:
            display: {do: studio.display}
            content: {do: studio.content, needs: display}
          transitions: {display.exited: again, content.exited: lost, error: lost}
          states:
            key: {do: retake.stream_key, undo: retake.stop_stream, transitions: {done: rest}}
            rest: {wait: 1h, transitions: {done: over}}
        again: {wait: 1s, transitions: {done: stage}}
        over: {final: completed}
        lost: {final: failed, reason: "{{ event.reason|default(event.message) }}"}
      """
    And retake.stream_key never answers
    And content exits after 1m
    When the flow is run
    And the display exits
    Then it is in state "again"
    When it goes on until "key"
    Then it has been in "stage" 2 times
    And it has been in "again"
    When 1m passes
    Then the run is failed
    And the reason says "it ended by itself"
    And the states were
      | key   |
      | again |
      | key   |
      | lost  |

  Scenario: Other outcomes and errors of an action
    Given this flow
      """
      flow: known
      initial: look
      states:
        look: {do: retake.check_guide, transitions: {unchanged: load, changed: load, error: bad}}
        load: {do: credentials.load, transitions: {found: good, missing: look, error: bad}}
        good: {do: retake.stop_stream, transitions: {done: over, error.rejected: bad, error: look}}
        over: {final: completed}
        bad: {final: failed, reason: "{{ event.message }}"}
      """
    And look ends with "changed"
      | version | 9.0.0 |
    And load ends with "missing" 2 times
    And retake.stop_stream fails with "rejected"
    When the flow is run
    Then the run is failed
    And look was performed 3 times
    And the reason says "rejected, as the scenario says"
