Feature: Going live for the first time
  An agent without an account registers once. Its token is never issued again, so it is on disk before anything else.

  Background:
    Given an agent that was never registered

  Scenario: An agent registers and goes live
    Given the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    When the agent goes live
    Then the run is completed
    And it has been on air
    And POST /agent/register was called 1 time
    And the credentials are saved, readable by their owner alone
    And no rule of the platform was broken
    And no token and no stream key is in the journal

  Scenario: The credentials are saved before anything else is done
    Given the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    And Ctrl-C is pressed again 0 s into verification
    When the agent goes live
    Then the run is killed
    And the credentials are saved, readable by their owner alone

  Scenario: Without a place for its token no agent is registered
    Given its credentials cannot be saved
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    When the agent goes live
    Then the run is failed
    And POST /agent/register was never called
    And the reason says "credentials.json"

  Scenario: What is missing is named, all at once
    When the agent goes live
    Then the run is failed
    And the reason says "agent_name"
    And the reason says "ticker"
    And the reason says "--set NAME=…"
    And POST /agent/register was never called

  Scenario Outline: What the platform would refuse is refused before it is sent
    Given the inputs
      | name              | value         |
      | agent_name        | <name>        |
      | agent_description | Watches       |
      | image_url         | <picture>     |
      | wallet_address    | <wallet>      |
      | ticker            | <ticker>      |
    When the agent goes live
    Then the run is failed
    And the reason says "<words>"
    And POST /agent/register was never called

    Examples:
      | name    | picture                     | wallet                                      | ticker      | words          |
      | Day/Owl | https://example.com/owl.png | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV | OWL         | agent_name     |
      | Day Owl | owl.png                     | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV | OWL         | image_url      |
      | Day Owl | https://example.com/owl.png | 0x12                                        | OWL         | wallet_address |
      | Day Owl | https://example.com/owl.png | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV | MUCHTOOLONG | ticker         |

  Scenario: A name that is taken is told, and nothing is saved
    Given an agent named "Day Owl" is registered by somebody else
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    When the agent goes live
    Then the run is failed
    And the reason says "taken"
    And there are no credentials

  Scenario Outline: A registration whose answer is lost is not repeated
    Given the next POST /agent/register meets <fault>
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    When the agent goes live
    Then the run is failed
    And POST /agent/register was called 1 time
    And the reason says "<words>"

    Examples:
      | fault                                        | words                                |
      | a dropped connection after its work was done | whether it was carried out is not known |
      | a delay of 30 s                              | whether it was carried out is not known |
      | status 503                                   | retake.tv failed on its own side     |
      | an HTML page                                 | not JSON                             |
