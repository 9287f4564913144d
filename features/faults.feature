Feature: Failures of retake.tv
  Every fault of every call, once and permanently. The agent still gets on air, or the run ends with a clear reason. It
  never hangs, and leaves neither a program nor a session behind.

  Background:
    Given an agent with credentials

  Scenario Outline: One failure does not keep the agent off air
    Given the next <call> meets <fault>
    When the agent goes live
    Then the run is completed
    And it has been on air
    And no rule of the platform was broken
    And nothing was sent to anybody but retake.tv
    And it leaves nothing behind

    Examples:
      | call                           | fault                                        |
      | GET /skill.json                | status 500                                   |
      | GET /skill.json                | status 503                                   |
      | GET /skill.json                | status 429 with Retry-After 7                |
      | GET /skill.json                | an HTML page                                 |
      | GET /skill.json                | a delay of 30 s                              |
      | GET /skill.json                | a dropped connection                         |
      | GET /skill.json                | a dropped connection after its work was done |
      | GET /skill.json                | status 401                                   |
      | GET /agent/verification-status | status 500                                   |
      | GET /agent/verification-status | status 503                                   |
      | GET /agent/verification-status | status 429 with Retry-After 7                |
      | GET /agent/verification-status | an HTML page                                 |
      | GET /agent/verification-status | a delay of 30 s                              |
      | GET /agent/verification-status | a dropped connection                         |
      | GET /agent/verification-status | a dropped connection after its work was done |
      | GET /agent/verification-status | a redirect to another host                   |
      | POST /agent/rtmp               | status 500                                   |
      | POST /agent/rtmp               | status 503                                   |
      | POST /agent/rtmp               | status 429 with Retry-After 7                |
      | POST /agent/rtmp               | an HTML page                                 |
      | POST /agent/rtmp               | a delay of 30 s                              |
      | POST /agent/rtmp               | a dropped connection                         |
      | POST /agent/rtmp               | a dropped connection after its work was done |
      | POST /agent/rtmp               | a redirect to another host                   |
      | POST /agent/stream/start       | status 500                                   |
      | POST /agent/stream/start       | status 503                                   |
      | POST /agent/stream/start       | status 429 with Retry-After 7                |
      | POST /agent/stream/start       | an HTML page                                 |
      | POST /agent/stream/start       | a delay of 30 s                              |
      | POST /agent/stream/start       | a dropped connection                         |
      | POST /agent/stream/start       | a dropped connection after its work was done |
      | POST /agent/stream/start       | a redirect to another host                   |
      | GET /agent/stream/status       | status 500                                   |
      | GET /agent/stream/status       | status 503                                   |
      | GET /agent/stream/status       | status 429 with Retry-After 7                |
      | GET /agent/stream/status       | an HTML page                                 |
      | GET /agent/stream/status       | a delay of 30 s                              |
      | GET /agent/stream/status       | a dropped connection                         |
      | GET /agent/stream/status       | a dropped connection after its work was done |
      | GET /agent/stream/status       | a redirect to another host                   |
      | POST /agent/update-thumbnail   | status 500                                   |
      | POST /agent/update-thumbnail   | status 503                                   |
      | POST /agent/update-thumbnail   | status 429 with Retry-After 7                |
      | POST /agent/update-thumbnail   | an HTML page                                 |
      | POST /agent/update-thumbnail   | a delay of 30 s                              |
      | POST /agent/update-thumbnail   | a dropped connection                         |
      | POST /agent/update-thumbnail   | a dropped connection after its work was done |
      | POST /agent/update-thumbnail   | a redirect to another host                   |
      | POST /agent/stream/chat/send   | status 500                                   |
      | POST /agent/stream/chat/send   | status 503                                   |
      | POST /agent/stream/chat/send   | status 429 with Retry-After 7                |
      | POST /agent/stream/chat/send   | an HTML page                                 |
      | POST /agent/stream/chat/send   | a delay of 30 s                              |
      | POST /agent/stream/chat/send   | a dropped connection                         |
      | POST /agent/stream/chat/send   | a dropped connection after its work was done |
      | POST /agent/stream/chat/send   | a redirect to another host                   |
      | POST /agent/stream/chat/send   | status 401                                   |
      | GET /agent/stream/comments     | status 500                                   |
      | GET /agent/stream/comments     | status 503                                   |
      | GET /agent/stream/comments     | status 429 with Retry-After 7                |
      | GET /agent/stream/comments     | an HTML page                                 |
      | GET /agent/stream/comments     | a delay of 30 s                              |
      | GET /agent/stream/comments     | a dropped connection                         |
      | GET /agent/stream/comments     | a dropped connection after its work was done |
      | GET /agent/stream/comments     | a redirect to another host                   |
      | GET /agent/stream/comments     | status 401                                   |
      | POST /agent/stream/stop        | status 500                                   |
      | POST /agent/stream/stop        | status 503                                   |
      | POST /agent/stream/stop        | status 429 with Retry-After 7                |
      | POST /agent/stream/stop        | an HTML page                                 |
      | POST /agent/stream/stop        | a delay of 30 s                              |
      | POST /agent/stream/stop        | a dropped connection                         |
      | POST /agent/stream/stop        | a dropped connection after its work was done |
      | POST /agent/stream/stop        | a redirect to another host                   |
      | POST /agent/stream/stop        | status 401                                   |

  Scenario Outline: A failure that a retry cannot fix ends the run at once
    Given the next <call> meets <fault>
    When the agent goes live
    Then the run is failed
    And the reason says "<words>"
    And it took 5 s at most
    And it was never on air
    And nothing was sent to anybody but retake.tv
    And it leaves nothing behind

    Examples:
      | call                           | fault                      | words                                                               |
      | GET /agent/verification-status | status 401                 | does not accept the access token                                    |
      | POST /agent/rtmp               | status 401                 | does not accept the access token                                    |
      | POST /agent/stream/start       | status 401                 | does not accept the access token                                    |
      | GET /agent/stream/status       | status 401                 | does not accept the access token                                    |

  Scenario Outline: A page instead of an answer does not keep the agent off air
    Given the next 3 <call> meet <page>
    When the agent goes live
    Then the run is completed
    And it has been on air
    And no rule of the platform was broken
    And nothing was sent to anybody but retake.tv
    And it leaves nothing behind

    Examples:
      | call                           | page                       |
      | GET /agent/verification-status | a challenge page           |
      | GET /agent/verification-status | a blocked page             |
      | GET /agent/verification-status | a limited page             |
      | GET /agent/verification-status | a login page               |
      | GET /agent/verification-status | a portal page              |
      | GET /agent/verification-status | a gateway page             |
      | GET /agent/verification-status | an empty answer            |
      | GET /agent/verification-status | a truncated answer         |
      | GET /agent/verification-status | an HTML page of status 401 |
      | GET /agent/verification-status | an HTML page of status 404 |
      | POST /agent/rtmp               | a challenge page           |
      | POST /agent/rtmp               | a blocked page             |
      | POST /agent/rtmp               | a limited page             |
      | POST /agent/rtmp               | a login page               |
      | POST /agent/rtmp               | a portal page              |
      | POST /agent/rtmp               | a gateway page             |
      | POST /agent/rtmp               | an empty answer            |
      | POST /agent/rtmp               | a truncated answer         |
      | POST /agent/rtmp               | an HTML page of status 401 |
      | POST /agent/rtmp               | an HTML page of status 404 |
      | POST /agent/stream/start       | a challenge page           |
      | POST /agent/stream/start       | a blocked page             |
      | POST /agent/stream/start       | a limited page             |
      | POST /agent/stream/start       | a login page               |
      | POST /agent/stream/start       | a portal page              |
      | POST /agent/stream/start       | a gateway page             |
      | POST /agent/stream/start       | an empty answer            |
      | POST /agent/stream/start       | a truncated answer         |
      | POST /agent/stream/start       | an HTML page of status 401 |
      | POST /agent/stream/start       | an HTML page of status 404 |
      | GET /agent/stream/status       | a challenge page           |
      | GET /agent/stream/status       | a blocked page             |
      | GET /agent/stream/status       | a limited page             |
      | GET /agent/stream/status       | a login page               |
      | GET /agent/stream/status       | a portal page              |
      | GET /agent/stream/status       | a gateway page             |
      | GET /agent/stream/status       | an empty answer            |
      | GET /agent/stream/status       | a truncated answer         |
      | GET /agent/stream/status       | an HTML page of status 401 |
      | GET /agent/stream/status       | an HTML page of status 404 |
      | GET /skill.json                | a challenge page           |
      | POST /agent/update-thumbnail   | a challenge page           |
      | POST /agent/stream/chat/send   | a challenge page           |
      | GET /agent/stream/comments     | a challenge page           |
      | GET /agent/stream/comments     | an HTML page of status 401 |

  Scenario Outline: A page instead of an answer is retried for half an hour
    Given the next 40 <call> meet <fault>
    And notices go to operator
    And the input recoveries is 1000
    When the agent goes live
    Then the run is completed
    And it has been on air
    And operator hears of trouble: "<words>"
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | call                           | fault            | words                   |
      | GET /agent/verification-status | a challenge page | from retake.tv's API    |
      | GET /agent/verification-status | status 503       | failed on its own side  |
      | GET /agent/verification-status | a login page     | which is not followed   |
      | POST /agent/rtmp               | a challenge page | from retake.tv's API    |
      | POST /agent/rtmp               | status 503       | failed on its own side  |
      | POST /agent/stream/start       | a challenge page | from retake.tv's API    |
      | GET /agent/stream/status       | a challenge page | from retake.tv's API    |

  Scenario Outline: A lasting failure is reported and retried
    Given every <call> meets <fault>
    And notices go to operator
    And the run is stopped after 20m
    When the agent goes live
    Then it was never on air
    And operator hears of trouble: "<words>"
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | call                           | fault                         | words                                      |
      | GET /agent/verification-status | status 500                    | failed on its own side                     |
      | GET /agent/verification-status | status 429 with Retry-After 7 | asks to slow down                          |
      | GET /agent/verification-status | an HTML page                  | a page: Oops                               |
      | GET /agent/verification-status | a delay of 30 s               | no answer in time                          |
      | GET /agent/verification-status | a dropped connection          | the connection broke before an answer came |
      | GET /agent/verification-status | a redirect to another host    | which is not followed                      |
      | GET /agent/stream/status       | status 500                    | failed on its own side                     |
      | GET /agent/stream/status       | status 429 with Retry-After 7 | asks to slow down                          |
      | GET /agent/stream/status       | an HTML page                  | a page: Oops                               |
      | GET /agent/stream/status       | a delay of 30 s               | no answer in time                          |
      | GET /agent/stream/status       | a dropped connection          | the connection broke before an answer came |
      | GET /agent/stream/status       | a redirect to another host    | which is not followed                      |

  Scenario Outline: A stream that cannot start becomes a question
    Given every <call> meets <fault>
    When the agent goes live
    Then the run waits at trouble
    And the question of trouble says "<words>"
    And it was never on air
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | call                           | fault                         | words                                      |
      | POST /agent/rtmp               | status 500                    | failed on its own side                     |
      | POST /agent/rtmp               | status 503                    | failed on its own side                     |
      | POST /agent/rtmp               | status 429 with Retry-After 7 | asks to slow down                          |
      | POST /agent/rtmp               | an HTML page                  | a page: Oops                               |
      | POST /agent/rtmp               | a delay of 30 s               | no answer in time                          |
      | POST /agent/rtmp               | a dropped connection          | the connection broke before an answer came |
      | POST /agent/rtmp               | a redirect to another host    | which is not followed                      |
      | POST /agent/stream/start       | status 500                    | failed on its own side                     |
      | POST /agent/stream/start       | status 503                    | failed on its own side                     |
      | POST /agent/stream/start       | an HTML page                  | a page: Oops                               |
      | POST /agent/stream/start       | a delay of 30 s               | no answer in time                          |
      | POST /agent/stream/start       | a dropped connection          | the connection broke before an answer came |
      | POST /agent/stream/start       | a redirect to another host    | which is not followed                      |

  Scenario Outline: Optional calls may fail
    Given every <call> meets <fault>
    When the agent goes live
    Then the run is completed
    And it has been on air
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | call                         | fault                         |
      | GET /skill.json              | status 500                    |
      | GET /skill.json              | status 503                    |
      | GET /skill.json              | status 429 with Retry-After 7 |
      | GET /skill.json              | an HTML page                  |
      | GET /skill.json              | a delay of 30 s               |
      | GET /skill.json              | a dropped connection          |
      | GET /skill.json              | status 401                    |
      | GET /skill.json              | a redirect to another host    |
      | GET /skill.json              | a challenge page              |
      | POST /agent/stream/chat/send | a challenge page              |
      | GET /agent/stream/comments   | a challenge page              |
      | GET /agent/stream/comments   | an HTML page of status 401    |
      | POST /agent/stream/chat/send | status 500                    |
      | POST /agent/stream/chat/send | status 503                    |
      | POST /agent/stream/chat/send | status 429 with Retry-After 7 |
      | POST /agent/stream/chat/send | an HTML page                  |
      | POST /agent/stream/chat/send | a delay of 30 s               |
      | POST /agent/stream/chat/send | a dropped connection          |
      | POST /agent/stream/chat/send | a redirect to another host    |
      | POST /agent/stream/chat/send | status 401                    |
      | GET /agent/stream/comments   | status 500                    |
      | GET /agent/stream/comments   | status 503                    |
      | GET /agent/stream/comments   | status 429 with Retry-After 7 |
      | GET /agent/stream/comments   | an HTML page                  |
      | GET /agent/stream/comments   | a delay of 30 s               |
      | GET /agent/stream/comments   | a dropped connection          |
      | GET /agent/stream/comments   | a redirect to another host    |
      | GET /agent/stream/comments   | status 401                    |

  Scenario Outline: Failures on air do not end the stream
    Given it is to be on air for 10m
    And from its 2nd on, every <call> meets <fault>
    When the agent goes live
    Then the run is completed
    And it has been on air 1 times
    And it leaves nothing behind

    Examples:
      | call                         | fault                         |
      | GET /agent/stream/status     | status 500                    |
      | GET /agent/stream/status     | status 503                    |
      | GET /agent/stream/status     | status 429 with Retry-After 7 |
      | GET /agent/stream/status     | an HTML page                  |
      | GET /agent/stream/status     | a delay of 30 s               |
      | GET /agent/stream/status     | a dropped connection          |
      | GET /agent/stream/status     | a redirect to another host    |
      | GET /agent/stream/status     | a challenge page              |
      | GET /agent/stream/status     | status 401                    |
      | POST /agent/update-thumbnail | status 500                    |
      | POST /agent/update-thumbnail | status 503                    |
      | POST /agent/update-thumbnail | status 429 with Retry-After 7 |
      | POST /agent/update-thumbnail | an HTML page                  |
      | POST /agent/update-thumbnail | a delay of 30 s               |
      | POST /agent/update-thumbnail | a dropped connection          |
      | POST /agent/update-thumbnail | a redirect to another host    |
      | POST /agent/update-thumbnail | a challenge page              |
      | POST /agent/update-thumbnail | status 401                    |

  Scenario Outline: A session that cannot be closed is reported
    Given every POST /agent/stream/stop meets <fault>
    When the agent goes live
    Then the run is completed
    And no program is left running
    And its session is still open
    And the operator is told "the stream session could not be closed"

    Examples:
      | fault                         |
      | status 500                    |
      | status 503                    |
      | status 429 with Retry-After 7 |
      | an HTML page                  |
      | a delay of 30 s               |
      | a dropped connection          |
      | a redirect to another host    |
      | a challenge page              |
      | status 401                    |

  Scenario Outline: The platform's Retry-After is honoured
    Given the next <call> meets status 429 with Retry-After 30
    When the agent goes live
    Then the run is completed
    And the second <call> came 30 s or more after the first

    Examples:
      | call                           |
      | GET /skill.json                |
      | GET /agent/verification-status |
      | POST /agent/rtmp               |
      | POST /agent/stream/start       |
      | POST /agent/update-thumbnail   |
      | POST /agent/stream/chat/send   |
      | POST /agent/stream/stop        |

  Scenario: A start with a lost response is not repeated with the same key
    Given the next POST /agent/stream/start meets a dropped connection after its work was done
    When the agent goes live
    Then the run is completed
    And 2 stream keys were issued and 1 used, none of them twice
    And POST /agent/stream/start was called 2 times
    And no rule of the platform was broken

  Scenario: An opening message with a lost response is not sent twice
    Given the next POST /agent/stream/chat/send meets a dropped connection after its work was done
    When the agent goes live
    Then the agent wrote
      | I'm live. What should we explore today? |

  Scenario: When the status is unavailable, the video continues
    Given every GET /agent/stream/status meets status 503
    And notices go to operator
    And the run is stopped after 100m
    When the agent goes live
    Then operator hears of trouble: "failed on its own side"
    And doubt was asked 1 time
    And the question of doubt says "failed on its own side"
    And the question of doubt says "The video continues"
    And the encoder was started 1 times
    And 1 stream keys were issued and 1 used, none of them twice
    And no rule of the platform was broken
    And it leaves nothing behind

  Scenario Outline: The question about the status closes by itself, and a person can answer it earlier
    Given <trouble>
    And notices go to operator
    And it is to be on air for 1m
    And ann answers doubt after 20m
      | decision | <decision> |
    When the agent goes live
    Then the run is <end>
    And doubt was asked 1 time
    And the encoder was started <started> times
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | trouble                                                 | decision | end       | started |
      | the next 100 GET /agent/stream/status meet status 503   | again    | completed | 1       |
      | the next 100 GET /agent/stream/status meet an HTML page | again    | completed | 1       |
      | the next 155 GET /agent/stream/status meet status 503   | again    | completed | 2       |
      | every GET /agent/stream/status meets status 500         | give_up  | failed    | 1       |

  Scenario: A stream that is recovered while the status is unavailable
    Given it is to be on air for 5m
    And notices go to operator
    And the encoder is killed 8 s into on_air
    And from its 2nd on, every GET /agent/stream/status meets status 503
    And the run is stopped after 20m
    When the agent goes live
    Then operator hears of trouble: "failed on its own side"
    And doubt was asked 1 time
    And the encoder was started 2 times
    And no rule of the platform was broken

  Scenario: A token rejected while the status is unavailable is not asked for endlessly
    Given the next 70 GET /agent/stream/status meet status 503
    And the next 3 GET /agent/stream/status meet status 401
    When the agent goes live
    Then the run is failed
    And the reason says "does not accept the access token"
    And it leaves nothing behind
