Feature: Opening a stream without delay
  It is not known how long the platform takes to show a stream as live, and the status may be polled only every 3 s. So the
  agent learns the lag and polls when the next stream should be live. Here, the thumbnail, which comes first, takes 0.35 s.

  Background:
    Given an agent with credentials
    And it is to be on air for 20s

  Scenario Outline: The second stream is opened at once
    Given a stream shows as live <lag> s after its first video
    When the agent goes live
    And the agent goes live once more
    Then it was on air 0.65 s at most after it was live
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | lag |
      | 0   |
      | 0.7 |
      | 1   |
      | 1.6 |
      | 2.6 |
      | 5   |
      | 0.2 |
      | 2.2 |
      | 3.4 |
      | 9.3 |
      | 21  |

  Scenario Outline: After a short stream, the lag is known to the second
    Given it is to be on air for 1s
    And a stream shows as live <lag> s after its first video
    When the agent goes live
    And the agent goes live once more
    Then it was on air 1.2 s at most after it was live
    And no rule of the platform was broken

    Examples:
      | lag |
      | 0   |
      | 0.7 |
      | 1.6 |
      | 2.5 |
      | 5   |

  Scenario Outline: A recovered stream is opened at once
    Given a stream shows as live <lag> s after its first video
    And it is to be on air for 90s
    And the <part> is killed 14 s into on_air
    When the agent goes live
    Then it has been on air 2 times
    And it was back on air 0.65 s at most after it was live again
    And no rule of the platform was broken

    Examples:
      | lag | part    |
      | 0   | display |
      | 0.7 | encoder |
      | 1   | display |
      | 1.6 | encoder |
      | 2.6 | encoder |
      | 5   | encoder |
      | 5   | display |

  Scenario Outline: A first stream is opened no later than by following the guide literally
    Given a stream shows as live <lag> s after its first video
    When the agent goes live
    Then it was on air no later than by the guide done literally
    And no rule of the platform was broken

    Examples:
      | lag |
      | 0   |
      | 0.7 |
      | 1   |
      | 1.6 |
      | 2.3 |
      | 2.6 |
      | 5   |
      | 7.9 |

  Scenario Outline: Other signs that a first stream is live are used
    Given a stream shows as live <lag> s after its first video
    And the platform tells that a session has started when it is <event>, and lists it when it is <list>
    When the agent goes live
    Then it was on air <seconds> s at most after it was live
    And no rule of the platform was broken
    And it leaves nothing behind

    Examples:
      | lag | event  | list   | seconds |
      | 0.9 | live   | opened | 0.4     |
      | 2   | live   | opened | 0.4     |
      | 0.9 | opened | live   | 0.9     |
      | 2   | opened | live   | 0.9     |
      | 0.9 | live   | live   | 0.4     |

  Scenario Outline: Without other signs, or with misleading ones, the guide's interval is used
    Given a stream shows as live <lag> s after its first video
    And the platform tells that a session has started when it is opened, and lists it when it is opened
    When the agent goes live
    Then it was on air no later than by the guide done literally
    And GET /agent/stream/status was never called closer than 3 s
    And no rule of the platform was broken

    Examples:
      | lag |
      | 0   |
      | 1   |
      | 2.6 |

  Scenario: A platform without real-time events and without a list
    Given the platform tells nothing in real time
    And every GET /users/live/ meets status 404
    And a stream shows as live 1 s after its first video
    When the agent goes live
    Then it was on air no later than by the guide done literally
    And no rule of the platform was broken

  Scenario: A list of live agents that never answers delays nothing
    Given every GET /users/live/ meets a delay of 30 s
    And a stream shows as live 1 s after its first video
    When the agent goes live
    Then it was on air no later than by the guide done literally
    And it leaves nothing behind

  Scenario: One slow stream changes nothing
    Given a stream shows as live 1 s after its first video
    When the agent goes live
    And a stream shows as live 8 s after its first video
    And the agent goes live once more
    And a stream shows as live 1 s after its first video
    And the agent goes live once more
    Then it was on air 0.65 s at most after it was live

  Scenario: A lasting increase of the lag is learnt
    Given a stream shows as live 1 s after its first video
    When the agent goes live
    And a stream shows as live 4 s after its first video
    And the agent goes live once more
    And the agent goes live once more
    And the agent goes live once more
    Then it was on air 0.65 s at most after it was live

  Scenario: A decrease of the lag is learnt at once
    Given a stream shows as live 6 s after its first video
    When the agent goes live
    And a stream shows as live 1 s after its first video
    And the agent goes live once more
    And the agent goes live once more
    Then it was on air 0.65 s at most after it was live

  Scenario Outline: A damaged lag file does not prevent a stream
    Given a stream shows as live 1 s after its first video
    When the agent goes live
    And <what> is where the lag was kept
    And the agent goes live once more
    Then the run is completed
    And it was on air no later than by the guide done literally
    And no rule of the platform was broken

    Examples:
      | what             |
      | nonsense         |
      | an empty file    |
      | a folder         |
      | the lag of NaN s |
      | the lag of years |

  Scenario: The interval is kept when the stream goes down just after a check
    Given a stream shows as live 0 s after its first video
    And the encoder is killed 3.2 s into on_air
    When the agent goes live
    Then it has been on air 2 times
    And GET /agent/stream/status was never called closer than 3 s
    And no rule of the platform was broken

  Scenario Outline: Just after a check, the list of live agents shows that the stream is back
    Given a stream shows as live <lag> s after its first video
    And the platform tells that a session has started when it is opened, and lists it when it is live
    And the encoder is killed 3.2 s into on_air
    When the agent goes live
    Then it has been on air 2 times
    And it was back on air 1.2 s at most after it was live again
    And GET /agent/stream/status was never called closer than 3 s
    And no rule of the platform was broken

    Examples:
      | lag |
      | 0   |
      | 0.5 |
      | 1   |
