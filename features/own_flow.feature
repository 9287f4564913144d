Feature: Flows of one's own
  The steps take any flow, so that somebody who writes one can say what it is to do.

  Scenario: A flow that only looks whether the agent is on air
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
