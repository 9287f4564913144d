Feature: Questions to people
  A question is stored before anybody is notified. The first valid answer wins, no matter who gives it and from where.

  Background:
    Given an agent with credentials
    And this flow
      """
      flow: approval
      version: 1
      inputs: {}
      initial: approve
      states:
        approve:
          ask:
            message: May the agent go live as {{ run.id }}?
            decisions:
              yes: {hours: {type: integer, minimum: 1, default: 2}}
              no: {why: {type: string, optional: true}}
            remind: [1h, 6h]
            timeout: 2d
            escalate: [{after: 1d, to: owner}]
          transitions:
            yes: {to: approved, set: {hours: "{{ result.hours }}", who: "{{ result.answered_by }}"}}
            no: declined
            timeout: unanswered
        approved: {final: completed, reason: "{{ vars.who }} gives {{ vars.hours }} hours"}
        declined: {final: failed, reason: "{{ result.why|default('no', true) }}"}
        unanswered: {final: failed, reason: nobody has answered}
      """

  Scenario: The first valid answer wins, and a second one is refused with who came first
    Given ann answers approve after 10m
      | decision | yes |
      | hours    | 3   |
    And bob answers approve after 11m
      | decision | no |
    And the run is resumed 1h after its process has gone
    When the agent goes live
    Then the run is completed
    And the reason says "ann gives 3 hours"
    And bob hears "already answered by ann"
    And ann has answered approve

  Scenario: An invalid answer is refused with the reason, and the question stays open
    Given ann answers approve after 10m
      | decision | yes  |
      | hours    | none |
    And bob answers approve after 11m
      | decision | perhaps |
    And cat answers approve after 12m
      | decision | yes |
    And the run is resumed 1h after its process has gone
    When the agent goes live
    Then the run is completed
    And the reason says "cat gives 2 hours"
    And ann hears "hours does not fit"
    And bob hears "'perhaps' is no decision"

  Scenario: Fields that only one decision has determine the decision
    Given ann answers approve after 10m
      | hours | 3 |
    And the run is resumed 1h after its process has gone
    When the agent goes live
    Then the run is completed
    And the reason says "ann gives 3 hours"

  Scenario: An answer given while no process runs is used on resume
    Given ann answers approve after 1d
      | decision | no       |
      | why      | too late |
    And the run is resumed 30h after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "too late"
    And it took 2 processes

  Scenario: A timer that fires afterwards does not discard a timely answer
    Given ann answers approve after 47h
      | decision | yes |
    And the run is resumed 4d after its process has gone
    When the agent goes live
    Then the run is completed

  Scenario: An expired question accepts no answer
    Given ann answers approve after 49h
      | decision | yes |
    And the run is resumed 4d after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "nobody has answered"
    And ann hears "has expired"

  Scenario: A question is repeated, escalated and expires at the right times
    Given the run is resumed 1h after its process has gone
    And the run is resumed 5h after its process has gone
    And the run is resumed 18h after its process has gone
    And the run is resumed 24h after its process has gone
    When the agent goes live
    Then the run is failed
    And reminders came after
      | 1h |
      | 6h |
    And owner was told after 24h
    And the question expired after 48h

  Scenario: Missed reminders are sent as one
    Given the run is resumed 10h after its process has gone
    When the agent goes live
    Then the run waits at approve
    And reminders came after
      | 10h |

  Scenario: Resuming without an answer repeats no question
    Given the run is resumed 10m after its process has gone
    And the run is resumed 10m after its process has gone
    When the agent goes live
    Then the run waits at approve
    And approve was asked 1 time
    And it took 3 processes

  Scenario: A question during the stream does not delay it
    Given this flow
      """
      flow: beside
      version: 1
      inputs: {max_duration: {type: string, default: 30s}}
      initial: on_air
      states:
        on_air:
          activities:
            direction: {ask: {message: "Which way?", answer: {way: {type: string}}}}
            health: {do: retake.stream_status, every: 3s}
          timeout: 1m
          transitions:
            direction.answered: turned
            timeout: {to: done}
            error: done
        turned: {wait: 1s, set: {way: "{{ result.way }}"}, transitions: {done: done}}
        done: {final: completed, reason: "{{ vars.way|default('straight on') }}"}
      """
    And ann answers direction after 20s
      | way | left |
    When the agent goes live
    Then the run is completed
    And the reason says "left"
    And it took 1 processes

  Scenario: A secret answer appears nowhere
    Given this flow
      """
      flow: secretive
      version: 1
      initial: key
      states:
        key:
          ask: {message: "The key?", answer: {key: {type: string, secret: true}}}
          transitions:
            answered:
              - {when: result.key is defined, to: done}
              - {to: bad}
        done: {final: completed}
        bad: {final: failed}
      """
    And ann answers key after 1m
      | key | open-sesame-42 |
    And the run is resumed 1h after its process has gone
    When the agent goes live
    Then the run is completed
    And the journal nowhere says "open-sesame-42"
