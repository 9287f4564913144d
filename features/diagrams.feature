Feature: Diagrams
  A diagram shows the main path of a flow, where it asks a person, and the state of a run.

  Background:
    Given the file post.yaml holds
      """
      flow: post
      version: 1
      inputs: {channel: {type: string, default: "#night-shift"}}
      initial: look
      states:
        look:
          do: retake.stream_status
          transitions:
            done:
              - {when: 'result.is_live and inputs.channel != "<b>"', to: approve}
              - {to: dark}
            error: dark
        approve:
          ask:
            message: May I post the link now? My password is hunter2.
            decisions: {allow: , refuse: }
            timeout: 2d
          transitions: {allow: posted, refuse: dark, timeout: dark}
        posted: {final: completed}
        dark: {final: failed, reason: nothing is posted}
      """
    And the file waits.yaml holds
      """
      flow: waits
      version: 1
      initial: approve
      states:
        approve: {ask: {message: "Well?", decisions: {allow: , refuse: }}, transitions: {allow: nap, refuse: no_}}
        nap: {wait: 10ms, transitions: {done: approve_again}}
        approve_again: {ask: {message: "Sure?", decisions: {allow: , refuse: }}, transitions: {allow: nap, refuse: no_}}
        no_: {final: refused}
      """

  Scenario Outline: A diagram shows actions and questions
    When "graph post.yaml --format <form>" is called
    Then it exits with 0 and says "retake.stream_status"
    And it says "allow · refuse"
    And it says "timeout 2d"
    And it nowhere says "hunter2"
    And it nowhere says "night-shift"
    And it says "and inputs.channel"

    Examples:
      | form    |
      | mermaid |
      | dot     |

  Scenario: The state of a waiting run is marked
    When "run waits.yaml" is called
    And "graph --run last --json" is called
    Then the run in the picture is at approve
    And its way in the picture is approve
    And it says "asked now"

  Scenario: The path of a run is marked
    When "run waits.yaml" is called
    And "resume last --decision allow" is called
    And "graph --run last --json" is called
    Then the run in the picture is at approve_again
    And its way in the picture is approve, nap, approve_again

  Scenario: The last round of a loop is marked
    When "run waits.yaml" is called
    And "resume last --decision allow" is called
    And "resume last --decision allow" is called
    And "graph --run last --json" is called
    Then its way in the picture is nap, approve_again
    And it says "nap ×2"

  Scenario: A run is drawn with the flow that it began with
    When "run waits.yaml" is called
    Given the file waits.yaml holds
      """
      flow: waits
      initial: rest
      states: {rest: {wait: 1s, transitions: {done: over}}, over: {final: completed}}
      """
    When "graph waits.yaml --run last --format dot" is called
    Then it exits with 0 and says "approve_again"
    And it nowhere says "rest"

  Scenario: A flow with mistakes is not drawn
    Given the file bad.yaml holds
      """
      flow: bad
      initial: rest
      states: {rest: {wait: 1s, transitions: {done: ovre}}, over: {final: completed}}
      """
    When "graph bad.yaml" is called
    Then it exits with 3 and says "there is no state 'ovre'"
    And it nowhere says "stateDiagram"
