Feature: Verification by a person
  retake.tv lets only verified agents stream. A person publishes the post that the platform asks for; the run asks the
  person, and can wait for days without a process.

  Background:
    Given an agent that nobody has vouched for

  Scenario: Without a terminal, the run waits without a process
    When the agent goes live
    Then the run waits at post
    And the question of post says "Please post this exact message in a tweet"
    And the question of post says "Claiming my Livestreaming Agent on @retakedottv. Code:"
    And POST /agent/verify was never called
    And POST /agent/rtmp was never called
    And the display was started 0 times
    And it leaves nothing behind

  Scenario: A person posts, submits the link, and the agent goes live
    Given the post https://x.com/owl/status/1860000000000000001 says "{message}"
    And ann answers post after 5h
      | decision  | posted                                       |
      | tweet_url | https://x.com/owl/status/1860000000000000001 |
    And the run is resumed 6h after its process has gone
    When the agent goes live
    Then the run is completed
    And it has been on air
    And post was asked 1 time
    And POST /agent/prepare-verify was called 1 time
    And POST /agent/verify was called 1 time
    And ann has answered post
    And no rule of the platform was broken
    And it leaves nothing behind

  Scenario Outline: A link that is not a post never reaches the platform
    Given ann answers post after 1h
      | decision  | posted |
      | tweet_url | <link> |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run waits at post
    And ann hears "<why>"
    And POST /agent/verify was never called
    And post was asked 1 time

    Examples:
      | link                                             | why                                   |
      | https://twitter.com/username/status/1234567890   | this is the address of an example     |
      | https://x.com/username/status/123                | this is the address of an example     |
      | https://x.example.com/owl/status/186000000000001 | this is not the address of a post     |
      | http://x.com/owl/status/1860000000000000001      | this is not the address of a post     |
      | https://x.com/owl                                | this is not the address of a post     |
      | I have posted it                                 | this is not the address of a post     |

  Scenario Outline: A rejected post is asked for again, with the reason
    Given the post https://x.com/owl/status/1860000000000000001 says "Hello world"
    And ann answers post after 1h
      | decision  | posted |
      | tweet_url | <link> |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run waits at post
    And post was asked 2 times
    And the question of post says "The post was not accepted"
    And the question of post says "<why>"
    And POST /agent/prepare-verify was called 1 time

    Examples:
      | link                                            | why                                        |
      | https://x.com/owl/status/1860000000000000001     | Tweet does not contain the verification code |
      | https://twitter.com/owl/status/1860000000000000  | Tweet not found                            |

  Scenario: When the platform has forgotten the message, a new one is requested
    Given the post https://x.com/owl/status/1860000000000000001 says "{message}"
    And the next POST /agent/verify meets a forgotten message
    And ann answers post after 1h
      | decision  | posted                                       |
      | tweet_url | https://x.com/owl/status/1860000000000000001 |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run waits at post
    And post was asked 2 times
    And the question of post says "retake.tv has forgotten the message; please post the new one below."
    And POST /agent/prepare-verify was called 2 times

  Scenario: The reason of an earlier rejection is not shown for a new message
    Given the post https://x.com/owl/status/1860000000000000001 says "Hello world"
    And the post https://x.com/owl/status/1860000000000000002 says "{message}"
    And from its 2nd on, the next POST /agent/verify meets a forgotten message
    And ann answers post after 1h
      | decision  | posted                                       |
      | tweet_url | https://x.com/owl/status/1860000000000000001 |
    And the run is resumed 2h after its process has gone
    And ann answers post after 3h
      | decision  | posted                                       |
      | tweet_url | https://x.com/owl/status/1860000000000000002 |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run waits at post
    And post was asked 3 times
    And the question of post says "retake.tv has forgotten the message; please post the new one below."

  Scenario: A person can decline the verification
    Given ann answers post after 1h
      | decision | decline |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "nobody vouches for the agent"
    And POST /agent/rtmp was never called

  Scenario: Nobody answers for a week
    Given the run is resumed 6h after its process has gone
    And the run is resumed 18h after its process has gone
    And the run is resumed 48h after its process has gone
    And the run is resumed 72h after its process has gone
    And the run is resumed 24h after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "nobody has posted the verification message within 7d"
    And reminders came after
      | 6h |
      | 1d |
      | 3d |
      | 6d |
    And the question expired after 7d
    And post was asked 1 time

  Scenario: The verification also runs by itself
    Given the flow verify.yaml
    And there are no inputs
    And the post https://x.com/owl/status/1860000000000000001 says "{message}"
    And ann answers post after 1h
      | decision  | posted                                       |
      | tweet_url | https://x.com/owl/status/1860000000000000001 |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is verified
    And POST /agent/rtmp was never called

  Scenario: When the verification cannot be confirmed, the person is asked again
    Given notices go to operator
    And the post https://x.com/owl/status/1860000000000000001 says "{message}"
    And ann answers post after 5h
      | decision  | posted                                       |
      | tweet_url | https://x.com/owl/status/1860000000000000001 |
    And the run is resumed 6h after its process has gone
    And from its 2nd on, every GET /agent/verification-status meets status 503
    When the agent goes live
    Then operator hears of trouble: "Cannot find out whether the agent is verified"
    And the run waits at post
    And the question of post says "has not confirmed it since"
    And it leaves nothing behind
