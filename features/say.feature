Feature: Speaking and sending events from outside
  During a run, people can speak on its stream and send it the events that its flow declares.

  Background:
    Given an agent with credentials
    And this flow
      """
      flow: talk
      initial: show
      events: {louder: {by: {type: integer}}, later: {}}
      states:
        show:
          initial: calm
          set: {volume: 5}
          activities:
            display: {do: studio.display}
            sound: {do: studio.sound}
            content: {do: studio.content, needs: display}
          transitions: {display.exited: over, sound.exited: over, content.exited: over, error: over}
          states:
            calm:
              wait: 20s
              transitions: {done: dark, louder: {when: event.by < 100, set: {volume: "{{ vars.volume + event.by }}"}}}
        dark: {wait: 10s, transitions: {done: over, later: over}}
        over: {final: completed, reason: "volume {{ vars.volume|default(0) }}"}
      """

  Scenario: Text is spoken and shown
    Given somebody has "Back in five minutes" said 5 s into calm
    When the agent goes live
    Then it was said by voice and screen
    And "Back in five minutes" was spoken on the stream 1 time
    And "Back in five minutes" was shown on the stream 1 time

  Scenario: Text goes to chat on request
    Given somebody has "Hello chat" said by chat 5 s into calm
    When the agent goes live
    Then it was said by chat
    And the agent wrote
      | Hello chat |
    And "Hello chat" was spoken on the stream 0 times

  Scenario: Without a voice, text is shown
    Given the sound is missing
    And somebody has "Hello" said 5 s into calm
    When the agent goes live
    Then it was said by screen

  Scenario: A requested voice that is missing
    Given the sound is missing
    And somebody has "Hello" said by voice 5 s into calm
    When the agent goes live
    Then it was not said, since "nothing can be spoken on stream"

  Scenario: No process drives the run
    Given somebody has "Hello" said 5 s into dark
    When the agent goes live
    Then it was not said, since "the run is not on air"
    And "Hello" was shown on the stream 0 times

  Scenario: Text that no process has taken is said by the next one, once
    Given the process is killed 5 s into calm
    And somebody has "First" said 4 s into calm
    And somebody has "Second" said 5.1 s into calm
    And the run is resumed 3s after its process has gone
    When the agent goes live
    Then "First" was shown on the stream 1 time
    And "Second" was shown on the stream 1 time

  Scenario: An event that the flow takes
    Given somebody sends the event louder 5 s into calm
      | by | 2 |
    When the agent goes live
    Then the event louder was taken 1 time
    And the reason says "volume 7"

  Scenario: An event's fields are only data
    Given somebody sends the event louder 5 s into calm
      | by | {{ 7 * 7 }} |
    When the agent goes live
    Then the event louder is refused with "the field 'by' does not fit"
    And the reason says "volume 5"

  Scenario: An event that comes too late
    Given somebody sends the event louder 5 s into dark
      | by | 2 |
    When the agent goes live
    Then the event louder is refused with "expected: later; 'show/calm' takes it"
    And the reason says "volume 5"

  Scenario Outline: An unexpected event
    Given somebody sends the event <event> 5 s into calm
    When the agent goes live
    Then the event <event> is refused with "<reason>"
    And the run is completed

    Examples:
      | event  | reason                                     |
      | later  | expected: louder                           |
      | louder | the field 'by' is missing                  |
      | stop   | declares no event 'stop' from outside      |
      | done   | its `events`: louder, later                |
