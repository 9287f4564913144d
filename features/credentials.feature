Feature: Credentials
  The access token is the agent's only proof of identity. It is read with care and goes to retake.tv alone.

  Background:
    Given an agent with credentials

  Scenario: Credentials that others can read are refused
    Given its credentials file has mode 644
    When the agent goes live
    Then the run is failed
    And the reason says "open to other users"
    And the reason says "chmod 600"
    And the token was not sent at all

  Scenario: Credentials that a group can read are refused with the possible fixes
    Given its credentials file has mode 440
    When the agent goes live
    Then the run is failed
    And the reason says "mode 0440"
    And the reason says "chmod 600"
    And the reason says "RETAKE_ACCESS_TOKEN"
    And the token was not sent at all

  Scenario: A token in the environment works despite a refused file
    Given its credentials file has mode 440
    And the environment holds the token rtk_rehearsed_night_owl
    When the agent goes live
    Then the run is completed
    And it has been on air
    And the operator is told "the token of RETAKE_ACCESS_TOKEN is used without it"

  Scenario: Credentials that are not JSON are left alone
    Given its credentials file holds
      """
      {"access_token": "rtk_rehearsed_night_owl",
      """
    When the agent goes live
    Then the run is failed
    And the reason says "not JSON"
    And the reason says "credentials.json:"
    And POST /agent/register was never called

  Scenario: Credentials without a token are not replaced by a new account
    Given its credentials file holds
      """
      {"agent_name": "night-owl"}
      """
    When the agent goes live
    Then the run is failed
    And the reason says "no access_token"
    And POST /agent/register was never called

  Scenario: A token of another origin is not sent
    Given its credentials were issued by http://127.0.0.1:8080
    When the agent goes live
    Then the run is failed
    And the reason says "was issued by http://127.0.0.1:8080"
    And the reason says "it was not sent"
    And the token was not sent at all

  Scenario: A token in the environment takes precedence over the file
    Given the environment holds the token rtk_of_somebody_else
    When the agent goes live
    Then the run is failed
    And the reason says "does not accept the access token"
    And the reason says "RETAKE_ACCESS_TOKEN"

  Scenario: A token from the environment is enough
    Given there is no credentials file
    And the environment holds the token rtk_rehearsed_night_owl
    When the agent goes live
    Then the run is completed
    And it has been on air
    And there are no credentials

  Scenario: An agent with a token is not registered again
    Given the flow register.yaml
    And there are no inputs
    When the agent goes live
    Then the run is registered
    And POST /agent/register was never called

  Scenario: Unknown fields of the file are kept
    Given its credentials file holds
      """
      {"access_token": "rtk_rehearsed_night_owl", "agent_name": "night-owl", "note": "ask Ana before changing"}
      """
    When the agent goes live
    Then the run is completed
    And the credentials file still says "ask Ana before changing"
    And the credentials name the token that the platform made
    And the credentials file says "user_owl"

  Scenario Outline: A redirect is not followed
    Given every <call> meets a redirect to another host
    When the agent goes live
    Then the run <ends>
    And nothing was sent to anybody but retake.tv
    And it leaves nothing behind

    Examples:
      | call                           | ends             |
      | GET /skill.json                | is completed     |
      | POST /agent/rtmp               | waits at trouble |
      | POST /agent/stream/start       | waits at trouble |
      | POST /agent/update-thumbnail   | is completed     |
