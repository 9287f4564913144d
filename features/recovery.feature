Feature: Keeping the stream live
  What breaks is replaced, with a fresh key each time, and the viewers stay. What cannot be mended ends the run with
  its reason.

  Background:
    Given an agent with credentials

  Scenario Outline: The stream comes back by itself
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

  Scenario Outline: What only decorates the stream does not interrupt it
    Given the <part> is killed 8 s into on_air
    When the agent goes live
    Then it has been on air 1 times
    And the <part> was started 2 times
    And 1 stream keys were issued and 1 used, none of them twice

    Examples:
      | part           |
      | window manager |
      | content window |

  Scenario Outline: A death while going live is no end
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

  Scenario: A stream that is off the air while the encoder runs is brought back
    Given it is to be on air for 2m
    And the encoder stalls 20 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And 2 stream keys were issued and 2 used, none of them twice
    And no rule of the platform was broken

  Scenario: A session that somebody else ended is opened again
    Given the platform ends the session 8 s into on_air
    When the agent goes live
    Then the run is completed
    And it has been on air 2 times
    And 2 stream keys were issued and 2 used, none of them twice

  Scenario: A refused key is not tried again
    Given somebody else fetches a stream key 0.2 s into confirm_live
    When the agent goes live
    Then the run is completed
    And it has been on air
    And 3 stream keys were issued and 2 used, none of them twice
    And POST /agent/stream/start was called 2 times

  Scenario: An encoder that never lasts is given up
    Given the encoder always dies 5 s after its start
    When the agent goes live
    Then the run is failed
    And the reason says "ffmpeg was killed"
    And 51 stream keys were issued and 51 used, none of them twice
    And it leaves nothing behind

  Scenario: A display that never lasts is given up
    Given the display always dies 5 s after its start
    When the agent goes live
    Then the run is failed
    And the reason says "Xvfb was killed"
    And no rule of the platform was broken
    And it leaves nothing behind

  Scenario: An encoder that fails once is started again
    Given the encoder fails once
    When the agent goes live
    Then the run is completed
    And it has been on air
    And 2 stream keys were issued and 1 used, none of them twice

  Scenario Outline: What never works is named
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
      | encoder        | never becomes ready | ffmpeg was not ready within      |
      | encoder        | fails               | ffmpeg ended with status 1       |
      | screenshot     | is missing          | scrot is not installed           |
      | screenshot     | never becomes ready | scrot was not ready within       |
      | screenshot     | fails               | scrot ended with status 1        |

  Scenario: A missing program is named with the command that installs it
    Given the encoder is missing
    When the agent goes live
    Then the reason says "apt install ffmpeg"
    And the encoder was started 0 times
