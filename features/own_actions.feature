Feature: Your own actions
  A flow can run programs, send requests and call functions of its own.

  Scenario: A failing health script switches to a scene
    Given this flow
      """
      flow: watch
      initial: live
      states:
        live:
          initial: fine
          activities:
            health:
              do: program.run
              with: {command: [./health.sh], timeout: 10s}
              every: 1m
              raises: {unwell: result.exit_code != 0, well: result.exit_code == 0}
          transitions:
            unwell: {to: live/brb, tell: "The script says: {{ result.message }}"}
            well: live/fine
            stop: over
            error: over
          states:
            fine: {description: the stream as it is}
            brb: {entry: {scene: brb}, exit: {scene: live}}
        over: {final: completed}
      """
    And health ends with "done" 1 time
    And health ends with "failed" 1 time
      | exit_code | 3                                            |
      | message   | health.sh ended with status 3: no frames |
    And health ends with "done"
    When the flow is run
    And 61s passes
    Then it is in state "live/brb"
    And the operator is told "The script says: health.sh ended with status 3: no frames"
    When 60s passes
    Then it is in state "live/fine"

  Scenario: A failed push at the end is reported, and the run completes
    Given this flow
      """
      flow: push-notes
      initial: push
      states:
        push:
          do: program.run
          with: {command: [git, push], timeout: 1m}
          transitions:
            done: over
            failed: {to: over, tell: "The notes are not pushed: {{ result.message }}"}
            error: {to: over, tell: "{{ event.message }}"}
        over: {final: completed}
      """
    And push ends with "failed"
      | exit_code | 128                                      |
      | message   | git ended with status 128: no such remote |
    When the flow is run
    And it goes on to its end
    Then the run is completed
    And the operator is told "The notes are not pushed: git ended with status 128: no such remote"

  Rule: Your own brain drives the flow

    Background:
      Given an agent with credentials
      And this flow
        """
        extends: go-live.yaml
        events: {vote: {choice: {type: string, enum: [A, B]}}}
        states:
          broadcast/pushing/on_air:
            activities:
              chat: {with: {responder: {module: "counting_owl:reply", timeout: 5s}}}
            transitions:
              vote: {tell: "One more for {{ event.choice }}"}
        """
      And it is to be on air for 40s
      And the function of the flow answers

    Scenario: It raises the events that the flow declares; others have no effect
      Given the module counting_owl beside the flow
        """
        async def reply(batch):
            text = batch["messages"][0]["text"]
            return {"replies": ["noted"], "events": [{"name": "vote", "data": {"choice": text}}, {"name": "stop"}]}
        """
      And these viewers
        | at | name | text                                                       |
        | 3  | mira | A                                                          |
        | 9  | ade  | Z                                                          |
        | 15 | kim  | {"replies": [], "events": [{"name": "vote", "data": {}}]} |
      When the agent goes live
      Then the brain raised 1 event
      And the brain was refused 5 events
      And the agent wrote
        | I'm live. What should we explore today? |
        | noted                                   |
        | noted                                   |
        | noted                                   |
      And the run is completed

    Scenario: A program raises events along with its replies, and the flow reacts to each once
      Given this flow
        """
        extends: go-live.yaml
        events:
          vote: {choice: {type: string, enum: [A, B]}, weight: {type: integer, minimum: 1}}
          break_time: {}
        states:
          broadcast/pushing/on_air:
            activities:
              chat: {with: {responder: {command: [./brain.py]}}}
            transitions:
              vote: {set: {votes: "{{ vars.votes|default(0) + event.weight }}"}, tell: "{{ vars.votes }} for {{ event.choice }}"}
              break_time: {scene: brb}
        """
      And it is to be on air for 40s
      And a brain that says
        | to     | reply        |
        | take A | Noted, mira! |
      And a brain that raises
        | to       | event      | choice | weight |
        | take A   | vote       | A      | 2      |
        | take Z   | vote       | Z      | 1      |
        | heavy    | vote       | B      | 0      |
        | a break! | break_time |        |        |
      And these viewers
        | at | name | text     |
        | 3  | mira | take A   |
        | 9  | ade  | take Z   |
        | 15 | kim  | heavy    |
        | 21 | zoe  | a break! |
      When the agent goes live
      Then the brain raised 2 events
      And the brain was refused 2 events
      And the operator is told "2 for A"
      And the run is completed

  Rule: Named actions

    Scenario: A named action has its own inputs, outcomes and result
      Given this flow
        """
        flow: lottery
        initial: draw
        actions:
          house.draw:
            description: Draw one of the names.
            do: program.run
            with: {command: [./draw.py], input: {names: "{{ inputs.names }}"}}
            inputs: {names: {type: array, items: {type: string}}}
            result: {winner: {type: string}}
            outcomes: [drawn, nobody]
            idempotency: safe
        states:
          draw:
            do: house.draw
            with: {names: [mira, ade]}
            transitions:
              drawn: {to: over, tell: "{{ result.winner }} wins"}
              nobody: over
              error: over
          over: {final: completed}
        """
      And draw ends with "drawn"
        | winner | mira |
      When the flow is run
      And it goes on to its end
      Then the run is completed
      And house.draw got
        | names | ["mira","ade"] |
      And the operator is told "mira wins"

  Rule: In a rehearsed run, programs, functions and requests answer as the scenario says

    Scenario: A bell rings, and muting it fails
      Given an agent with credentials
      And this flow
        """
        extends: go-live.yaml
        events: {rings: {times: {type: integer}}}
        actions:
          house.bell: {do: program.run, with: {command: [./bell], lines: true}}
        states:
          broadcast/pushing/on_air:
            activities: {bell: {do: house.bell}}
            transitions:
              rings: {tell: "It rings {{ event.times }} times"}
              bell.exited: {tell: The bell is gone}
              timeout: mute
          mute:
            do: program.run
            with: {command: [./bell, mute]}
            transitions: {done: signed_off, failed: {to: signed_off, tell: "{{ result.message }}"}, error: signed_off}
        """
      And it is to be on air for 10s
      And the program "./bell" writes the lines
        """
        {"name": "rings", "data": {"times": 3}}
        {"name": "rings", "data": {"times": "many"}}
        """
      And the program "./bell" ends with status 128
      When the agent goes live
      Then the operator is told "It rings 3 times"
      And the operator is told "bell mute ended with status 128"
      And the run is completed

    Scenario Outline: A service is asked when the stream is over
      Given an agent with credentials
      And this flow
        """
        extends: go-live.yaml
        states:
          broadcast/pushing/on_air: {transitions: {timeout: ask}}
          ask:
            do: http.request
            with: {url: "https://owl.example/hooks?run={{ run.id }}", method: POST, json: {over: true}}
            transitions:
              done: {to: signed_off, tell: "The service says {{ result.json.mood }}"}
              error.*: {to: signed_off, tell: "It fails: {{ event.message }}"}
        """
      And it is to be on air for 10s
      And the request to "https://owl.example/hooks" gets status <status>
        """
        {"mood": "good"}
        """
      When the agent goes live
      Then the operator is told "<notice>"
      And the run is completed
      And nothing was sent to anybody but retake.tv

      Examples:
        | status | notice                                                                       |
        | 200    | The service says good                                                        |
        | 404    | It fails: POST https://owl.example/hooks: status 404: {"mood": "good"} |
