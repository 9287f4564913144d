Feature: Your own flow in a few lines
  An agent's flow says only how it differs from the shipped one. Its problems are reported in its own file, before
  anything runs.

  Background:
    Given an agent with credentials

  Scenario: A flow is created, checked and run
    When "init night-owl" is called
    And "check night-owl.yaml" is called
    Then it exits with 0 and says "night-owl.yaml: no mistakes"
    When "show-flow night-owl.yaml" is called
    Then it exits with 0 and says "# night-owl.yaml:"
    And it says "# go-live.yaml:"

  Scenario: The agent says what its flow sets
    Given this flow
      """
      extends: go-live.yaml
      inputs:
        opening_message: Hoo!
        max_duration: {default: 30s}
      states:
        broadcast/pushing/on_air:
          activities: {chat: null}
          transitions: {tip: null, chat.error.unauthorized: null}
          states: {locked_out: null, new_token: null}
      """
    When the agent goes live
    Then the run is completed
    And the agent wrote
      | Hoo! |
    And no rule of the platform was broken

  Scenario: The stream waits for a person's permission
    Given this flow
      """
      extends: go-live.yaml
      inputs: {max_duration: 30s}
      states:
        approve:
          before: broadcast
          ask: {message: "May I go live?", decisions: {allow: {}, refuse: {}}, timeout: 1d}
          transitions: {refuse: not_live, timeout: not_live}
      """
    And ann answers approve after 1h
      | decision | allow |
    And the display is killed 5 s into on_air
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And approve was asked once

  Scenario: Without permission, nothing goes live
    Given this flow
      """
      extends: go-live.yaml
      inputs: {max_duration: 30s}
      states:
        approve:
          before: broadcast
          ask: {message: "May I go live?", decisions: {allow: {}, refuse: {}}, timeout: 1d}
          transitions: {refuse: not_live, timeout: not_live}
      """
    And ann answers approve after 1h
      | decision | refuse |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is failed
    And it was never on air
    And POST /agent/stream/start was never called

  Scenario Outline: A problem is reported in the file that causes it
    Given the file owl.yaml holds
      """
      extends: go-live.yaml
      <line>
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "<said>"

    Examples:
      | line                                                      | said                                    |
      | states: {on_air: {timeout: 2h}}                           | owl.yaml:2:10: RF023                    |
      | states: {broadcast/pushing/open_chat: null}               | owl.yaml:2:10: RF020                    |
      | states: {broadcast/pushing/on_air: {timeuot: 2h}}         | owl.yaml:2:37: RF010                    |
      | inputs: {openning_message: Hoo}                           | did you mean 'opening_message'?         |
      | states: {broadcast/pushing/confirm_live: {transitions: {done: open_chat}}} | owl.yaml:2:10: RF070 |
      | description: Mine                                         | owl.yaml:1:1: RF024                     |
      | states: {pause: {wait: 1s, before: brodcast}}             | did you mean 'broadcast'?               |
      | inputs: {wallet_address: {secret: true, default: mine}}   | RF047                                   |

  Scenario: A changed base flow is checked again
    Given the file base.yaml holds
      """
      extends: go-live.yaml
      inputs: {ticker: OWL}
      """
    And the file owl.yaml holds
      """
      extends: base.yaml
      inputs: {greeting: Hoo}
      """
    When "check owl.yaml" is called
    Then it exits with 0 and says "no mistakes"
    Given the file base.yaml holds
      """
      extends: go-live.yaml
      inputs: {tikcer: OWL}
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "base.yaml:2:10: RF023"

  Scenario: A missing secret is reported with the ways to set it
    Given the file owl.yaml holds
      """
      extends: go-live.yaml
      inputs:
        api_key: {type: string, secret: true, env: OWL_KEY}
      """
    When "run owl.yaml --rehearse --set api_key=x" is called
    Then it exits with 2 and says "others can read the command line; set the variable OWL_KEY"
    When "run owl.yaml --rehearse" is called
    Then it exits with 2 and says "the input 'api_key' is missing; set the variable OWL_KEY"
