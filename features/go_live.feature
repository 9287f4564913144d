Feature: Going live
  An agent goes live with one command: the calls come in the order of the platform's guide, and independent steps run in
  parallel.

  Background:
    Given the flow go-live.yaml
    And an agent with credentials

  Scenario: The calls come in the order of the guide
    When the agent goes live
    Then the run is completed
    And it has been on air
    And the first calls are
      | GET /skill.json                |
      | GET /skill.md                  |
      | GET /agent/verification-status |
      | POST /agent/rtmp               |
      | POST /agent/stream/start       |
      | GET /users/live/               |
      | GET /users/live/               |
      | GET /agent/stream/status       |
      | POST /agent/update-thumbnail   |
      | POST /agent/stream/chat/send   |
      | GET /agent/stream/comments     |
    And the last call is POST /agent/stream/stop
    And no rule of the platform was broken
    And it leaves nothing behind

  Scenario: The display starts in parallel with the API calls
    Given each answer takes 0.5 s
    When the agent goes live
    Then the display is started before the stream key has come
    And it has been on air

  Scenario: The thumbnail is the first thing on air
    When the agent goes live
    Then the thumbnail comes before anything is written
    And the agent wrote
      | I'm live. What should we explore today? |

  Scenario: The opening message is the agent's own
    Given the inputs
      | name            | value                 |
      | opening_message | Tonight: owls at work |
    When the agent goes live
    Then the agent wrote
      | Tonight: owls at work |

  Scenario Outline: Chat is read from the first second on air
    Given each answer takes <latency> s
    When the agent goes live
    Then chat is read within 3 s of going live, and every 11.5 s at least

    Examples:
      | latency |
      | 0       |
      | 0.15    |
      | 0.4     |

  Scenario: The operator is notified of the stream's address
    When the agent goes live
    Then the operator is told "I'm live at https://retake.tv/night-owl"
    And the operator is told "Suggested channels: Moltbook"
    And the question of builder says "Which direction?"

  Scenario: The stream ends after max_duration
    Given it is to be on air for 10s
    When the agent goes live
    Then the run is completed
    And it was on air for 10 s
    And it leaves nothing behind

  Scenario: A stream is extended on air
    Given it is to be on air for 20m
    And somebody sends the event extend 60 s into broadcast/pushing/on_air
      | by | 10m |
    When the agent goes live
    Then the run is completed
    And the event extend was taken 1 time
    And it was on air for 1800 s

  Scenario: A long stream keeps its thumbnails and its intervals
    Given it is to be on air for 20m
    When the agent goes live
    Then the run is completed
    And it has been on air 1 times
    And thumbnails follow each other after 300 s at most
    And chat is read within 3 s of going live, and every 11.5 s at least
    And GET /agent/stream/status was never called closer than 3 s
    And no rule of the platform was broken

  Scenario: A stream that is shown late is polled at the guide's interval
    Given a stream shows as live 12 s after its first video
    When the agent goes live
    Then the run is completed
    And it has been on air
    And GET /agent/stream/status was never called closer than 3 s
    And 1 stream keys were issued and 1 used, none of them twice

  Scenario: A stream that is never shown becomes a question
    Given a stream shows as live 100000 s after its first video
    When the agent goes live
    Then the run waits at trouble
    And the question of trouble says "retake.tv did not show the stream as live"
    And it was never on air
    And 21 stream keys were issued and 21 used, none of them twice
    And no rule of the platform was broken
    And it leaves nothing behind

  Scenario: A stream that is never shown ends when a person decides so
    Given a stream shows as live 100000 s after its first video
    And ann answers trouble after 10m
      | decision | give_up |
    And the run is resumed 11m after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "retake.tv did not show the stream as live"
    And it was never on air

  Scenario: A newer guide is stored, and the run continues
    Given the platform's guide has version 2.1.10
    When the agent goes live
    Then the run is completed
    And it has been on air
    And the operator is told "the platform's guide is now version 2.1.10; this flow was written for 2.1.2"
    And the guide of version 2.1.10 is kept as a text

  Scenario: The same version in another spelling is the same guide
    Given the platform's guide has version 2.1.2.0
    And the input strict_guide is true
    When the agent goes live
    Then nothing is asked
    And it has been on air

  Scenario: Secrets appear nowhere
    When the agent goes live
    Then no token and no stream key is in the journal
    And nothing was sent to anybody but retake.tv

  Scenario: The token address that the platform reports is saved
    When the agent goes live
    Then the credentials name the token that the platform made
