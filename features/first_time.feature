Feature: Going live for the first time
  An agent without an account registers once. Its token is never issued again, so it is saved before anything else.

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

  Scenario: Without a writable credentials file, no agent is registered
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

  Scenario: A person is asked for all missing inputs at once
    When the agent goes live
    Then the run waits at details
    And the question of details says "agent_name"
    And the question of details says "ticker"
    And POST /agent/register was never called
    And there are no credentials
    And it leaves nothing behind

  Scenario: Answers are added to the inputs that were set
    Given the inputs
      | name              | value                                       |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
    And ann answers details after 2h
      | decision   | again   |
      | agent_name | Day Owl |
    And the run is resumed 3h after its process has gone
    And bob answers details after 5h
      | decision | again |
      | ticker   | OWL   |
    And the run is resumed 3h after its process has gone
    When the agent goes live
    Then the run is completed
    And it has been on air
    And details was asked 2 times
    And POST /agent/register was called 1 time
    And the credentials file says "Day Owl"
    And no rule of the platform was broken

  Scenario: A person can decline the registration
    Given ann answers details after 1h
      | decision | decline |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "the registration was declined"
    And POST /agent/register was never called

  Scenario: Nobody answers the registration question for a week
    Given the run is resumed 6h after its process has gone
    And the run is resumed 18h after its process has gone
    And the run is resumed 48h after its process has gone
    And the run is resumed 72h after its process has gone
    And the run is resumed 24h after its process has gone
    When the agent goes live
    Then the run is failed
    And the reason says "no answer came within 7d"
    And reminders came after
      | 6h |
      | 1d |
      | 3d |
      | 6d |
    And POST /agent/register was never called

  Scenario Outline: An answer that the platform would refuse is refused before it is sent
    Given ann answers details after 1h
      | decision | again   |
      | <field>  | <value> |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run waits at details
    And details was asked 1 time
    And ann hears "<field> does not fit"
    And POST /agent/register was never called

    Examples:
      | field          | value       |
      | agent_name     | Day/Owl     |
      | image_url      | owl.png     |
      | wallet_address | 0x12        |
      | ticker         | MUCHTOOLONG |

  Scenario: A taken name is reported, and another one is asked for
    Given an agent named "Day Owl" is registered by somebody else
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    And ann answers details after 1h
      | decision   | again     |
      | agent_name | Early Owl |
    And the run is resumed 2h after its process has gone
    When the agent goes live
    Then the run is completed
    And details was asked 1 time
    And the question of details says "taken"
    And POST /agent/register was called 2 times
    And the credentials file says "Early Owl"

  Scenario: The registration also runs by itself
    Given the flow register.yaml
    And there are no inputs
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    When the agent goes live
    Then the run is registered
    And the credentials are saved, readable by their owner alone
    And POST /agent/rtmp was never called

  Scenario Outline: A registration with a lost response is not repeated
    Given the next POST /agent/register meets <fault>
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    When the agent goes live
    Then the run waits at in_doubt
    And POST /agent/register was called 1 time
    And the question of in_doubt says "<words>"

    Examples:
      | fault                                        | words                                   |
      | a dropped connection after its work was done | whether it was carried out is not known |
      | a delay of 30 s                              | whether it was carried out is not known |
      | status 503                                   | retake.tv failed on its own side        |
      | a gateway page                               | 502 Bad Gateway                         |

  Scenario Outline: A registration that definitely failed is retried
    Given the next 5 POST /agent/register meet <fault>
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    When the agent goes live
    Then the run is completed
    And it has been on air
    And POST /agent/register was called 6 times
    And no rule of the platform was broken

    Examples:
      | fault                      |
      | a challenge page           |
      | a blocked page             |
      | a limited page             |
      | an empty answer            |
      | a portal page              |
      | a truncated answer         |
      | a login page               |
      | an HTML page of status 401 |

  Scenario: A person can order the registration to be repeated
    Given the next POST /agent/register meets a gateway page
    And the inputs
      | name              | value                                       |
      | agent_name        | Day Owl                                     |
      | agent_description | Watches and tells                           |
      | image_url         | https://example.com/owl.png                 |
      | wallet_address    | 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV |
      | ticker            | OWL                                         |
    And ann answers in_doubt after 2h
      | decision | again |
    And the run is resumed 3h after its process has gone
    When the agent goes live
    Then the run is completed
    And POST /agent/register was called 2 times
