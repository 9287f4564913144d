Feature: Rules
  retake.tv's rules apply to every flow, however it was changed, and so do your own rules. A broken rule is reported with the
  shortest path that breaks it, before anything runs.

  Scenario: The shipped flow breaks no rule
    When "check go-live.yaml" is called
    Then it exits with 0 and says "go-live.yaml: no mistakes"

  Scenario: An overlay that goes live unverified is refused, with the path
    Given the file owl.yaml holds
      """
      flow: owl
      extends: go-live.yaml
      states:
        verification: {transitions: {done: [{when: result.verified, to: broadcast}, {to: broadcast}]}}
        prove_human: null
        not_verified: null
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "RF070 breaks the platform's rule verified_first: retake.tv lets only verified agents stream"
    And it says "retake.start_stream begins on this path: check_guide —unchanged→ credentials —found→ verification —done [not result.verified]→ broadcast/stream_key —done→ broadcast/session"

  Scenario: A flow that breaks a rule does not run, even in a rehearsal
    Given the file owl.yaml holds
      """
      flow: owl
      extends: go-live.yaml
      states:
        broadcast/pushing: {activities: {encoder: {retry: {max: 3}}}}
      """
    When "run owl.yaml --rehearse" is called
    Then it exits with 3 and says "breaks the platform's rule fresh_key: a stream key is good for one push"
    And it says "studio.encoder begins on this path: "
    And it says "broadcast/session —done→ broadcast/pushing/confirm_live —again→ broadcast/pushing/confirm_live"

  Scenario: A stream that reads no chat is refused
    Given the file owl.yaml holds
      """
      flow: owl
      extends: go-live.yaml
      states:
        broadcast/pushing/on_air:
          activities: {chat: null}
          transitions: {tip: null, chat.error.unauthorized: null}
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "breaks the platform's rule chat_read: chat is read as long as the stream is on air"
    And it says "the run stays in broadcast/pushing/on_air/share/puzzle on this path: "

  Scenario: Your own rule is checked too
    Given the file house.rules.yaml holds
      """
      rules: house
      every_path:
        approved_first:
          because: somebody of us says yes before the owl is seen
          before: broadcast
          comes: {takes: allow, while: approval}
      """
    And the file owl.yaml holds
      """
      flow: owl
      extends: go-live.yaml
      rules: [house.rules.yaml]
      states:
        approval:
          ask: {message: "May the owl go live?", decisions: {allow: null, refuse: null}}
          transitions: {allow: broadcast, refuse: not_live}
        verification: {transitions: {done: [{when: result.verified, to: approval}, {to: prove_human}]}}
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "breaks the rule approved_first of house: somebody of us says yes before the owl is seen"
    And it says "broadcast is entered on this path: "
    And it says "prove_human/verified —verified→ broadcast/stream_key"

  Scenario: An invalid rule is reported
    Given the file house.rules.yaml holds
      """
      rules: house
      every_path:
        told:
          because: the operator hears of it
          before: retake.start_steam
          comes: operator.tell
      """
    And the file owl.yaml holds
      """
      flow: owl
      rules: [house.rules.yaml]
      initial: over
      states: {over: {final: completed}}
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "house.rules.yaml:5:13: RF071 there is no action 'retake.start_steam'"
    And it says "did you mean 'retake.start_stream'?"

  Scenario: A changed rule is checked again
    Given the file house.rules.yaml holds
      """
      rules: house
      every_path: {quiet: {because: hush, before: operator.tell, comes: credentials.load}}
      """
    And the file owl.yaml holds
      """
      flow: owl
      rules: [house.rules.yaml]
      initial: load
      states:
        load: {do: credentials.load, transitions: {found: tell, missing: tell, error: over}}
        tell: {do: operator.tell, with: {message: Hello}, transitions: {done: over, error: over}}
        over: {final: completed}
      """
    When "check owl.yaml" is called
    Then it exits with 0 and says "owl.yaml: no mistakes"
    Given the file house.rules.yaml holds
      """
      rules: house
      every_path: {quiet: {because: hush, before: operator.tell, comes: retake.verify}}
      """
    When "check owl.yaml" is called
    Then it exits with 3 and says "owl.yaml:6:3: RF070 breaks the rule quiet of house: hush"
    And it says "operator.tell begins on this path: load —found→ tell"
