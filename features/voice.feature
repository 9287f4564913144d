Feature: Voice
  The stream has its own sound server, so that it can speak without a restart.

  Background:
    Given an agent with credentials
    And this flow
      """
      flow: talk
      initial: show
      states:
        show:
          initial: pause
          activities: {sound: {do: studio.sound, retry: {max: 3, interval: 1s}}}
          transitions: {sound.exited: over, error: over}
          states:
            pause: {wait: 2s, transitions: {done: hello}}
            hello: {do: studio.speak, with: {text: "Good evening!"}, transitions: {done: rest}}
            rest: {wait: 10s, transitions: {done: over}}
        over: {final: completed}
      """

  Scenario: A flow speaks
    When the agent goes live
    Then the run is completed
    And "Good evening!" was spoken on the stream 1 time
    And it leaves nothing behind

  Scenario: Without the programs the stream is silent, which is reported once
    Given the sound is missing
    When the agent goes live
    Then the run is completed
    And it is told 1 time that the stream is silent, since "pulseaudio is not installed"
    And "Good evening!" was spoken on the stream 0 times

  Scenario: A sound server that dies is restarted
    Given the sound is killed 5 s into show
    And somebody has "I am back" said 5 s into rest
    When the agent goes live
    Then the run is completed
    And the sound was started 2 times
    And "I am back" was spoken on the stream 1 time

  Scenario: When the sound dies, the encoder restarts with a fresh key
    Given this flow
      """
      flow: loud
      initial: show
      states:
        show:
          initial: key
          activities:
            display: {do: studio.display}
            sound: {do: studio.sound, retry: {max: 3, interval: 1s}}
          transitions: {display.exited: over, sound.exited: over, error: over}
          states:
            key: {do: retake.stream_key, transitions: {done: session}}
            session: {do: retake.start_stream, undo: retake.stop_stream, transitions: {done: push}}
            push:
              activities: {encoder: {do: studio.encoder, needs: [display, sound], with: {to: "{{ outputs.key }}"}}}
              wait: 20s
              transitions: {encoder.exited: key, done: over}
        over: {final: completed}
      """
    And the sound is killed 8 s into push
    When the agent goes live
    Then the run is completed
    And the encoder was started 2 times
    And 2 stream keys were issued and 2 used, none of them twice
    And it leaves nothing behind
