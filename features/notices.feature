Feature: Notices
  When nobody is at the terminal, notices go out: questions, reminders, trouble, going live, the end. A failed notice is
  retried and never delays the run.

  Scenario: The operator is notified from the start of a stream to its end
    Given an agent with credentials
    And notices go to operator
    When the agent goes live
    Then the run is completed
    And operator got these notices
      | kind  | words                           |
      | live  | I'm live at https://retake.tv/  |
      | gate  | Which direction?                |
      | ended | watching at most; messages: 0   |

  Scenario: A question is sent with the command that answers it
    Given an agent that nobody has vouched for
    And notices go to operator
    And the run is resumed 7h after its process has gone
    When the agent goes live
    Then the run waits at post
    And operator got these notices
      | kind     | words                                                                             |
      | gate     | Please post this exact message                                                    |
      | reminder | retake-flow answer rehearsed prove_human/post.1 --decision posted tweet_url=…      |

  Scenario: An unanswered question is escalated
    Given this flow
      """
      flow: urgent
      initial: decide
      states:
        decide:
          ask: {message: "Go on?", timeout: 3h, escalate: [{after: 1h, to: owner}]}
          transitions: {answered: done, timeout: given_up}
        done: {final: completed}
        given_up: {final: failed, reason: nobody was there}
      """
    And notices go to operator
    And notices go to owner
    And the run is resumed 2h after its process has gone
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is failed
    And operator got these notices
      | kind  | words            |
      | gate  | Go on?           |
      | ended | nobody was there |
    And owner got these notices
      | kind       | words  |
      | escalation | Go on? |

  Scenario: Repeated trouble is reported once
    Given an agent with credentials
    And notices go to operator
    And the encoder is killed 5 s into on_air
    And the next POST /agent/rtmp meets status 503
    When the agent goes live
    Then the run is completed
    And operator got these notices
      | kind      | words         |
      | live      | I'm live      |
      | gate      | direction?    |
      | trouble   | encoder       |
      | recovered | Back on air   |
      | ended     | recoveries: 1 |

  Scenario: A failed notice is retried, and the stream continues
    Given an agent with credentials
    And the first 2 notices to operator do not arrive
    And it is to be on air for 2m
    When the agent goes live
    Then the run is completed
    And 2 notices are journalled as failed
    And operator got these notices
      | kind  | words      |
      | live  | I'm live   |
      | gate  | direction? |
      | ended | completed  |

  Scenario: A run that is resumed after a crash says so
    Given an agent with credentials
    And notices go to operator
    And the process is killed 5 s into on_air
    And the run is resumed 5m after its process has gone
    When the agent goes live
    Then the run is completed
    And operator got these notices
      | kind      | words           |
      | live      | I'm live        |
      | gate      | direction?      |
      | trouble   | been resumed    |
      | recovered | Back on air     |
      | ended     | completed       |

  Scenario: Repeated notices are sent together
    Given an agent with credentials
    And notices go to operator
    And it is to be on air for 2m
    And these viewers
      | at | name | type | amount | text |
      | 5  | ann  | tip  | 100    | one  |
      | 9  | bob  | tip  | 200    | two  |
      | 19 | cat  | tip  | 300    | tri  |
      | 29 | dan  | tip  | 400    | for  |
    When the agent goes live
    Then the run is completed
    And operator got these notices
      | kind  | words             |
      | live  | I'm live          |
      | gate  | direction?        |
      | tip   | ann tips 100      |
      | tip   | tip (3)           |
      | ended | tips: 4 (1000)    |
