Feature: Keeping the stream live
  A program that fails is replaced, and the stream continues with a fresh key. A failure that cannot be fixed ends the run with
  its reason.

  Background:
    Given an agent with credentials

  Scenario Outline: The stream recovers by itself
    Given the <part> is killed 8 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And 2 stream keys were issued and 2 used, none of them twice
    And POST /agent/stream/start was called 2 times
    And the <part> was started 2 times
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | part    |
      | encoder |
      | display |

  Scenario: The encoder notices first that the display is gone
    Given the encoder is killed 8 s into on_air
    And the display is killed 8.05 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And no rule of the platform was broken
    And it leaves nothing behind

  Scenario Outline: A failure of a window does not interrupt the stream
    Given the <part> is killed 8 s into on_air
    When the agent goes live
    Then it has been on air 1 times
    And the <part> was started 2 times
    And 1 stream keys were issued and 1 used, none of them twice

    Examples:
      | part           |
      | window manager |
      | content window |

  Scenario Outline: A program that dies while going live does not end the run
    Given the <part> is killed <after> s into <state>
    When the agent goes live
    Then the run is completed
    And it has been on air
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | part    | state                | after |
      | display | broadcast/stream_key | 0.2   |
      | display | confirm_live         | 0.3   |
      | encoder | confirm_live         | 0.3   |
      | display | confirm_live         | 1     |
      | encoder | confirm_live         | 1     |
      | encoder | pushing/thumbnail    | 0.05  |
      | display | pushing/thumbnail    | 0.05  |
      | encoder | on_air               | 0     |

  Scenario: A stream that is off air while the encoder runs is recovered
    Given it is to be on air for 2m
    And the encoder stalls 20 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And 2 stream keys were issued and 2 used, none of them twice
    And no rule of the platform was broken

  Scenario: A session that somebody else ended is started again
    Given the platform ends the session 8 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And 2 stream keys were issued and 2 used, none of them twice

  Scenario: A refused key is not used again
    Given somebody else fetches a stream key 0.2 s into confirm_live
    When the agent goes live
    Then the run is completed
    And it has been on air
    And 3 stream keys were issued and 2 used, none of them twice
    And POST /agent/stream/start was called 2 times

  Scenario: The time off air is reported
    Given the encoder is killed 8 s into on_air
    When the agent goes live
    Then the run is completed
    And the operator is told "Back on air after"

  Scenario Outline: A stream that keeps failing is recovered ever less often, then a person is asked
    Given the <part> always dies 5 s after its start
    When the agent goes live
    Then the run waits at trouble
    And the question of trouble says "<words>"
    And <keys> stream keys were issued and <keys> used, none of them twice
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | part    | words             | keys |
      | encoder | ffmpeg was killed | 21   |
      | display | Xvfb was killed   | 21   |

  Scenario: A person answers that recovery continues
    Given the encoder always dies 5 s after its start
    And ann answers trouble after 10m
      | decision | again |
    And the run is resumed 11m after its process has gone
    When the agent goes live
    Then ann has answered trouble
    And trouble was asked 2 times
    And no rule of the platform was broken

  Scenario: A person answers that the run ends
    Given the encoder always dies 5 s after its start
    And ann answers trouble after 10m
      | decision | give_up |
    And the run is resumed 11m after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "ffmpeg was killed"

  Scenario: A minute on air resets the backoff
    Given it is to be on air for 20m
    And the input recoveries is 1
    And the encoder is killed 60 s into on_air
    And the encoder is killed 180 s into on_air
    And the encoder is killed 300 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 4 times
    And trouble was asked 0 times

  Scenario: A used-up recovery budget becomes a question
    Given it is to be on air for 2h
    And the input recoveries is 1
    And the encoder is killed 30 s into on_air
    And the encoder is killed 60 s into on_air
    When the agent goes live
    Then the run waits at trouble
    And it has been on air 2 times

  Scenario: An encoder that fails once is started again
    Given the encoder fails once
    When the agent goes live
    Then the run is completed
    And it has been on air
    And 2 stream keys were issued and 1 used, none of them twice

  Scenario Outline: A program that never works is named
    Given the <part> <trouble>
    When the agent goes live
    Then the run is failed
    And the reason says "<words>"
    And it took 1800 s at most
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | part           | trouble             | words                            |
      | display        | is missing          | Xvfb is not installed            |
      | display        | never becomes ready | Xvfb was not ready within        |
      | display        | fails               | Xvfb ended with status 1         |
      | window manager | is missing          | openbox is not installed         |
      | content window | is missing          | xterm is not installed           |
      | encoder        | is missing          | ffmpeg is not installed          |
      | display        | gets no memory      | Xvfb gets no memory              |
      | content window | gets no memory      | xterm gets no memory             |
      | encoder        | gets no memory      | ffmpeg gets no memory            |

  Scenario Outline: An encoder that never starts becomes a question
    Given the encoder <trouble>
    When the agent goes live
    Then the run waits at trouble
    And the question of trouble says "<words>"
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | trouble             | words                       |
      | never becomes ready | ffmpeg was not ready within |
      | fails               | ffmpeg ended with status 1  |

  Scenario: A failure that retries cannot fix uses one key
    Given the encoder gets no memory
    When the agent goes live
    Then the run is failed
    And the reason says "docker run --memory 1g"
    And 1 stream keys were issued and 0 used, none of them twice
    And it leaves nothing behind

  Scenario: An encoder that permanently fails on air becomes a question at once
    Given the memory for the encoder runs out 5 s into broadcast/pushing/on_air
    When the agent goes live
    Then the run waits at trouble
    And the question of trouble says "ffmpeg gets no memory"
    And 2 stream keys were issued and 1 used, none of them twice
    And it leaves nothing behind

  Scenario: A missing program is named with the command that installs it
    Given the encoder is missing
    When the agent goes live
    Then the reason says "apt install ffmpeg"
    And the encoder was started 0 times

  Scenario Outline: A stream that never gets on air is reported after the third try
    Given notices go to operator
    And <trouble>
    When the agent goes live
    Then the run waits at trouble
    And operator was told "Not on air yet: three tries have failed" once, within 60 s
    And the operator is told "<words>"
    And the question of trouble says "The stream does not get on air: "
    And the question of trouble says "<words>"
    And 21 stream keys were issued and <used> used, none of them twice
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | trouble                                      | words                                     | used |
      | the platform's ingest refuses every push     | the platform's ingest refuses the push    | 21   |
      | the platform's ingest cannot be found        | cannot be resolved                        | 0    |
      | the encoder fails                            | ffmpeg ended with status 1                | 0    |
      | every POST /agent/stream/start meets status 503 | failed on its own side | 0 |

  Scenario: A stream that stays off air is reported after the third try, and again when it is back
    Given notices go to operator
    And it is to be on air for 10m
    And 4 times the encoder is killed 3 s into on_air
    When the agent goes live
    Then the run is completed
    And the operator is told "Off the air for"
    And the operator is told "three tries have failed"
    And the operator is told "Back on air after"

  Scenario: A competing stream of the same agent becomes a question, and the stream continues when it has ended
    Given it is to be on air for 10m
    And 5 times somebody else fetches a stream key 2 s into on_air
    And ann answers contested after 1m
      | decision | again |
    When the agent goes live
    Then the run is completed
    And contested was asked 1 time
    And the question of contested says "5 fresh stream keys were each replaced"
    And the question of contested says "another machine or program streams as the same agent"
    And it has been on air 6 times
    And no rule of the platform was broken

  Scenario: Giving way to a competing stream leaves the session to it
    Given 1000 times somebody else fetches a stream key 2 s into on_air
    And ann answers contested after 1m
      | decision | give_up |
    When the agent goes live
    Then the run is failed
    And the reason says "the platform's ingest has closed the push"
    And contested was asked 1 time
    And no rule of the platform was broken
    And it leaves nothing behind

  Scenario: Without an answer, a contested stream is retried after half an hour
    Given it is to be on air for 20m
    And 5 times somebody else fetches a stream key 2 s into on_air
    When the agent goes live
    Then the run is completed
    And contested was asked 1 time
    And it has been on air 6 times

  Scenario: An occasionally closed push is not a competing stream
    Given it is to be on air for 30m
    And 8 times somebody else fetches a stream key 90 s into on_air
    When the agent goes live
    Then the run is completed
    And contested was asked 0 times
    And it has been on air 9 times

  Scenario Outline: A lost window is reported, and the stream continues without it
    Given the <part> is killed 8 s into on_air
    And the <part> is missing from its second start on
    When the agent goes live
    Then the run is completed
    And it has been on air 1 times
    And the operator is told "The stream continues without a <part>: "
    And the operator is told "is not installed"

    Examples:
      | part           |
      | window manager |
      | content window |

  Scenario Outline: A repeating internal error becomes a question
    Given the <part> is killed 8 s into on_air
    And starting the <part> is a defect from its second start on
    When the agent goes live
    Then the run waits at trouble
    And the question of trouble says "LookupError: nobody has foreseen this of <program>, 3 times in a row"
    And the <part> was started 4 times
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | part    | program    |
      | encoder | ffmpeg     |
      | display | Xvfb       |
      | sound   | pulseaudio |

  Scenario Outline: A window that fails by an internal error is reported, and the stream continues
    Given the <part> is killed 8 s into on_air
    And starting the <part> is a defect from its second start on
    When the agent goes live
    Then the run is completed
    And it has been on air 1 times
    And the <part> was started 4 times
    And the operator is told "The stream continues without a <part>: "
    And the operator is told "3 times in a row"

    Examples:
      | part           |
      | window manager |
      | content window |

  Scenario Outline: A failure on air that only a person can fix becomes a question at once
    Given the <part> is killed 8 s into on_air
    And the <part> is missing from its second start on
    When the agent goes live
    Then the run waits at trouble
    And the question of trouble says "The stream does not stay on air: <program> is not installed"
    And the <part> was started 1 times
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | part    | program |
      | encoder | ffmpeg  |
      | display | Xvfb    |
