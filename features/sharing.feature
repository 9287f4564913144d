Feature: Direction, sharing and milestones
  The operator is notified of what matters about a stream, and can set its direction without delaying it. The stream's
  link is shared once in the places where agents meet.

  Background:
    Given the flow go-live.yaml
    And an agent with credentials

  # --- which direction? ---------------------------------------------------------------------------------------

  Scenario: The operator sets a direction without interrupting the stream
    Given it is to be on air for 1m
    And notices go to operator
    And ann answers builder after 20s
      | direction | owls at night |
    When the agent goes live
    Then the run is completed
    And ann has answered builder
    And the stream shows "Direction: owls at night"
    And it has been on air 1 times
    And 1 stream keys were issued and 1 used, none of them twice
    And chat is read within 3 s of going live, and every 11 s at least
    And operator got these notices
      | kind  | words                                                   |
      | live  | Can you share the stream link to grow our audience?     |
      | gate  | I'm live at https://retake.tv/night-owl                 |
      | ended | completed                                               |

  Scenario: An unanswered direction question ends with the stream
    When the agent goes live
    Then the run is completed
    And it was on air for 30 s
    And builder was asked 1 time
    And nothing is asked
    And it took 1 processes

  Scenario: The responder gets the direction
    Given this flow
      """
      flow: with-a-brain
      extends: go-live.yaml
      inputs: {max_duration: {default: 10m}}
      states:
        broadcast/pushing/on_air:
          activities: {chat: {with: {responder: {command: [brain]}}}}
      """
    And a brain that says
      | to    | reply |
      | hello | hi    |
    And these viewers
      | at | name | text  |
      | 5  | ann  | hello |
      | 40 | bob  | hello |
    And ann answers builder after 20s
      | direction | owls at night |
    And it is to be on air for 1m
    When the agent goes live
    Then the run is completed
    And the brain was told these directions
      |               |
      | owls at night |

  Scenario: A recovered stream asks the same question without a second notice
    Given it is to be on air for 2m
    And notices go to operator
    And 3 watch from 5 s into on_air on
    And the encoder is killed 10 s into on_air
    And ann answers builder after 50s
      | direction | owls at night |
    When the agent goes live
    Then the run is completed
    And builder was asked 2 times
    And the stream shows "Direction: owls at night"
    And operator was told 1 time by a gate

  Scenario: An answered question is not asked again after a recovery
    Given it is to be on air for 2m
    And ann answers builder after 5s
      | direction | owls at night |
    And the encoder is killed 20 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And builder was asked 1 time

  # --- sharing ------------------------------------------------------------------------------------------------

  Scenario: A stream is shared on Moltbook in the words of the guide
    Given there is a key for Moltbook
    And the input activity is counting owls
    When the agent goes live
    Then the run is completed
    And Moltbook shows "I'm live on retake.tv — counting owls. Watch: https://retake.tv/night-owl"
    And the key for Moltbook went to www.moltbook.com alone and is in no record
    And the operator is told "https://www.moltbook.com/post/post-1"

  Scenario: A stream is shared once, even after a recovery
    Given there is a key for Moltbook
    And notices go to shared
    And it is to be on air for 2m
    And the encoder is killed 10 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And Moltbook was called 1 time
    And shared got these notices
      | kind   | words                                                                                        |
      | shared | I'm live on retake.tv — live and open for ideas. Watch: https://retake.tv/night-owl          |

  Scenario Outline: A stream is shared at most once, even across a crash
    Given Moltbook takes 4 s for an answer
    And it is to be on air for 2m
    And the process is killed <after> s into share
    And the run is resumed 1m after its process has gone
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And Moltbook was called 1 time

    Examples:
      | after |
      | 0.1   |
      | 3.9   |
      | 4.1   |

  Scenario Outline: A failed post does not affect the stream
    Given Moltbook answers with status <status>
    When the agent goes live
    Then the run is completed
    And it was on air for 30 s
    And Moltbook was called 1 time

    Examples:
      | status |
      | 401    |
      | 429    |
      | 500    |

  Scenario: Moltbook's hint is reported
    Given Moltbook refuses the post and says "Verify your email at moltbook.com/settings"
    And notices go to operator
    When the agent goes live
    Then the run is completed
    And operator hears of trouble: "Verify your email at moltbook.com/settings"
    And the error of share/moltbook says "Verify your email at moltbook.com/settings"

  Scenario: A slow Moltbook does not delay chat
    Given Moltbook takes 60 s for an answer
    And it is to be on air for 1m
    When the agent goes live
    Then the run is completed
    And chat is read within 3 s of going live, and every 11 s at least
    And builder was asked 1 time

  Scenario: A held post appears once its challenge is answered
    Given Moltbook holds posts back until "two and two" is answered by 4.00
    And it is to be on air for 2m
    And ann answers puzzle after 20s
      | number | 4.00 |
    When the agent goes live
    Then the run is completed
    And the question of puzzle says "two and two"
    And Moltbook shows "I'm live on retake.tv — live and open for ideas. Watch: https://retake.tv/night-owl"
    And builder was asked 1 time

  Scenario: An unanswered Moltbook challenge expires
    Given Moltbook holds posts back until "two and two" is answered by 4.00
    And it is to be on air for 10m
    When the agent goes live
    Then the run is completed
    And Moltbook was called 1 time
    And the question expired after 5m
    And builder was asked 1 time

  # --- what happens on air ------------------------------------------------------------------------------------

  Scenario: The operator is notified of large tips
    Given notices go to operator
    And the input large_tip is 50
    And these viewers
      | at | name | type | amount | text    |
      | 5  | ann  | tip  | 10     | a bit   |
      | 8  | bob  | tip  | 50     | for you |
    When the agent goes live
    Then the run is completed
    And the operator is told "bob tips 50"
    And operator was told 1 time by a tip

  Scenario: The operator is notified of each milestone once, and never of a lower one
    Given notices go to operator
    And it is to be on air for 9m
    And 12 watch from 40 s into on_air on
    And 3 watch from 2 s into turning on
    And ann answers builder after 2m
      | direction | on |
    And the encoder is killed 200 s into on_air
    And 30 watch from 320 s into on_air on
    When the agent goes live
    Then the run is completed
    And the operator is told "12 are watching."
    And the operator is told "30 are watching."
    And operator was told 2 times by a milestone

  Scenario: Ten minutes before a long stream ends, a notice goes out
    Given notices go to operator
    And it is to be on air for 15m
    When the agent goes live
    Then the run is completed
    And operator got these notices
      | kind    | words                           |
      | live    | Can you share the stream link   |
      | gate    | Which direction?                |
      | warning | The stream ends in ten minutes. |
      | ended   | completed                       |

  Scenario: When the stream is stopped, a notice gives its figures
    Given notices go to operator
    And these viewers
      | at | name | text  |
      | 5  | ann  | hello |
    And Ctrl-C is pressed 20 s into on_air
    When the agent goes live
    Then operator got these notices
      | kind    | words                                              |
      | live    | Can you share the stream link                      |
      | gate    | Which direction?                                   |
      | warning | The stream ends now: interrupted.                  |
      | ended   | watching at most; messages: 1; tips: 0; recoveries: 0. |
