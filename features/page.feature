Feature: The operator's page
  Everyone with the link of the page sees the questions of each run and can answer them there, on a phone or at a desk.

  Scenario: Two people answer one question
    Given a run asks for the address of a post
    And Ann and Bo have followed the link of its page
    When Ann answers https://x.com/owl/status/1 on the page
    And Bo answers https://x.com/owl/status/2 on the page
    Then the run has the answer https://x.com/owl/status/1 of Ann
    And Bo reads on the page: already answered by Ann

  Scenario: An invalid answer is asked for again
    Given a run asks for the address of a post
    And Ann and Bo have followed the link of its page
    When Ann answers elsewhere on the page
    Then Ann reads on the page: tweet_url
    And the run has no answer

  Scenario: A read-only page accepts no answer
    Given a run asks for the address of a post
    And Ann and Bo have followed the link of its page, which only shows
    When Ann answers https://x.com/owl/status/1 on the page
    Then Ann reads on the page: This page is read-only
    And the run has no answer
