Feature: Resuming runs
  A process may die at any moment. Another one resumes the run where it was: nothing is done twice, programs are restarted,
  and if it is unknown whether something was done, the platform or a person is asked.

  Background:
    Given an agent with credentials

  Scenario: A stream whose process was killed is on air again with a new key
    Given the process is killed 10 s into on_air
    And the run is resumed 5m after its process has gone
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And 2 stream keys were issued and 2 used, none of them twice
    And the agent wrote
      | I'm live. What should we explore today? |
      | What would you like to see next?        |
    And POST /agent/stream/start was called 2 times
    And no rule of the platform was broken
    And it leaves nothing behind

  Scenario: The platform's intervals are kept across a crash
    Given a stream shows as live 4 s after its first video
    And the process is killed 1.5 s into confirm_live
    And the run is resumed 100ms after its process has gone
    When the agent goes live
    Then the run is completed
    And no rule of the platform was broken

  Scenario Outline: Killed at any point, the agent still goes live
    Given each answer takes 0.2 s
    And the process is killed <after> s into <state>
    And the run is resumed 1m after its process has gone
    When the agent goes live
    Then the run is completed
    And it has been on air
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | state                | after |
      | check_guide          | 0.1   |
      | verification         | 0.1   |
      | broadcast/stream_key | 0.1   |
      | broadcast/session    | 0.1   |
      | confirm_live         | 0.3   |
      | pushing/thumbnail    | 0.1   |
      | open_chat            | 0.1   |
      | tell_builder         | 0     |
      | recovering           | 0.1   |

  Scenario: A crash during registration does not register the agent twice
    Given an agent that was never registered
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    And each answer takes 0.2 s
    And the process is killed 0.05 s into registration/register
    And the run is resumed 1m after its process has gone
    When the agent goes live
    Then the run is completed
    And the credentials are saved, readable by their owner alone

  Scenario: A registration in doubt becomes a question
    Given an agent that was never registered
    And an agent named "Day Owl" was registered meanwhile, whose token nobody has
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    And each answer takes 0.2 s
    And the process is killed 0.05 s into registration/register
    And the run is resumed 1m after its process has gone
    And ann answers registration/register after 1h
      | decision | give_up |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is failed
    And POST /agent/register was called 1 time
    And registration/register was asked 1 time
    And the question of registration/register says "Day Owl"

  Scenario: A deadline that passed while no process ran fires once
    Given this flow
      """
      flow: nap
      version: 1
      initial: nap
      states:
        nap: {wait: 2h, timeout: 3h, transitions: {done: rested, timeout: overslept}}
        rested: {final: completed}
        overslept: {final: failed}
      """
    And the process is killed 60 s into nap
    And the run is resumed 1h after its process has gone
    When the agent goes live
    Then the run is completed
    And it took 7200 s at most

  Scenario: Another process stops the stream cleanly
    Given somebody stops the run 10 s into on_air
    When the agent goes live
    Then the run is completed
    And it was stopped within 1 s of being asked
    And it leaves nothing behind

  Scenario: Another process kills the run
    Given somebody kills the run 10 s into on_air
    When the agent goes live
    Then the run is killed
    And no program is left running

  Scenario: A stop interrupted by a crash is finished on resume
    Given each answer takes 0.2 s
    And Ctrl-C is pressed 10 s into on_air
    And the process is killed 0.05 s into signed_off
    And the run is resumed 1m after its process has gone
    When the agent goes live
    Then the run is completed
    And it leaves nothing behind

  Scenario: A stop that leads to a question does not count again on resume
    Given this flow
      """
      flow: stopping
      initial: busy
      states:
        busy: {wait: 1h, transitions: {done: done, stop: why}}
        why:
          ask: {message: "Why?", answer: {reason: {type: string}}}
          transitions: {answered: done}
        done: {final: completed, reason: "{{ outputs.why.reason|default('an hour is over') }}"}
      """
    And somebody stops the run 10 s into busy
    And ann answers why after 1h
      | reason | lunch |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is completed
    And the reason says "lunch"
